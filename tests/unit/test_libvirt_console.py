"""What the sharing of consoles is made of: frames, bounded outboxes, logs that rotate, the lock."""

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.drivers.libvirt import sharing
from backends.drivers.libvirt.console_log import SCROLLBACK, LogReader, tail
from backends.drivers.libvirt.frames import DATA, STATE, Unpacker, pack
from backends.drivers.libvirt.hub import FOLLOWING, ConsoleHub, follow_log
from backends.drivers.libvirt.outbox import Outbox
from backends.errors import Refused
from backends.settings import Settings

ID = "6b0a4a6e-5c3c-4d61-9d0f-0d1f4c7f2a11"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings("t-console", tmp_path / "state", tmp_path / "run", "here")


@given(
    frames=st.lists(st.tuples(st.sampled_from([DATA, STATE]), st.binary(max_size=40))),
    cut=st.integers(1, 7),
)
def test_frames_come_back_from_chunks_of_any_size(
    frames: list[tuple[bytes, bytes]], cut: int
) -> None:
    stream = b"".join(pack(kind, body) for kind, body in frames)
    unpacker = Unpacker()
    chunks = (stream[start : start + cut] for start in range(0, len(stream), cut))
    assert [frame for chunk in chunks for frame in unpacker.feed(chunk)] == frames


def test_a_slow_viewer_loses_the_oldest_and_is_told() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    outbox = Outbox(limit=20_000)
    outbox.put(pack(STATE, b"attached"))
    for index in range(1000):
        outbox.put(pack(DATA, b"%04d" % index * 25))
    theirs.settimeout(5)
    unpacker = Unpacker()
    received: list[bytes] = []
    while outbox:
        outbox.send(ours)
        received += [body for _, body in unpacker.feed(theirs.recv(1 << 20))]
    ours.close()
    while chunk := theirs.recv(1 << 20):
        received += [body for _, body in unpacker.feed(chunk)]
    theirs.close()
    assert b"bytes skipped]" in received[0]
    numbers = [int(body[:4]) for body in received[1:]]
    assert numbers == list(range(numbers[0], 1000))
    assert 0 < numbers[0] < 1000


def test_a_frame_that_is_half_sent_is_never_dropped() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    big = os.urandom(1 << 20)
    outbox = Outbox(limit=1000)
    outbox._begun = pack(DATA, big)
    outbox.send(ours)
    for _ in range(100):
        outbox.put(pack(DATA, b"x" * 50))
    theirs.settimeout(5)
    unpacker = Unpacker()
    bodies: list[bytes] = []
    while outbox:
        bodies += [body for _, body in unpacker.feed(theirs.recv(1 << 20))]
        outbox.send(ours)
    ours.close()
    while chunk := theirs.recv(1 << 20):
        bodies += [body for _, body in unpacker.feed(chunk)]
    theirs.close()
    assert bodies[0] == big
    assert b"skipped" in bodies[1]


def test_the_tail_of_a_log_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    assert tail(log) == b""
    log.write_bytes(b"a" * 1000 + b"b" * SCROLLBACK)
    assert tail(log) == b"b" * SCROLLBACK


def test_a_log_is_followed_over_rotation_and_truncation(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    reader = LogReader(log)
    assert reader.read() == b""
    log.write_bytes(b"one")
    assert reader.read() == b"one"
    with log.open("ab") as file:
        file.write(b"two")
    log.rename(tmp_path / "console.log.0")
    log.write_bytes(b"three")
    assert [reader.read(), reader.read(), reader.read()] == [b"two", b"three", b""]
    log.write_bytes(b"4")
    assert reader.read() == b"4"
    reader.close()
    later = LogReader(log, back=0)
    assert later.read() == b""
    later.close()


def test_one_at_a_time_holds_a_console(settings: Settings) -> None:
    held = sharing.try_lock(settings, ID)
    assert held is not None
    assert sharing.try_lock(settings, ID) is None
    os.close(held)
    again = sharing.try_lock(settings, ID)
    assert again is not None
    os.close(again)


def test_the_socket_is_for_its_owner_alone_however_long_its_path(tmp_path: Path) -> None:
    settings = Settings("t-console", tmp_path, tmp_path / ("long" * 40), "here")
    assert sharing.connect(settings, ID) is None
    assert not settings.run.exists()  # only who shares a console makes the folder
    lock = sharing.try_lock(settings, ID)
    assert lock is not None
    listener = sharing.listen(settings, ID)
    path = settings.run / "consoles" / f"{ID}.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    connected = sharing.connect(settings, ID)
    assert connected is not None
    connected.close()
    listener.close()
    assert sharing.connect(settings, ID) is None
    sharing.forget(settings, ID)
    os.close(lock)
    assert not path.exists()
    path.with_suffix(".lock").unlink()
    path.parent.rmdir()
    sharing.forget(settings, ID)  # of a cloud that was taken away meanwhile
    assert not path.parent.exists()


def test_a_read_only_viewer_follows_the_log_and_cannot_type(settings: Settings) -> None:
    log = settings.console_log(ID)
    log.parent.mkdir(parents=True)
    log.write_bytes(b"before ")
    arrived = threading.Condition()
    seen = bytearray()
    states: list[str] = []

    def on_data(data: bytes) -> None:
        with arrived:
            seen.extend(data)
            arrived.notify()

    viewer = ConsoleHub(settings, read_only=True).attach(ID, on_data, states.append)
    with pytest.raises(Refused) as refusal:
        viewer.write(b"rm -rf /\n")
    assert refusal.value.code == "console.readonly"
    with arrived:
        assert arrived.wait_for(lambda: seen == b"before ", 5)
    with log.open("ab") as file:
        file.write(b"after")
    with arrived:
        assert arrived.wait_for(lambda: seen == b"before after", 5)
    viewer.close()
    assert states == [FOLLOWING]
    follow_log(settings, "absent", on_data, states.append).close()
