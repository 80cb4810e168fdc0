"""Starting, stopping, pausing, saving and rebooting domains."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from backends.drivers.libvirt import ownership
from backends.drivers.libvirt.connection import Connection
from backends.drivers.libvirt.facts import Reason, State
from backends.drivers.libvirt.states import translate
from backends.drivers.step import Progress
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt

# A guest that is still booting misses the button, so it is pressed again.
_PRESS_AGAIN = 5.0
_POLL = 0.1
# How soon a disk that still fails stops a guest again, in seconds.
_RETRY = 1.0
# Writing a guest's memory to disk, or reading it back.
_MEMORY_DEADLINE = 900.0


class Power:
    """The power button, the reset button and the rest of one cloud's domains."""

    def __init__(self, connection: Connection, cloud: str) -> None:
        self._connection = connection
        self._cloud = cloud

    def start(
        self, domain_id: str, hard_reboots: int, soft_reboots: int, launches: int = 0
    ) -> None:
        """Start it, unless it runs: then it was not started by this, and no reboot is done with it.

        The generations are noted first: killed in between, it is off, and is started again.
        """

        def work(domain: libvirt.virDomain) -> None:
            if domain.isActive():
                return
            _note(domain, hard_reboots, soft_reboots, launches)
            try:
                domain.create()
            except _libvirt_error():
                if not domain.isActive():
                    raise
            # A restored domain brings the metadata back that it was saved with.
            _note(domain, hard_reboots, soft_reboots, launches)

        self._on(domain_id, work, _MEMORY_DEADLINE)

    def shut_down(self, domain_id: str, patience: float, progress: Progress) -> None:
        """Press the power button until the guest is off; pull the plug after `patience` seconds."""
        began = time.monotonic()
        pressed = -_PRESS_AGAIN
        while (waited := time.monotonic() - began) < patience:
            progress(waited / patience)
            if not self._is_active(domain_id):
                return
            if waited - pressed >= _PRESS_AGAIN:
                pressed = waited
                self._if_there(domain_id, _press_power_button)
            time.sleep(_POLL)
        self.destroy(domain_id)

    def destroy(self, domain_id: str) -> None:
        """Pull the plug: gracefully, so that QEMU flushes its caches, then for good."""

        def work(domain: libvirt.virDomain) -> None:
            import libvirt

            for flags in (libvirt.VIR_DOMAIN_DESTROY_GRACEFUL, libvirt.VIR_DOMAIN_DESTROY_DEFAULT):
                try:
                    domain.destroyFlags(flags)
                except libvirt.libvirtError:
                    if domain.isActive() and flags == libvirt.VIR_DOMAIN_DESTROY_DEFAULT:
                        raise
                if not domain.isActive():
                    return

        self._if_there(domain_id, work)

    def pause(self, domain_id: str) -> None:
        def work(domain: libvirt.virDomain) -> None:
            if _state(domain) is not State.PAUSED:
                domain.suspend()

        self._on(domain_id, work)

    def resume(self, domain_id: str) -> None:
        def work(domain: libvirt.virDomain) -> None:
            if _state(domain) is not State.RUNNING:
                domain.resume()

        self._on(domain_id, work)

    def retry(self, domain_id: str) -> None:
        """Resume it after a disk error, and see whether it goes on.

        Raises MachineFailed `instance.disk.error` where it stops at once again.
        """
        self.resume(domain_id)
        end = time.monotonic() + _RETRY
        while time.monotonic() < end:
            time.sleep(_POLL)
            title = self._connection.call(partial(_stuck, domain_id, self._cloud))
            if title is not None:
                text = f"a disk of {title} failed or is full; make space, then start it"
                raise MachineFailed("instance.disk.error", text)

    def save(self, domain_id: str) -> None:
        """Managed save. It runs when it is restored, though it was paused before."""

        def work(domain: libvirt.virDomain) -> None:
            import libvirt

            if domain.isActive() or not domain.hasManagedSaveImage():
                domain.managedSave(libvirt.VIR_DOMAIN_SAVE_RUNNING)

        self._on(domain_id, work, _MEMORY_DEADLINE)

    def reboot(self, domain_id: str, generation: int) -> None:
        """Ask the guest, then note it: killed in between, the guest is asked twice, never not."""

        def work(domain: libvirt.virDomain) -> None:
            if ownership.require_own(domain, domain_id, self._cloud).soft_reboots < generation:
                domain.reboot()
                _note(domain, 0, generation)

        self._on(domain_id, work)

    def reset(self, domain_id: str, generation: int) -> None:
        """Reset, then note it: killed in between, it is reset twice, never not."""

        def work(domain: libvirt.virDomain) -> None:
            if ownership.require_own(domain, domain_id, self._cloud).hard_reboots < generation:
                domain.reset()
                _note(domain, generation, 0)

        self._on(domain_id, work)

    def _on(
        self, domain_id: str, work: Callable[[libvirt.virDomain], None], deadline: float = 60.0
    ) -> None:
        self._connection.call(
            lambda connection: work(ownership.get_own(connection, domain_id, self._cloud)), deadline
        )

    def _if_there(self, domain_id: str, work: Callable[[libvirt.virDomain], None]) -> None:
        def on_connection(connection: libvirt.virConnect) -> None:
            domain = ownership.find_own(connection, domain_id, self._cloud)
            if domain is not None and domain.isActive():
                work(domain)

        self._connection.call(on_connection)

    def _is_active(self, domain_id: str) -> bool:
        def work(connection: libvirt.virConnect) -> bool:
            domain = ownership.find_own(connection, domain_id, self._cloud)
            return domain is not None and bool(domain.isActive())

        return self._connection.call(work)


def _stuck(domain_id: str, cloud: str, connection: libvirt.virConnect) -> str | None:
    """The title of a domain that is paused by a disk error; None for any other."""
    import libvirt

    domain = ownership.get_own(connection, domain_id, cloud)
    state, reason = domain.state()
    if translate(state, reason, saved=False) != (State.PAUSED, Reason.IO_ERROR):
        return None
    return str(domain.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None))


def _press_power_button(domain: libvirt.virDomain) -> None:
    """A paused guest could not react, so it goes on first. That it went meanwhile is no error."""
    with contextlib.suppress(_libvirt_error()):
        if _state(domain) is State.PAUSED:
            domain.resume()
        domain.shutdown()


def _note(
    domain: libvirt.virDomain, hard_reboots: int, soft_reboots: int, launches: int = 0
) -> None:
    """Raise the generations in the metadata to these; lower ones leave them as they are."""
    known = ownership.read(domain)
    if known is None:
        return
    noted = replace(
        known,
        hard_reboots=max(known.hard_reboots, hard_reboots),
        soft_reboots=max(known.soft_reboots, soft_reboots),
        launches=max(known.launches, launches),
    )
    if noted != known:
        ownership.write(domain, noted)


def _state(domain: libvirt.virDomain) -> State:
    state, reason = domain.state()
    return translate(state, reason, saved=False)[0]


def _libvirt_error() -> type[Exception]:
    import libvirt

    return libvirt.libvirtError  # type: ignore[no-any-return]
