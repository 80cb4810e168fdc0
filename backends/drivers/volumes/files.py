"""Volumes as sparse raw files, each with its label in a file beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from backends.drivers.labels.names import check_id, is_id
from backends.drivers.volumes.facts import VolumeFact
from backends.hosts import Host, listing
from backends.settings import Settings

DRIVER = "file"
_LABEL = ".json"


class FileVolumes:
    """The plain-file volumes of one cloud."""

    def __init__(self, settings: Settings, host: Host) -> None:
        self._settings = settings
        self._host = host

    def create(self, volume_id: str, size: int, label: str) -> None:
        """Make the file under another name, label it, then name it: it never is without a label."""
        path = self.path(volume_id)
        if self._host.exists(path):
            return
        self._host.make_dir(path.parent)
        new = path.with_name(f".{volume_id}.partial")
        self._host.remove(new)
        self._host.run(["truncate", f"--size={size}", str(new)])
        self._host.run(["chmod", "0600", str(new)])
        self._host.write_text(self._label_path(volume_id), label)
        self._host.run(["mv", "--no-target-directory", str(new), str(path)])

    def label(self, volume_id: str, label: str) -> None:
        """Replace its label."""
        self._host.write_text(self._label_path(volume_id), label)

    def remove(self, volume_id: str) -> None:
        """Remove it. The file goes last but for what an interrupted creation left."""
        self._host.remove(self._label_path(volume_id))
        self._host.remove(self.path(volume_id))
        self._host.remove(self.path(volume_id).with_name(f".{volume_id}.partial"))

    def path(self, volume_id: str) -> Path:
        """Its file."""
        return self._settings.volume(check_id(volume_id))

    def facts(self, ids: Collection[str] | None) -> Mapping[str, VolumeFact]:
        """The volumes by id: all, or those of `ids` that are there."""
        folder = self._settings.volumes
        if not self._host.exists(folder):
            return {}
        found = {}
        for name, size in listing.sizes(self._host, folder):
            if is_id(name) and not name.endswith(_LABEL) and (ids is None or name in ids):
                label = self._host.read_text(self._label_path(name)) or ""
                found[name] = VolumeFact(name, DRIVER, size, label)
        return found

    def leftovers(self) -> frozenset[str]:
        """Ids of which an interrupted creation left a label or a nameless file."""
        names = set(self._host.list_dir(self._settings.volumes))
        labelled = {name.removesuffix(_LABEL) for name in names if name.endswith(_LABEL)}
        partial = {
            name[1:].removesuffix(".partial")
            for name in names
            if name.startswith(".") and name.endswith(".partial")
        }
        return frozenset(each for each in (labelled | partial) - names if is_id(each))

    def _label_path(self, volume_id: str) -> Path:
        path = self.path(volume_id)
        return path.with_name(path.name + _LABEL)
