"""nft(8)'s text: written as one transaction, and read back. Pure.

A table carries a seal: an empty chain whose comment has two digests, of what was to be written
and of the table as nft then listed it. What nft lists later has that digest, or was changed.
"""

from __future__ import annotations

import hashlib
import re

from backends.drivers.nftables.facts import Rules
from backends.drivers.nftables.steps import WriteRules

LENT = "lent"
WITHDRAWN = "withdrawn"
_SEAL = "seal"
_ADDRESS = r"\d+(?:\.\d+){3}"
_LENT = re.compile(rf"({_ADDRESS}) : ({_ADDRESS})")
_WITHDRAWN = re.compile(rf"({_ADDRESS}) \. ({_ADDRESS})")
_SEALED = re.compile(r'comment "([0-9a-f]{16}) ([0-9a-f]{16})"')


def script(step: WriteRules) -> str:
    """The transaction: the table is there, it goes, it comes as it should be."""
    name = f"{step.family} {step.table}"
    pairs = ", ".join(f"{floating} . {fixed}" for floating, fixed in step.withdrawn)
    elements = f" elements = {{ {pairs} }};" if pairs else ""
    kept = f"\tset {WITHDRAWN} {{ type ipv4_addr . ipv4_addr;{elements} }}\n"
    return f"table {name}\ndelete table {name}\ntable {name} {{\n{kept}{step.body}}}\n"


def seal(step: WriteRules, listing: str) -> str:
    """What notes that the table, as it is listed now, is what the step wanted."""
    comment = f'comment "{step.digest} {_digest(listing)}"'
    return f"add chain {step.family} {step.table} {_SEAL} {{ {comment}; }}\n"


def read(listing: str) -> Rules:
    """The facts of a table as nft lists it."""
    sealed = _SEALED.search(_block(listing, f"chain {_SEAL}"))
    written, listed = sealed.groups() if sealed else ("", "")
    return Rules(
        written if listed == _digest(listing) else "",
        frozenset(_LENT.findall(_block(listing, f"map {LENT}"))),
        frozenset(_WITHDRAWN.findall(_block(listing, f"set {WITHDRAWN}"))),
    )


def _digest(listing: str) -> str:
    """Of the listing without the seal and without what is withdrawn, which come and go."""
    for name in (f"chain {_SEAL}", f"set {WITHDRAWN}"):
        listing = listing.replace(_block(listing, name), "")
    lines = [line for line in listing.splitlines() if line.strip()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _block(listing: str, name: str) -> str:
    """A block of the table from its first line to its brace; empty where there is none."""
    found = re.search(rf"^\t{name} {{\n.*?^\t}}\n", listing, re.MULTILINE | re.DOTALL)
    return found.group() if found else ""
