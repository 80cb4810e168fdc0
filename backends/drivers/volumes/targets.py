"""iSCSI targets on a storage host (tgtadm(8)): one a volume, named after it, behind CHAP.

The record is the truth: tgtd forgets everything when it ends, and a converge makes it again. A
target of any other name is a stranger's. The daemon takes a password as an argument alone, so
whoever is on the storage host can see it there for a moment.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.drivers.volumes.pool import Pool, account, iqn, portal
from backends.errors import MachineFailed
from backends.hosts import Host

LUN = 1
_TARGET = re.compile(r"^Target (\d+): (\S+)$", re.MULTILINE)
_STORE = re.compile(
    rf"LUN: {LUN}\n(?:.*\n)*? +Size: (\d+) MB(?:.*\n)*? +Backing store path: (\S+)"
    r"\n +Backing store flags: ?(.*)"
)
_SECTION = re.compile(r"^ {4}(\S.*):$", re.MULTILINE)
# tgtadm's exit statuses (errno.h of tgt): there is one of the name already, or none.
_EXISTS = "already exists"
_TRIES = 5
_KNOCK = 3.0


def source_address(pool: Pool) -> str:
    """This machine's address on the way to a pool's targets. Nothing is sent."""
    host, port = portal(pool)
    try:
        ((family, *_, where), *_) = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(where)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise MachineFailed("pool.unreachable", f"{host}: {error.strerror or error}") from None


def answers(pool: Pool) -> bool:
    """Whether somebody takes connections where a pool's targets are."""
    try:
        with socket.create_connection(portal(pool), timeout=_KNOCK):
            return True
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Target:
    """A target as tgtd has it: its number, its device, who may log in, and from where.

    `size` in millions of bytes, as tgtd says it: what its device had when it was offered. `synced`
    says that what it has said to have written is on the device.
    """

    number: int
    device: str
    size: int
    users: frozenset[str]
    addresses: frozenset[str]
    synced: bool = True

    def holds(self, size: int) -> bool:
        """Whether it offers as many bytes as its device has, as far as tgtd's rounding tells, and
        keeps what it was given."""
        return self.synced and abs(self.size * 1_000_000 - size) <= 1_000_000

    def serves(self, address: str, size: int) -> bool:
        """Whether who is at this address reaches all of a volume of this size."""
        return address in self.addresses and self.holds(size)


