"""How instances here reach volumes of storage hosts: a target each, and the key that opens it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from backends.drivers.volumes.backend import Backend, Contents, Look, Moment
from backends.drivers.volumes.facts import VolumeFact
from backends.drivers.volumes.keys import Keys
from backends.drivers.volumes.pool import Pool
from backends.drivers.volumes.targets import Target, Targets, source_address
from backends.hosts import Host

# What libvirt does for a copy of volumes that these instances write to meanwhile.
# The second argument says that QEMU may not copy: what it reads is in the clear.
Moments = Callable[[Collection[str], bool], Moment]
_SYNC = 600.0


class Offers:
    """The targets of one cloud's volumes."""

    def __init__(self, cloud: str, keys: Keys, moments: Moments) -> None:
        self._cloud = cloud
        self._keys = keys
        self._moments = moments

    def seen(self, pool: Pool, host: Host, contents: Contents, look: Look) -> Contents:
        """What a look found, with who of it can be reached."""
        targets = self._targets(pool, host)
        found = look.once((host, Targets), targets.known)
        here = source_address(pool)

        def offered(fact: VolumeFact) -> bool:
            target = found.get(targets.name(fact.id))
            return target is not None and target.serves(here, fact.size)

        volumes = [replace(fact, offered=offered(fact)) for fact in contents.volumes]
        return contents._replace(volumes=volumes)

    def make(
        self, volume_id: str, pool: Pool, backend: Backend, *, synced: bool = True
    ) -> Target | None:
        """Offer it, if it is not offered yet; returns the target that there was.

        What is not `synced` is written to memory first, as a copy may be that nobody relies on yet.
        """
        secret = self._keys.read(self._keys.make(volume_id).name)
        device, here = backend.path(volume_id), source_address(pool)
        targets = self._targets(pool, backend.host)
        return targets.export(volume_id, device, secret, here, synced=synced)

    def renew(
        self,
        volume_id: str,
        pool: Pool,
        backend: Backend,
        guests: Collection[str],
        calm: Callable[[], None] = lambda: None,
    ) -> None:
        """Offer it anew as large as it is, and synced, while these guests are held still.

        `calm` is done first then: after it nobody else writes either.
        """
        # Most of what is in memory goes to the disk while they still run.
        backend.host.run(["sync", str(backend.path(volume_id))], timeout=_SYNC)
        with self._moments(guests, True).still():
            calm()
            backend.host.run(["sync", str(backend.path(volume_id))], timeout=_SYNC)
            self._targets(pool, backend.host).renew(volume_id)

    def withdraw(self, volume_id: str, pool: Pool, host: Host, *, keeps_key: bool) -> None:
        """Let nobody reach it any more."""
        self._targets(pool, host).withdraw(volume_id)
        if not keeps_key:
            self._keys.remove(volume_id)

    def _targets(self, pool: Pool, host: Host) -> Targets:
        return Targets(self._cloud, pool, host)
