"""nftables' tables: what is written, and how a change of it is told from what was written."""

from __future__ import annotations

import pytest

from backends.drivers.nftables.listing import read, script, seal
from backends.drivers.nftables.steps import WriteRules

# As nft 1.0.6 lists a table of ours.
LISTING = """\
table ip quarterdeck {
\tset withdrawn {
\t\ttype ipv4_addr . ipv4_addr
\t\telements = { 203.0.113.9 . 10.0.0.4,
\t\t\t     203.0.113.8 . 10.0.0.3 }
\t}

\tmap lent {
\t\ttype ipv4_addr : ipv4_addr
\t\telements = { 203.0.113.10 : 10.0.0.5, 203.0.113.11 : 10.0.0.6 }
\t}

\tchain prerouting {
\t\ttype nat hook prerouting priority dstnat; policy accept;
\t\tdnat to ip daddr map @lent
\t}
}
"""
STEP = WriteRules(
    "qrouter-x", "ip", "quarterdeck", "\tchain c {\n\t}\n", (("203.0.113.9", "10.0.0.4"),)
)


def sealed(listing: str = LISTING) -> str:
    """The listing as it is once the seal was added."""
    words = seal(STEP, listing)
    comment = words[words.index("comment") : words.rindex(";")]
    return listing.removesuffix("}\n") + f"\n\tchain seal {{\n\t\t{comment}\n\t}}\n}}\n"


def test_the_transaction_replaces_the_table_as_a_whole() -> None:
    assert script(STEP) == (
        "table ip quarterdeck\ndelete table ip quarterdeck\ntable ip quarterdeck {\n"
        "\tset withdrawn { type ipv4_addr . ipv4_addr; elements = { 203.0.113.9 . 10.0.0.4 }; }\n"
        "\tchain c {\n\t}\n}\n"
    )


def test_a_sealed_table_is_what_was_written() -> None:
    found = read(sealed())
    assert found.digest == STEP.digest
    assert found.lent == {("203.0.113.10", "10.0.0.5"), ("203.0.113.11", "10.0.0.6")}
    assert found.withdrawn == {("203.0.113.9", "10.0.0.4"), ("203.0.113.8", "10.0.0.3")}


def test_what_is_withdrawn_may_be_forgotten_without_breaking_the_seal() -> None:
    start, end = LISTING.index("\t\telements"), LISTING.index("\t}\n")
    forgotten = sealed().replace(LISTING[start:end], "")
    assert read(forgotten).digest == STEP.digest
    assert read(forgotten).withdrawn == frozenset()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\t\tdnat to ip daddr map @lent\n", ""),
        ("dnat to ip daddr map @lent", "dnat to 198.18.0.1"),
        ("203.0.113.11 : 10.0.0.6", "203.0.113.11 : 10.0.0.7"),
        ("policy accept", "policy drop"),
        ("\tchain prerouting", "\tchain extra {\n\t}\n\n\tchain prerouting"),
    ],
    ids=["deleted", "replaced", "element", "policy", "added"],
)
def test_any_change_breaks_the_seal(old: str, new: str) -> None:
    assert old in LISTING
    assert read(sealed().replace(old, new)).digest == ""


def test_a_table_without_a_seal_is_nobodys_work() -> None:
    assert read(LISTING).digest == ""
    assert read("table ip quarterdeck {\n}\n").lent == frozenset()


def test_the_digest_says_what_is_wanted_not_what_is_withdrawn() -> None:
    other = WriteRules("qrouter-x", "ip", "quarterdeck", STEP.body)
    assert other.digest == STEP.digest
    assert WriteRules("qrouter-x", "ip", "quarterdeck", "").digest != STEP.digest
