"""What all that concerns images shares: who may use one, whose it is, who stands on it."""

from __future__ import annotations

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from backends.caller import Caller
from backends.errors import NotFound, Refused
from backends.plan import hardware
from backends.records.image import Image, ImageMember, Membership, Visibility
from backends.records.instance import Instance
from backends.services.base import Service, check_absent, compose, good_properties

DISK_FORMATS = ("raw", "qcow2", "vdi", "vhd", "vhdx", "vmdk", "iso", "aki", "ari", "ami")
CONTAINER_FORMATS = ("bare", "aki", "ari", "ami", "ovf", "docker")


class ImageService(Service):
    """Finding images, as far as the caller may."""

    def require(self, session: Session, ref: str) -> Image:
        """An image that the caller may use. Raises NotFound `image.not_found`.

        One that is offered to the project, and not taken yet, is found by its id alone.
        """
        ref = compose(ref)
        mine = select(Image).where(
            (col(Image.id) == ref) | (col(Image.name) == ref), col(Image.absent).is_(False)
        )
        offered = set(session.exec(self._shared(*Membership)))
        taken = set(session.exec(self._shared(Membership.ACCEPTED)))
        rows = [
            row
            for row in session.exec(mine)
            if self.caller.sees(row.project_id)
            or row.visibility is Visibility.PUBLIC
            or row.id in (offered if row.id == ref else taken)
        ]
        exact = [row for row in rows if row.id == ref] or [
            row for row in rows if row.project_id == self.caller.project_id
        ]
        rows = exact or rows
        if not rows:
            raise NotFound(
                "image.not_found", f"no image {ref!r} here; see `quarterdeck image list`"
            )
        if len(rows) > 1:
            raise Refused("image.ambiguous", f"{len(rows)} images are named {ref!r}; give the id")
        return rows[0]

    def own(self, session: Session, ref: str) -> Image:
        """The same, of the caller's project. Raises Refused `right.missing`, `image.deleting`."""
        row = self.require(session, ref)
        if not self.caller.sees(row.project_id):
            raise Refused("right.missing", f"image {row.name} belongs to another project")
        check_absent(row, "image")
        return row

    @property
    def reader(self) -> int | None:
        """The user of the machine as whom a path is opened; None is the cloud's admin."""
        return None if self.caller.admin else self.caller.uid

    def _visibility(self, text: str) -> Visibility:
        try:
            wanted = Visibility(text)
        except ValueError:
            raise Refused("image.visibility", "an image is private, shared or public") from None
        if wanted is Visibility.PUBLIC:
            self.caller.require_cloud_admin("make an image public")
        return wanted

    def _shared(self, *statuses: Membership) -> SelectOfScalar[str]:
        """Ids of the images that are shared with the caller's project."""
        return (
            select(ImageMember.image_id)
            .join(Image, col(Image.id) == col(ImageMember.image_id))
            .where(
                ImageMember.project_id == self.caller.project_id,
                col(ImageMember.status).in_([each.value for each in statuses]),
                col(Image.visibility) == Visibility.SHARED,
            )
        )


def users_of(session: Session, image_id: str, caller: Caller, *, but: str = "") -> list[str]:
    """Names of the instances and images that stand on an image; others' are only counted.

    `but` is the id of an instance that does not count.
    """
    image = session.get(Image, image_id)
    stands = (
        (col(Instance.base_id) == image_id)
        | (col(Instance.leaving_id) == image_id)
        | (col(Instance.rescue_image_id) == image_id)
    )
    booted = col(Instance.image_id) == image_id
    if image is not None and (image.kernel_id or image.disk_format == "iso"):
        # Its kernel is found by the image, and its disc is the image, whatever the disk stands on.
        stands |= booted
    else:
        # What is not made yet, or is shelved, is yet to be made of it.
        stands |= booted & col(Instance.made).is_(False)
    instances = select(Instance.name, Instance.project_id).where(stands, Instance.id != but)
    parts = select(Image.name, Image.project_id).where(
        (col(Image.kernel_id) == image_id) | (col(Image.ramdisk_id) == image_id)
    )
    # Instances of an ami boot from its kernel and ramdisk, which the second query covers.
    found = [*session.exec(instances), *session.exec(parts)]
    names = sorted(name for name, project_id in found if caller.sees(project_id))
    if hidden := len(found) - len(names):
        names.append(f"{hidden} of other projects")
    return names


def check_unused(session: Session, row: Image, caller: Caller, *, but: str = "") -> None:
    """Raises Refused `image.in_use` with the list."""
    users = users_of(session, row.id, caller, but=but)
    if users:
        raise Refused("image.in_use", f"image {row.name} is stood on by {', '.join(users)}")


def check_formats(disk_format: str, container_format: str) -> None:
    """Raises Refused `image.format.unknown`."""
    for kind, text, known in (
        ("disk", disk_format, DISK_FORMATS),
        ("container", container_format, CONTAINER_FORMATS),
    ):
        if text not in known:
            raise Refused(
                "image.format.unknown", f"{kind} format {text!r}: there are {', '.join(known)}"
            )


def good_image_properties(properties: dict[str, str] | None) -> dict[str, str]:
    """Properties, of which those that begin `hw_` are obeyed, and so must be known.

    Raises Refused `image.property.invalid`, `text.invalid`.
    """
    found = good_properties(properties)
    for name, value in found.items():
        if not name.startswith("hw_"):
            continue
        allowed = hardware.PROPERTIES.get(name)
        if allowed is None:
            known = ", ".join(hardware.PROPERTIES)
            raise Refused("image.property.invalid", f"no {name!r} is obeyed here: {known} are")
        if value not in allowed:
            raise Refused(
                "image.property.invalid", f"{name} is one of {', '.join(allowed)}, not {value!r}"
            )
    return found


def check_hardware(properties: dict[str, str]) -> None:
    """What does not go together. Raises Refused `image.property.invalid`."""
    machine = hardware.value(properties, "hw_machine_type")
    if hardware.value(properties, "hw_disk_bus") == "ide" and machine != "pc":
        raise Refused("image.property.invalid", "IDE disks take hw_machine_type=pc")
    if hardware.value(properties, "hw_firmware_type") == "uefi" and machine != "q35":
        raise Refused("image.property.invalid", "UEFI takes hw_machine_type=q35")
