"""Applies the steps of metadata servers and reads their facts."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from backends.drivers.daemon import Daemon, at_home
from backends.drivers.metadata import program
from backends.drivers.metadata.facts import MetadataServer
from backends.drivers.metadata.server import LOG, PID, USER
from backends.drivers.metadata.steps import (
    ForgetGuests,
    ServeMetadata,
    StopMetadata,
    TellGuests,
    digest,
)
from backends.drivers.step import Progress, Step
from backends.hosts import Host
from backends.settings import Settings

_PROGRAM, _LOADED = "server", "loaded"
# Only root and the server's own user may look into its folder.
_FOLDER_MODE = 0o750
_FILE_MODE = 0o644
_GUESTS = ".json"


class MetadataDriver:
    """One small server for each namespace from which guests can ask for their metadata."""

    handles: tuple[type, ...] = (ServeMetadata, StopMetadata, TellGuests, ForgetGuests)

    def __init__(self, settings: Settings, host: Host) -> None:
        self._settings = settings
        self._host = host

    def facts(
        self, namespaces: Collection[str] | None, interfaces: Collection[str] = ()
    ) -> Mapping[str, MetadataServer]:
        """The servers of these namespaces, and those that tell of one of these interfaces.

        With None, all.
        """
        found = {}
        for name in self._host.list_dir(self._settings.metadata_servers):
            files = self._files(name)
            told = files if namespaces is None else files.intersection(interfaces)
            if told or namespaces is None or name in namespaces:
                found[name] = self._look(name, told)
        running = {each.pid: name for name, each in found.items() if each.pid is not None}
        there = at_home(self._host, running)
        return {
            name: each if each.pid in there else replace(each, pid=None, version="")
            for name, each in found.items()
        }

    def refusals(self, namespace: str) -> str:
        """What a server refused: its log."""
        return self._host.read_text(self._folder(namespace) / LOG) or ""

    def user_data(self, instance_id: str) -> str | None:
        """What a server tells an instance as its user data; None where none tells it any."""
        for namespace in self._host.list_dir(self._settings.metadata_servers):
            for interface in sorted(self._files(namespace)):
                text = self._host.read_text(self._file(namespace, interface))
                with suppress(ValueError, LookupError, TypeError):
                    told = json.loads(text or "")["instances"][instance_id]["ec2"]["user-data"]
                    return str(told)
        return None

    def apply(self, step: Step, progress: Progress) -> None:
        """Apply a step.

        Raises MachineFailed `metadata.failed`, `disk.full`, `disk.failed`; Refused `host.readonly`.
        """
        match step:
            case ServeMetadata():
                self._serve(step)
            case StopMetadata(namespace):
                self._daemon(namespace).stop()
                self._host.remove_tree(self._folder(namespace))
            case TellGuests(namespace, interface, content):
                self._make_folder(namespace)
                self._host.write_text(self._file(namespace, interface), content, _FILE_MODE)
            case ForgetGuests(namespace, interface):
                self._host.remove(self._file(namespace, interface))
            case _:
                raise TypeError(f"not a step of metadata: {step!r}")

    def _serve(self, step: ServeMetadata) -> None:
        """The note of what runs is taken away first, and written last.

        Killed at any instant, we leave no note, which means another start, or a true one.
        """
        folder, daemon = self._folder(step.namespace), self._daemon(step.namespace)
        self._make_folder(step.namespace)
        self._host.remove(folder / _LOADED)
        daemon.stop()
        self._host.write_text(folder / _PROGRAM, program.text(), _FILE_MODE)
        pid = daemon.start()
        self._host.write_text(folder / _LOADED, f"{pid} {step.version}\n")

    def _look(self, namespace: str, interfaces: Collection[str]) -> MetadataServer:
        folder = self._folder(namespace)
        pid = self._daemon(namespace).pid()
        words = (self._host.read_text(folder / _LOADED) or "").split()
        version = words[1] if len(words) == 2 and words[0] == str(pid) else ""
        texts = {each: self._host.read_text(self._file(namespace, each)) for each in interfaces}
        guests = {each: digest(text) for each, text in texts.items() if text is not None}
        return MetadataServer(namespace, pid, version, guests)

    def _files(self, namespace: str) -> set[str]:
        """The interfaces whose guests a server knows."""
        names = self._host.list_dir(self._folder(namespace))
        return {name.removesuffix(_GUESTS) for name in names if name.endswith(_GUESTS)}

    def _make_folder(self, namespace: str) -> None:
        folder = self._folder(namespace)
        self._host.make_dir(folder, _FOLDER_MODE)
        self._host.run(["chgrp", str(USER), str(folder)])

    def _daemon(self, namespace: str) -> Daemon:
        folder = self._folder(namespace)
        argv = ("python3", "-I", "-S", str(folder / _PROGRAM), str(folder))
        return Daemon(self._host, namespace, argv, folder / PID, "metadata")

    def _file(self, namespace: str, interface: str) -> Path:
        return self._folder(namespace) / f"{interface}{_GUESTS}"

    def _folder(self, namespace: str) -> Path:
        return self._settings.metadata(namespace)
