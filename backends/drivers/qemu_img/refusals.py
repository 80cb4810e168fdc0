"""Why an image is refused: one line each, with a stable code and what mends it."""

from __future__ import annotations

from backends.errors import Refused

# The largest disk that an image may have, and the largest file that is taken, in bytes.
LARGEST = 64 << 40
# The same of a file that somebody brings who is not the cloud's admin: a file of holes costs
# nothing to make, and reading it takes as long as if it held something.
LARGEST_OF_MEMBERS = 1 << 40


def check_virtual_size(size: int) -> None:
    """Raises Refused `image.too_large`."""
    if size > LARGEST:
        raise too_large(
            f"the image claims a disk of {size} bytes; at most {LARGEST >> 40} TiB are taken"
        )


def too_large(text: str) -> Refused:
    """The refusal of an image beyond reason."""
    return Refused("image.too_large", text)


def backing(what: str) -> Refused:
    """The refusal of an image that is not whole by itself."""
    return Refused(
        "image.backing.refused",
        f"the image needs another file ({what}); convert it to one that stands alone "
        "(qemu-img convert)",
    )


def truncated(what: str) -> Refused:
    """The refusal of an image whose end is missing."""
    return Refused(
        "image.truncated",
        f"the image is shorter than its own {what} says; fetch it again",
    )


def corrupt(what: str) -> Refused:
    """The refusal of an image that contradicts itself."""
    return Refused("image.corrupt", f"the image is damaged ({what}); fetch it again")


def locked(what: str) -> Refused:
    """The refusal of an image that only its key opens."""
    return Refused(
        "image.encrypted",
        f"the image is encrypted ({what}) and its key is not known here; decrypt it first",
    )


def packed(what: str) -> Refused:
    """The refusal of a file that is a disk only once it is unpacked."""
    return Refused("image.packed", f"the image is packed by {what}; unpack it first")