class Targets:
    """The targets of one cloud's volumes in a pool of a storage host."""

    def __init__(self, cloud: str, pool: Pool, host: Host) -> None:
        self._cloud = cloud
        self._pool = pool
        self.host = host

    def name(self, volume_id: str) -> str:
        """What a volume's target is called."""
        return iqn(self._cloud, volume_id, self._pool)

    def all(self) -> Mapping[str, Target]:
        """The host's, by name, whoever's. Raises MachineFailed `pool.target.down`."""
        return _targets(self._listing())

    def known(self) -> Mapping[str, Target]:
        """The same; none where no tgtd answers: to offer one says why."""
        try:
            return self.all()
        except MachineFailed as error:
            if error.code != "pool.target.down":
                raise
            return {}

    def export(
        self, volume_id: str, device: Path, secret: str, address: str, *, synced: bool = True
    ) -> Target | None:
        """Offer a device to whoever knows the volume's secret, at this address alone.

        Done again, it puts right what is not. Returns what there was, which may offer less than
        its device has by now, or not be synced.
        """
        listing, user = self._listing(), account(volume_id, self._pool)
        found = _targets(listing).get(self.name(volume_id))
        number = found.number if found else self._new(volume_id, listing)
        target = ("--tid", str(number))
        if found is None or found.device != str(device):
            if found is not None and found.device:
                self._drop_unit(number)
            self._add_unit(number, str(device), synced=synced)
        if found is None or user not in found.users:
            self._forget_account(user)
            self._tgt("new", "account", "--user", user, "--password", secret)
            self._tgt("bind", "account", *target, "--user", user)
        # Last: before this nobody gets in.
        if found is None or address not in found.addresses:
            self._tgt("bind", "target", *target, "--initiator-address", address)
        return found

    def withdraw(self, volume_id: str) -> None:
        """Take the target away with its sessions; that there is none is no error."""
        found = self.all().get(self.name(volume_id))
        if found is not None:
            self._tgt("delete", "target", "--force", "--tid", str(found.number))
        self._forget_account(account(volume_id, self._pool))

    def renew(self, volume_id: str) -> None:
        """Offer its device anew: as large as it is by now, and synced. Nobody may read or write
        meanwhile."""
        found = self.all().get(self.name(volume_id))
        if found is not None:
            self._drop_unit(found.number)
            self._add_unit(found.number, found.device)

    def _listing(self) -> str:
        return self._tgt("show", "target", reads=True)

    def _new(self, volume_id: str, listing: str) -> int:
        for _ in range(_TRIES):
            taken = [int(number) for number, _ in _TARGET.findall(listing)]
            number = max(taken, default=0) + 1
            try:
                name = ("--targetname", self.name(volume_id))
                self._tgt("new", "target", "--tid", str(number), *name)
            except MachineFailed as error:
                # Another process took the number meanwhile.
                if _EXISTS not in error.message:
                    raise
                listing = self._listing()
            else:
                return number
        raise MachineFailed("pool.target.busy", f"{self.host.name} had no number for a target")

    def _add_unit(self, number: int, device: str, *, synced: bool = True) -> None:
        """What the host has said to have, it has: a write waits until it is on the device.

        Else a host that goes down, or a pool that is full, would lose what a guest that goes on
        takes for written: an initiator does not send it again. What is not `synced` takes zeroes
        faster by far: tgtd writes them sector by sector.
        """
        unit = ("--tid", str(number), "--lun", str(LUN), "--backing-store", device)
        self._tgt("new", "logicalunit", *unit, *(("--bsoflags", "sync") if synced else ()))

    def _drop_unit(self, number: int) -> None:
        unit = ("--tid", str(number), "--lun", str(LUN))
        self._tgt("delete", "logicalunit", *unit, check=False)

    def _forget_account(self, user: str) -> None:
        self._tgt("delete", "account", "--user", user, check=False)

    def _tgt(self, op: str, mode: str, *more: str, reads: bool = False, check: bool = True) -> str:
        argv = ["tgtadm", "--lld", "iscsi", "--op", op, "--mode", mode, *more]
        done = self.host.run(argv, reads=reads or op == "show", check=False)
        if done.status != 0 and "connect" in done.stderr:
            text = f"no tgtd answers on {self.host.name}; start it (systemctl start tgt)"
            raise MachineFailed("pool.target.down", text)
        if check and done.status != 0:
            said = done.stderr.strip().removeprefix("tgtadm: ") or "no message"
            raise MachineFailed("pool.target.failed", f"tgtadm {op} {mode}: {said}")
        return done.stdout


def _targets(listing: str) -> Mapping[str, Target]:
    """By name."""
    parts = ((*head.groups(), body) for head, body in _parts(_TARGET, listing))
    return {name: _target(int(number), body) for number, name, body in parts}


def _target(number: int, text: str) -> Target:
    store = _STORE.search(text)
    return Target(
        number,
        store.group(2) if store else "",
        int(store.group(1)) if store else 0,
        _words(text, "Account information"),
        _words(text, "ACL information"),
        "sync" in store.group(3).split() if store else True,
    )


def _words(text: str, section: str) -> frozenset[str]:
    """The lines of a section of tgtadm's listing."""
    found = (body for head, body in _parts(_SECTION, text) if head.group(1) == section)
    return frozenset(next(found, "").split())


def _parts(head: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each head with what follows it, up to the next."""
    heads = list(head.finditer(text))
    ends = [each.start() for each in heads[1:]] + [len(text)]
    for each, end in zip(heads, ends, strict=False):
        yield each, text[each.end() : end]
