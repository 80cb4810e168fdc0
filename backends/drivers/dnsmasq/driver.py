"""Applies the steps of DHCP servers and reads their facts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from backends.drivers.daemon import Daemon, at_home
from backends.drivers.dnsmasq import leases
from backends.drivers.dnsmasq.config import CONFIG, FILES, HOSTS, LEASES, PID, leasable
from backends.drivers.dnsmasq.facts import Dhcp, Lease
from backends.drivers.dnsmasq.steps import Files, ServeDhcp, StopDhcp, digest
from backends.drivers.step import Progress, Step
from backends.hosts import Host
from backends.settings import Settings, dhcp_namespace

_LOADED = "loaded"
# Only root and the group that dnsmasq falls back to may look into the folder.
_FOLDER_MODE = 0o750
_FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What the process `pid` has read: digests of all files, and of the configuration alone."""

    pid: int = 0
    files: str = ""
    config: str = ""


class DnsmasqDriver:
    """One dnsmasq for each network with DHCP, in the network's namespace."""

    handles: tuple[type, ...] = (ServeDhcp, StopDhcp)

    def __init__(self, settings: Settings, host: Host) -> None:
        self._settings = settings
        self._host = host

    def facts(self, network_ids: Collection[str]) -> Mapping[str, Dhcp]:
        """Of those networks, the ones that have DHCP files."""
        found = {each: self._look(each) for each in network_ids if self._is_there(each)}
        running = {e.pid: self._namespace(e.network_id) for e in found.values() if e.pid}
        there = at_home(self._host, running)
        return {
            each.network_id: each if each.pid in there else replace(each, pid=None, loaded="")
            for each in found.values()
        }

    def leases(self, network_id: str) -> list[Lease]:
        """The leases that a network's dnsmasq has given."""
        return leases.parse(self._host.read_text(self._folder(network_id) / LEASES) or "")

    def apply(self, step: Step, progress: Progress) -> None:
        """Apply a step.

        Raises MachineFailed `dhcp.failed`, `disk.full`, `disk.failed`; Refused `host.readonly`.
        """
        match step:
            case ServeDhcp():
                self._serve(step)
            case StopDhcp():
                self._stop(step.network_id)
            case _:
                raise TypeError(f"not a step of DHCP: {step!r}")

    def _serve(self, step: ServeDhcp) -> None:
        """Write, then reload or restart, then note what was read.

        The note is taken away first: killed at any instant, we leave either no note, which means
        a restart the next time, or a true one.
        """
        now = self.facts([step.network_id]).get(step.network_id, Dhcp(step.network_id))
        wanted = digest(step.files)
        if now.pid is not None and now.files == now.loaded == wanted:
            return
        folder = self._folder(step.network_id)
        config = _config_digest(step.files)
        loaded = self._loaded(step.network_id)
        same_config = loaded.config == config and loaded.pid == now.pid
        self._host.make_dir(folder, _FOLDER_MODE)
        self._host.remove(folder / _LOADED)
        for name, text in step.files:
            self._host.write_text(folder / name, text, _FILE_MODE)
        process = self._daemon(step.network_id, step.namespace)
        hosts = leasable(dict(step.files)[HOSTS])
        releases = any(leases.gone(each, hosts) for each in self.leases(step.network_id))
        if now.pid is not None and same_config and not releases:
            process.reload(now.pid)
            pid = now.pid
        else:
            pid = self._restart(process, folder, hosts)
        self._host.write_text(folder / _LOADED, f"{pid} {wanted} {config}\n")

    def _restart(self, process: Daemon, folder: Path, hosts: Collection[tuple[str, str]]) -> int:
        """A new process, whose lease file has no lease that is no longer wanted.

        dnsmasq keeps its leases in memory and gives none back when its hosts file changes; an
        address would stay with a guest that is gone, for a day. Clients ask again when no answer
        comes, so that the moment without a server is not seen.
        """
        process.stop()
        if text := self._host.read_text(folder / LEASES):
            self._host.write_text(folder / LEASES, leases.keep(text, hosts), _FILE_MODE)
        self._host.run(["chgrp", self._group(), str(folder)])
        return process.start()

    def _stop(self, network_id: str) -> None:
        self._daemon(network_id).stop()
        self._host.remove_tree(self._folder(network_id))

    def _look(self, network_id: str) -> Dhcp:
        folder = self._folder(network_id)
        texts = ((name, self._host.read_text(folder / name)) for name in FILES)
        files = tuple((name, text) for name, text in texts if text is not None)
        loaded = self._loaded(network_id)
        pid = self._daemon(network_id).pid()
        return Dhcp(
            network_id,
            digest(files) if files else "",
            loaded.files if pid is not None and loaded.pid == pid else "",
            pid,
        )

    def _loaded(self, network_id: str) -> _Loaded:
        words = (self._host.read_text(self._folder(network_id) / _LOADED) or "").split()
        if len(words) != 3 or not words[0].isdigit():
            return _Loaded()
        return _Loaded(int(words[0]), words[1], words[2])

    def _group(self) -> str:
        """The group that dnsmasq(8) takes when it gives up root: dip, else its user's own."""
        if self._host.run(["getent", "group", "dip"], reads=True, check=False).status == 0:
            return "dip"
        return self._host.run(["id", "-gn", "dnsmasq"], reads=True).stdout.strip()

    def _is_there(self, network_id: str) -> bool:
        return self._host.exists(self._folder(network_id))

    def _folder(self, network_id: str) -> Path:
        return self._settings.dhcp(network_id)

    def _daemon(self, network_id: str, namespace: str = "") -> Daemon:
        folder = self._folder(network_id)
        # It becomes a daemon only after its sockets are open and its pid is written.
        argv = ("dnsmasq", f"--conf-file={folder / CONFIG}")
        home = namespace or self._namespace(network_id)
        return Daemon(self._host, home, argv, folder / PID, "dhcp")

    def _namespace(self, network_id: str) -> str:
        return dhcp_namespace(network_id)


def _config_digest(files: Files) -> str:
    return digest(tuple(each for each in files if each[0] == CONFIG))
