"""Labels kept as files `labels/<kind>/<id>.json` under the cloud's state folder."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from backends.drivers.labels.names import check_id, check_kind, is_id, is_kind
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.drivers.step import Progress, Step
from backends.hosts import Host
from backends.settings import Settings

_SUFFIX = ".json"


class LabelDriver:
    """Reads and writes one cloud's label files."""

    handles: tuple[type, ...] = (WriteLabel, RemoveLabel)

    def __init__(self, settings: Settings, host: Host) -> None:
        self._folder = settings.labels
        self._host = host

    def apply(self, step: Step, progress: Progress) -> None:
        match step:
            case WriteLabel(kind, label_id, label):
                self._host.write_text(self._path(kind, label_id), label)
            case RemoveLabel(kind, label_id):
                self._host.remove(self._path(kind, label_id))
            case _:
                raise TypeError(f"not a step of labels: {step!r}")

    def facts(
        self, keys: Collection[tuple[str, str]] | None = None
    ) -> Mapping[tuple[str, str], str]:
        """The labels by `(kind, id)`: all, or those of `keys` that are there."""
        found = {}
        for kind, label_id in self._all() if keys is None else keys:
            text = self._host.read_text(self._path(kind, label_id))
            if text is not None:
                found[kind, label_id] = text
        return found

    def _all(self) -> Iterator[tuple[str, str]]:
        for kind in filter(is_kind, self._host.list_dir(self._folder)):
            for name in self._host.list_dir(self._folder / kind):
                label_id = name.removesuffix(_SUFFIX)
                if name != label_id and is_id(label_id):
                    yield kind, label_id

    def _path(self, kind: str, label_id: str) -> Path:
        return self._folder / check_kind(kind) / f"{check_id(label_id)}{_SUFFIX}"
