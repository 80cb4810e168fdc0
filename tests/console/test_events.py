"""What is told of a cloud as it happens, and that many things at once are told as one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import recorded
from sqlalchemy import text

from backends.events import Events, Happening, Topic

_PATIENCE = 10.0
_CHANGES = 40


Told = tuple[recorded.Recorded, queue.Queue[Happening], Events, set[threading.Thread]]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """A cloud, what is told of it, by whom, and the threads that look."""
    others = set(threading.enumerate())
    found = recorded.make(tmp_path)
    heard: queue.Queue[Happening] = queue.Queue()
    events = Events(found.open())
    events.subscribe(heard.put)
    # The first that is told is that libvirt is there.
    while heard.get(timeout=_PATIENCE).libvirt is not True:
        pass
    watchers = {each for each in threading.enumerate() if each.name.startswith("events_")}
    yield found, heard, events, watchers - others
    events.close()


def test_many_commits_are_told_as_few(told: Told) -> None:
    found, heard, *_ = told
    store = found.write()
    for number in range(_CHANGES):
        with store.write() as session:
            session.execute(text("UPDATE instance SET ram = :ram"), {"ram": 100 + number})
    store.close()
    first = heard.get(timeout=_PATIENCE)
    assert Topic.RECORDS in first.topics
    bursts = 1
    while not heard.empty():
        heard.get()
        bursts += 1
    assert bursts < _CHANGES / 2


def test_watchers_end_when_it_is_closed(told: Told) -> None:
    *_, events, watchers = told
    assert watchers
    events.close()
    for each in watchers:
        each.join(_PATIENCE)
    assert [each.name for each in watchers if each.is_alive()] == []
