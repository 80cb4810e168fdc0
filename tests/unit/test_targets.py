"""iSCSI targets: what tgtadm's listing tells, and exactly what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from backends.drivers.volumes.pool import Pool, iqn, portal
from backends.drivers.volumes.targets import Targets
from backends.errors import MachineFailed
from backends.hosts import Output

ONE, TWO = "0b9f4e7a-1111-4222-8333-444455556666", "0b9f4e7a-2222-4222-8333-444455556666"
DEVICE = f"/dev/vg/volume-{ONE}"
SECRET = "s3cret-s3cret-s3cret"
# What tgt 1.0.85 prints, cut to what differs.
POOL = Pool("thin", "lvm-thin", "vg/pool", "barn")
LISTING = f"""\
Target 1: {iqn("mine", ONE, POOL)}
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
        I_T nexus: 4
            Initiator: iqn.2026-11.local.quarterdeck:mine
    LUN information:
        LUN: 0
            Type: controller
            Size: 0 MB, Block size: 1
            Backing store path: None
        LUN: 1
            Type: disk
            Size: 1074 MB, Block size: 512
            Backing store type: rdwr
            Backing store path: {DEVICE}
            Backing store flags: sync
    Account information:
        {ONE}.thin
    ACL information:
        10.0.0.1
Target 4: {iqn("mine-too", TWO, POOL)}
    LUN information:
    Account information:
    ACL information:
        ALL
Target 7: iqn.2001-04.com.example:disk
    LUN information:
    Account information:
    ACL information:
"""


class Wire:
    """A host whose tgtd says what it is told to, and notes what it was asked."""

    name, read_only = "barn", False

    def __init__(self, listing: str = LISTING, *, refuses: str = "") -> None:
        self.listing, self.refuses = listing, refuses
        self.asked: list[str] = []

    def run(self, argv: Sequence[str], **options: object) -> Output:
        usual = ("tgtadm", "--lld", "iscsi", "--op", "--mode")
        words = [each for each in argv if each not in usual]
        if words[0] != "show":
            self.asked.append(" ".join(words))
        if self.refuses:
            return Output(107, "", self.refuses)
        return Output(0, self.listing, "")


def targets(wire: Wire) -> Targets:
    return Targets("mine", POOL, wire)  # type: ignore[arg-type]


def test_a_target_tells_what_it_offers_to_whom() -> None:
    known = targets(Wire())
    found = known.all()[known.name(ONE)]
    assert (found.number, found.device) == (1, DEVICE)
    assert found.users == {f"{ONE}.thin"}
    assert found.addresses == {"10.0.0.1"}
    assert found.holds(1 << 30)
    assert not found.holds(2 << 30)
    assert targets(Wire("")).all() == {}
    idle = Wire(LISTING.replace("flags: sync", "flags: "))
    assert not targets(idle).all()[known.name(ONE)].holds(1 << 30)


def test_another_clouds_target_and_that_of_another_pool_are_left_alone() -> None:
    wire = Wire()
    targets(wire).withdraw(TWO)
    other = Pool("thick", "lvm", "vg", "barn")
    Targets("mine", other, wire).withdraw(ONE)  # type: ignore[arg-type]
    assert wire.asked == [f"delete account --user {TWO}.thin", f"delete account --user {ONE}.thick"]


def test_what_is_in_order_is_not_asked_for_again() -> None:
    wire = Wire()
    targets(wire).export(ONE, Path(DEVICE), SECRET, "10.0.0.1")
    assert wire.asked == []


def test_a_new_target_lets_nobody_in_until_the_end() -> None:
    wire = Wire()
    targets(wire).export(TWO, Path("/dev/vg/two"), SECRET, "10.0.0.1")
    assert wire.asked == [
        f"new target --tid 8 --targetname {iqn('mine', TWO, POOL)}",
        "new logicalunit --tid 8 --lun 1 --backing-store /dev/vg/two --bsoflags sync",
        f"delete account --user {TWO}.thin",
        f"new account --user {TWO}.thin --password {SECRET}",
        f"bind account --tid 8 --user {TWO}.thin",
        "bind target --tid 8 --initiator-address 10.0.0.1",
    ]


def test_what_nobody_relies_on_yet_is_written_to_memory_until_it_is_offered_anew() -> None:
    wire = Wire()
    targets(wire).export(TWO, Path("/dev/vg/two"), SECRET, "10.0.0.1", synced=False)
    assert wire.asked[1] == "new logicalunit --tid 8 --lun 1 --backing-store /dev/vg/two"
    wire.asked.clear()
    targets(wire).renew(ONE)
    unit = "logicalunit --tid 1 --lun 1"
    store = f"--backing-store {DEVICE} --bsoflags sync"
    assert wire.asked == [f"delete {unit}", f"new {unit} {store}"]


def test_another_host_of_the_cloud_is_let_in_beside_the_first() -> None:
    wire = Wire()
    targets(wire).export(ONE, Path(DEVICE), SECRET, "10.0.0.2")
    assert wire.asked == ["bind target --tid 1 --initiator-address 10.0.0.2"]


def test_a_target_goes_with_its_sessions_and_its_account() -> None:
    wire = Wire()
    targets(wire).withdraw(ONE)
    assert wire.asked == ["delete target --force --tid 1", f"delete account --user {ONE}.thin"]


def test_a_daemon_that_is_down_is_told_of() -> None:
    with pytest.raises(MachineFailed) as down:
        targets(Wire(refuses="tgtadm: failed to send request hdr to tgt daemon, connect")).all()
    assert down.value.code == "pool.target.down"
    assert SECRET not in down.value.message


@pytest.mark.parametrize(
    ("address", "there", "where"),
    [
        ("10.0.0.7", "", ("10.0.0.7", 3260)),
        ("10.0.0.7:2222", "", ("10.0.0.7", 3260)),
        ("10.0.0.7", "10.1.0.7:3333", ("10.1.0.7", 3333)),
        ("barn", "10.1.0.7", ("10.1.0.7", 3260)),
        ("[fd00::7]:22", "", ("fd00::7", 3260)),
        ("fd00::7", "", ("fd00::7", 3260)),
        ("fd00::7", "fd00::8", ("fd00::8", 3260)),
        ("fd00::7", "[fd00::8]:3260", ("fd00::8", 3260)),
    ],
)
def test_where_the_targets_are(address: str, there: str, where: tuple[str, int]) -> None:
    assert portal(Pool(host="barn", address=address, portal=there)) == where
