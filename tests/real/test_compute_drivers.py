"""Compute and storage drivers against the real libvirt, QEMU, Open vSwitch and LVM."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import libvirt
import pytest

from backends.drivers.libvirt import hotplug, hub, ownership, sharer, steps, xml
from backends.drivers.libvirt.connection import Connection
from backends.drivers.libvirt.driver import LibvirtDriver
from backends.drivers.libvirt.facts import Reason, State
from backends.drivers.libvirt.outbox import Outbox
from backends.drivers.libvirt.spec import Disk, DomainSpec, Nic
from backends.drivers.libvirt.watch import CONNECTED, UNREACHABLE, watch
from backends.drivers.qemu_img.driver import QemuImgDriver
from backends.drivers.qemu_img.steps import CreateConfigDrive, CreateOverlay, ImportImage
from backends.drivers.step import Step
from backends.drivers.volumes.driver import VolumeDriver
from backends.drivers.volumes.facts import VolumeFact
from backends.drivers.volumes.pool import default_pool
from backends.drivers.volumes.steps import CreateVolume, LabelVolume, RemoveVolume
from backends.errors import MachineFailed, Refused
from backends.hosts import LocalHost
from backends.lab.image import KERNEL_ARGUMENTS, build
from backends.settings import Settings

LAB = Path("/var/cache/quarterdeck/lab")
LIBVIRT_SOCKET = "/run/libvirt/libvirt-sock"
MIB = 1 << 20


def quiet(_share: float) -> None:
    """Progress that nobody looks at."""


def new_id() -> str:
    return str(uuid.uuid4())


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Until the condition holds; fails the test where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


@dataclass
class Place:
    """A cloud of its own, and its drivers."""

    settings: Settings
    compute: LibvirtDriver
    files: QemuImgDriver

    def apply(self, *todo: Step) -> None:
        for step in todo:
            driver = self.compute if isinstance(step, self.compute.handles) else self.files
            driver.apply(step, quiet)

    def state(self, instance_id: str) -> tuple[State, Reason]:
        return self.compute.states()[instance_id]

    def spec(self, **changes: object) -> DomainSpec:
        """A small domain with an empty root disk that is made here; only firmware runs in it."""
        instance_id = new_id()
        self.apply(CreateOverlay(instance_id, None, "", 64 * MIB))
        spec = DomainSpec(
            id=instance_id,
            name=f"{self.settings.cloud}-{instance_id[:8]}",
            title="a <guest> & $(its) '[red]' name",
            cloud=self.settings.cloud,
            type="qemu",
            datapath="netdev",
            vcpus=1,
            ram=32,
            disks=(Disk(str(self.settings.overlay(instance_id)), "qcow2", "vda"),),
            nics=(),
            console_log=str(self.settings.console_log(instance_id)),
            label='{"name": "a <guest>"}',
        )
        return replace(spec, **changes)  # type: ignore[arg-type]

    def guest(self, **changes: object) -> DomainSpec:
        """A domain that boots the lab's kernel and ramdisk directly."""
        lab = build(LAB)
        kernel, ramdisk = new_id(), new_id()
        self.apply(
            ImportImage(kernel, str(lab.kernel), "aki"),
            ImportImage(ramdisk, str(lab.ramdisk), "ari"),
        )
        return self.spec(
            ram=128,
            kernel=str(self.settings.image(kernel)),
            ramdisk=str(self.settings.image(ramdisk)),
            cmdline=KERNEL_ARGUMENTS,
            **changes,
        )


@pytest.fixture
def place() -> Iterator[Place]:
    """A new cloud; its domains, found by their label, and its files go at the end."""
    cloud = f"t-{secrets.token_hex(4)}"
    root = Path(f"/var/lib/quarterdeck-test-{cloud}")
    # QEMU's user must be able to pass through, and to read nothing here.
    root.mkdir(mode=0o711)
    settings = Settings(cloud, root / "state", root / "run", "here")
    host = LocalHost()
    made = Place(settings, LibvirtDriver(settings, host), QemuImgDriver(settings, host))
    try:
        yield made
    finally:
        for instance_id in made.compute.facts():
            made.apply(steps.DestroyDomain(instance_id), steps.UndefineDomain(instance_id))
        made.compute.close()
        shutil.rmtree(root)


@pytest.fixture
def daemon() -> Iterator[libvirt.virConnect]:
    """A connection of the test's own, to do what a stranger does."""
    connection = libvirt.open("qemu:///system")
    yield connection
    connection.close()


class Screen:
    """What a viewer saw."""

    def __init__(self, settings: Settings, instance_id: str) -> None:
        self.data = bytearray()
        self.states: list[str] = []
        self.viewer = hub.attach(settings, instance_id, self.data.extend, self.states.append)

    def wait(self, text: bytes, seconds: float = 40.0) -> None:
        wait_for(lambda: text in self.data, seconds)

    def ask(self, command: str, answer: bytes, seconds: float = 20.0) -> None:
        """Type a command until its answer is seen (a shell that just came up may miss keys)."""
        began = len(self.data)
        deadline = time.monotonic() + seconds
        while answer not in self.data[began:]:
            assert time.monotonic() < deadline, bytes(self.data[began:])
            self.viewer.write(command.encode() + b"\n")
            with contextlib.suppress(AssertionError):
                wait_for(lambda: answer in self.data[began:], 3)


class TestDefinition:
    def test_libvirts_own_schema_takes_all_that_we_write(
        self, place: Place, daemon: libvirt.virConnect
    ) -> None:
        instance_id = new_id()
        spec = place.spec(
            disks=(
                Disk("/tmp/disk.qcow2", "qcow2", "vda"),
                Disk("/dev/pool/volume", "raw", "vdb", serial=new_id(), block=True),
                Disk("/tmp/config.iso", "raw", "sda", read_only=True),
            ),
            nics=(Nic(new_id(), "fa:16:3e:00:00:01", "tap-schema", "br-int", 7, 1450),),
            kernel="/boot/k",
            ramdisk="/boot/r",
            cmdline="console=ttyS0",
            id=instance_id,
        )
        daemon.defineXMLFlags(xml.domain_xml(spec), libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        fact = place.compute.facts([instance_id])[instance_id]
        assert (fact.digest, fact.label, fact.vcpus, fact.ram) == (spec.digest, spec.label, 1, 32)
        assert fact.nics == {spec.nics[0].port_id}
        assert fact.disks == {spec.disks[1].serial}

    def test_defining_again_changes_what_is_kept_and_what_runs(self, place: Place) -> None:
        spec = place.spec()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id, 2, 3))
        changed = replace(spec, label='{"name": "renamed"}', title="renamed")
        for _ in range(2):
            place.apply(steps.DefineDomain(changed))
        fact = place.compute.facts()[spec.id]
        assert (fact.digest, fact.label) == (changed.digest, changed.label)
        assert (fact.hard_reboots, fact.soft_reboots) == (2, 3)
        assert fact.state is State.RUNNING
        place.apply(steps.DestroyDomain(spec.id))
        assert place.compute.facts()[spec.id].digest == changed.digest

    def test_a_domain_undefined_by_a_stranger_while_it_runs_fits_no_digest(
        self, place: Place, daemon: libvirt.virConnect
    ) -> None:
        spec = place.spec()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        daemon.lookupByUUIDString(spec.id).undefine()
        assert place.compute.facts()[spec.id].digest == ""
        place.apply(steps.DefineDomain(spec))
        assert place.compute.facts()[spec.id].digest == spec.digest

    def test_a_running_domain_is_not_forgotten_and_an_absent_one_is_no_error(
        self, place: Place
    ) -> None:
        spec = place.spec()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        with pytest.raises(MachineFailed) as error:
            place.apply(steps.UndefineDomain(spec.id))
        assert error.value.code == "libvirt.running"
        place.apply(steps.DestroyDomain(spec.id))
        for _ in range(2):
            place.apply(steps.UndefineDomain(spec.id), steps.DestroyDomain(spec.id))
        assert place.compute.facts() == {}
        with pytest.raises(MachineFailed) as missing:
            place.apply(steps.StartDomain(spec.id))
        assert missing.value.code == "libvirt.missing"

    def test_a_base_image_is_readable_for_qemu_alone(self, place: Place, tmp_path: Path) -> None:
        source = tmp_path / "base"
        source.write_bytes(bytes(MIB))
        image = new_id()
        spec = place.spec()
        place.settings.overlay(spec.id).unlink()
        place.apply(
            ImportImage(image, str(source), "raw"),
            CreateOverlay(spec.id, image, "raw", 8 * MIB),
            CreateConfigDrive(spec.id, "d1", (("openstack/latest/meta_data.json", "{}"),)),
        )
        drive = place.settings.instance(spec.id) / "config-d1.iso"
        spec = replace(spec, disks=(*spec.disks, Disk(str(drive), "raw", "sda", read_only=True)))
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        for path in (place.settings.overlay(spec.id), drive):
            assert path.stat().st_mode & 0o077 == 0
        assert place.settings.image(image).stat().st_mode & 0o227 == 0
        place.apply(steps.DestroyDomain(spec.id), steps.StartDomain(spec.id))


class TestPower:
    def test_every_change_of_power_is_made_once(self, place: Place) -> None:
        spec = place.spec()
        place.apply(steps.DefineDomain(spec))
        assert place.state(spec.id) == (State.SHUTOFF, Reason.UNKNOWN)
        ways: list[tuple[Step, State]] = [
            (steps.StartDomain(spec.id), State.RUNNING),
            (steps.PauseDomain(spec.id), State.PAUSED),
            (steps.ResumeDomain(spec.id), State.RUNNING),
            (steps.SaveDomain(spec.id), State.SAVED),
            (steps.StartDomain(spec.id), State.RUNNING),
            (steps.PauseDomain(spec.id), State.PAUSED),
            (steps.SaveDomain(spec.id), State.SAVED),
            (steps.StartDomain(spec.id), State.RUNNING),
            (steps.DestroyDomain(spec.id), State.SHUTOFF),
        ]
        for step, state in ways:
            for _ in range(2):
                place.apply(step)
                assert place.state(spec.id)[0] is state, step.text
                assert place.compute.facts([spec.id])[spec.id].state is state
        assert place.state(spec.id)[1] is Reason.KILLED

    def test_reboots_are_noted_and_not_repeated(self, place: Place) -> None:
        spec = place.spec()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id, 1, 1))
        happened: list[str] = []
        stop = threading.Event()
        watcher = threading.Thread(
            target=watch,
            args=(place.settings, lambda i, text: happened.append(text), stop),
            daemon=True,
        )
        watcher.start()
        wait_for(lambda: CONNECTED in happened)
        place.apply(steps.ResetDomain(spec.id, 1), steps.RebootDomain(spec.id, 1))
        place.apply(steps.PauseDomain(spec.id), steps.ResumeDomain(spec.id))
        wait_for(lambda: "resumed" in happened)
        assert "reboot" not in happened  # these generations came with the start
        place.apply(steps.ResetDomain(spec.id, 2), steps.RebootDomain(spec.id, 5))
        wait_for(lambda: "reboot" in happened)
        fact = place.compute.facts()[spec.id]
        assert (fact.hard_reboots, fact.soft_reboots) == (2, 5)
        place.apply(steps.StartDomain(spec.id, 9, 9))
        assert place.compute.facts()[spec.id] == fact  # it ran: nothing was rebooted by that
        place.apply(steps.DestroyDomain(spec.id), steps.StartDomain(spec.id, 9, 9))
        fact = place.compute.facts()[spec.id]
        assert (fact.hard_reboots, fact.soft_reboots) == (9, 9)
        stop.set()
        watcher.join()

    def test_a_restored_domain_carries_the_generations_of_its_start(self, place: Place) -> None:
        spec = place.spec()
        place.apply(
            steps.DefineDomain(spec),
            steps.StartDomain(spec.id, 1, 0),
            steps.SaveDomain(spec.id),
            steps.StartDomain(spec.id, 4, 5),
        )
        fact = place.compute.facts()[spec.id]
        assert (fact.hard_reboots, fact.soft_reboots) == (4, 5)

    def test_a_guest_shuts_down_when_asked_and_by_itself(self, place: Place) -> None:
        spec = place.guest()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        screen = Screen(place.settings, spec.id)
        screen.ask("echo rea''dy", b"ready")
        place.apply(steps.ShutDownDomain(spec.id, 30.0))
        assert place.state(spec.id) == (State.SHUTOFF, Reason.GUEST)
        wait_for(lambda: screen.states[-1] == "stopped")
        place.apply(steps.StartDomain(spec.id))
        wait_for(lambda: screen.states[-1] == "attached")
        screen.ask("echo ba''ck", b"back")
        screen.viewer.write(b"poweroff -f\n")
        wait_for(lambda: place.state(spec.id) == (State.SHUTOFF, Reason.GUEST))
        screen.viewer.close()

    def test_a_guest_that_does_not_listen_is_cut_off(self, place: Place) -> None:
        spec = place.spec()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        shares: list[float] = []
        place.compute.apply(steps.ShutDownDomain(spec.id, 0.5), shares.append)
        assert place.state(spec.id) == (State.SHUTOFF, Reason.KILLED)
        assert shares
        place.apply(steps.ShutDownDomain(spec.id, 0.5))


class TestStrangers:
    @pytest.mark.parametrize("cloud", [None, "another"])
    def test_no_step_touches_a_domain_that_is_not_ours(
        self, place: Place, daemon: libvirt.virConnect, cloud: str | None
    ) -> None:
        stranger_id = new_id()
        ours = place.spec(id=stranger_id)
        metadata = "" if cloud is None else xml.domain_xml(replace(ours, cloud=cloud))
        plain = (
            f"<domain type='qemu'><name>{ours.name}</name><uuid>{stranger_id}</uuid>"
            "<memory>16384</memory><os><type>hvm</type></os></domain>"
        )
        domain = daemon.defineXML(metadata or plain)
        try:
            before = domain.XMLDesc()
            for step in (
                steps.DefineDomain(ours),
                steps.UndefineDomain(stranger_id),
                steps.StartDomain(stranger_id),
                steps.ShutDownDomain(stranger_id, 1.0),
                steps.DestroyDomain(stranger_id),
                steps.PauseDomain(stranger_id),
                steps.ResumeDomain(stranger_id),
                steps.SaveDomain(stranger_id),
                steps.RebootDomain(stranger_id, 1),
                steps.ResetDomain(stranger_id, 1),
                steps.AttachDisk(stranger_id, Disk("/dev/null", "raw", "vdb", serial="x")),
                steps.DetachDisk(stranger_id, "x"),
            ):
                with pytest.raises(Refused) as refusal:
                    place.apply(step)
                assert refusal.value.code == "libvirt.foreign"
            assert domain.XMLDesc() == before
            assert place.compute.facts() == {}
            assert place.compute.facts([stranger_id]) == {}
        finally:
            domain.undefine()


class TestHotplug:
    def test_a_guest_sees_a_disk_come_and_go(self, place: Place) -> None:
        spec = place.guest()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        screen = Screen(place.settings, spec.id)
        screen.ask("echo rea''dy", b"ready")
        volumes = VolumeDriver(place.settings, LocalHost())
        volume = new_id()
        volumes.apply(CreateVolume(volume, default_pool(place.settings), 16 * MIB, "{}"), quiet)
        disk = Disk(
            str(volumes.path(volume, default_pool(place.settings))), "raw", "vdb", serial=volume
        )
        for _ in range(2):
            place.apply(steps.AttachDisk(spec.id, disk))
        assert place.compute.facts()[spec.id].disks == {volume}
        size = str(16 * MIB // 512)
        screen.ask("echo size=$(cat /sys/block/vdb/size)", f"size={size}".encode())
        screen.ask("echo serial=$(cat /sys/block/vdb/serial)", f"serial={volume[:20]}".encode())
        for _ in range(2):
            place.apply(steps.DetachDisk(spec.id, volume))
        assert place.compute.facts()[spec.id].disks == frozenset()
        screen.ask("test -e /sys/block/vdb || echo go''ne", b"gone")
        screen.viewer.close()

    def test_a_guest_that_keeps_a_disk_is_told_of(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hotplug, "DETACH_DEADLINE", 7.0)
        volume = new_id()
        path = place.settings.volume(volume)
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(MIB))
        spec = place.spec()
        spec = replace(spec, disks=(*spec.disks, Disk(str(path), "raw", "vdb", serial=volume)))
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        # Firmware alone never answers the request.
        with pytest.raises(MachineFailed) as error:
            place.apply(steps.DetachDisk(spec.id, volume))
        assert error.value.code == "volume.detach.refused"
        assert place.compute.facts()[spec.id].disks == {volume}
        place.apply(steps.DestroyDomain(spec.id), steps.DetachDisk(spec.id, volume))

    def test_a_domain_that_is_off_is_left_to_its_definition(self, place: Place) -> None:
        spec = place.spec()
        place.apply(steps.DefineDomain(spec))
        place.apply(steps.AttachDisk(spec.id, Disk("/nowhere", "raw", "vdb", serial="x")))
        assert place.compute.facts()[spec.id].disks == frozenset()


class TestNetwork:
    def test_a_tap_is_on_the_switch_with_its_port_and_tag(self, place: Place) -> None:
        bridge = f"tb{secrets.token_hex(4)}"
        tap = f"tap{secrets.token_hex(4)}"
        port = new_id()
        set_type = ["set", "bridge", bridge, "datapath_type=netdev"]
        subprocess.run(["ovs-vsctl", "add-br", bridge, "--", *set_type], check=True)
        try:
            spec = place.spec(nics=(Nic(port, "fa:16:3e:00:00:02", tap, bridge, 7, 1450),))
            place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))

            def column(table: str, name: str) -> str:
                argv = ["ovs-vsctl", "get", table, tap, name]
                return subprocess.check_output(argv, text=True).strip()

            assert column("port", "tag") == "7"
            labels = column("interface", "external_ids")
            for expected in (f'iface-id="{port}"', "fa:16:3e:00:00:02", f'vm-id="{spec.id}"'):
                assert expected in labels
            assert column("interface", "mtu") == "1450"
            assert place.compute.stats([spec.id])[spec.id].cpu_ns > 0
            place.apply(steps.DestroyDomain(spec.id))
            listed = subprocess.check_output(["ovs-vsctl", "list-ports", bridge], text=True)
            assert listed == ""
        finally:
            subprocess.run(["ovs-vsctl", "--if-exists", "del-br", bridge], check=True)


OTHER_PROCESS = """
import sys, threading
from pathlib import Path
from backends.drivers.libvirt import hub
from backends.settings import Settings
cloud, state, run, instance = sys.argv[1:]
out = sys.stdout.buffer
def on_data(data):
    out.write(data)
    out.flush()
hub.attach(Settings(cloud, Path(state), Path(run), "here"), instance, on_data, lambda s: None)
threading.Event().wait()
"""


class TestConsole:
    def test_many_look_from_many_processes_and_the_first_may_die(self, place: Place) -> None:
        spec = place.guest()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        settings = place.settings
        argv = [sys.executable, "-c", OTHER_PROCESS, settings.cloud]
        argv += [str(settings.state), str(settings.run), spec.id]
        first = subprocess.Popen(argv, stdout=subprocess.PIPE)
        try:
            assert first.stdout is not None
            first.stdout.read(1)  # it shares the console now
            one, two = Screen(settings, spec.id), Screen(settings, spec.id)
            one.ask("echo o''ne", b"one")
            two.wait(b"one")
            wait_for(lambda: one.states == two.states == ["attached"])
            first.send_signal(signal.SIGKILL)
            first.wait()
            wait_for(lambda: one.states[1:] == two.states[1:] == ["attached"])
            two.ask("echo t''wo", b"two")
            one.wait(b"two")
            # Each saw each byte once: nothing was split, and the scrollback came once.
            assert one.data.count(b"built-in shell") == two.data.count(b"built-in shell") == 1
            late = Screen(settings, spec.id)
            late.wait(b"two")  # the scrollback
            for screen in (one, two, late):
                screen.viewer.close()
        finally:
            first.kill()
            first.wait()
        sock = settings.run / "consoles" / f"{spec.id}.sock"
        wait_for(lambda: not sock.exists())

    def test_a_viewer_that_does_not_read_holds_up_nobody(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A serial line is slow: less has to wait, so that the test need not.
        monkeypatch.setattr(sharer, "Outbox", partial(Outbox, limit=32 * 1024))
        spec = place.guest()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        release = threading.Event()
        stuck_data = bytearray()

        def stuck(data: bytes) -> None:
            release.wait()
            stuck_data.extend(data)

        slow = hub.attach(place.settings, spec.id, stuck, lambda state: None)
        quick = Screen(place.settings, spec.id)
        quick.ask("echo rea''dy", b"ready")
        quick.viewer.write(b"seq 1 80000; echo do''ne\n")
        quick.wait(b"done", 120)
        assert quick.data.count(b"bytes skipped]") == 0
        release.set()
        wait_for(lambda: b"done" in stuck_data)
        assert b"bytes skipped]" in stuck_data
        quick.viewer.close()
        slow.close()

    def test_a_strangers_console_is_not_opened(
        self, place: Place, daemon: libvirt.virConnect
    ) -> None:
        stranger = place.spec(cloud="another")
        domain = daemon.defineXML(xml.domain_xml(stranger))
        try:
            screen = Screen(place.settings, stranger.id)
            wait_for(lambda: screen.states == ["foreign"])
            screen.viewer.close()
        finally:
            domain.undefine()

    def test_a_line_that_somebody_reads_is_not_taken_from_him(
        self, place: Place, daemon: libvirt.virConnect
    ) -> None:
        spec = place.spec()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        stream = daemon.newStream(libvirt.VIR_STREAM_NONBLOCK)
        daemon.lookupByUUIDString(spec.id).openConsole(None, stream, 0)
        screen = Screen(place.settings, spec.id)
        wait_for(lambda: screen.states == ["busy"])
        stream.abort()
        wait_for(lambda: screen.states == ["busy", "attached"])
        screen.viewer.close()


class TestReadOnly:
    def test_reading_works_and_writing_does_not(self, place: Place) -> None:
        spec = place.spec()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        reader = LibvirtDriver(place.settings, LocalHost(read_only=True))
        assert reader.facts() == place.compute.facts()
        assert reader.states()[spec.id][0] is State.RUNNING
        assert reader.stats([spec.id, new_id()]).keys() == {spec.id}
        with pytest.raises(Refused) as refusal:
            reader.apply(steps.DestroyDomain(spec.id), quiet)
        assert refusal.value.code == "host.readonly"
        # The connection itself would not do it either.
        below = Connection("qemu:///system", read_only=True)
        with pytest.raises(MachineFailed, match="forbidden"):
            below.call(
                lambda connection: ownership.get_own(
                    connection, spec.id, place.settings.cloud
                ).destroy()
            )
        below.close()
        reader.close()
        assert place.state(spec.id)[0] is State.RUNNING


class Relay:
    """Stands between us and libvirt's socket, so that it can break or hang."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "relay.sock"
        self.hung = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.open()

    @property
    def uri(self) -> str:
        return f"qemu+unix:///system?socket={self.path}"

    def open(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """As if the daemon were gone."""
        self.path.unlink()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            for each in pair:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours = listener.accept()[0]
                daemon = socket.socket(socket.AF_UNIX)
                daemon.connect(LIBVIRT_SOCKET)
                self._pairs.append((ours, daemon))
                for source, target in ((ours, daemon), (daemon, ours)):
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not self.hung.is_set():
                    target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


class TestConnection:
    def test_a_broken_connection_is_opened_again(self, tmp_path: Path) -> None:
        relay = Relay(tmp_path)
        connection = Connection(relay.uri)
        assert connection.call(lambda c: c.isAlive()) == 1
        relay.close()
        with pytest.raises(MachineFailed) as gone:
            connection.call(lambda c: c.listAllDomains())
        assert gone.value.code == "libvirt.unreachable"
        relay.open()
        assert connection.call(lambda c: c.getLibVersion()) > 0
        relay.close()
        relay.open()
        # It broke and came back between two calls: the next one does not notice.
        assert connection.call(lambda c: c.getLibVersion()) > 0
        connection.close()
        relay.close()

    def test_a_daemon_that_hangs_does_not_hang_us(self, tmp_path: Path) -> None:
        relay = Relay(tmp_path)
        connection = Connection(relay.uri)
        connection.call(lambda c: c.getLibVersion())
        relay.hung.set()
        with pytest.raises(MachineFailed) as error:
            connection.call(lambda c: c.getLibVersion(), deadline=0.5)
        assert error.value.code == "libvirt.unreachable"
        relay.hung.clear()
        assert connection.call(lambda c: c.getLibVersion()) > 0
        connection.close()
        relay.close()

    def test_libvirts_refusal_is_one_line_and_prints_nothing(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        connection = Connection("qemu:///system")
        with pytest.raises(MachineFailed) as error:
            connection.call(lambda c: c.defineXML("<domain/>"))
        assert error.value.code == "libvirt.failed"
        assert "\n" not in str(error.value)
        connection.close()
        assert capfd.readouterr() == ("", "")

    def test_events_arrive_and_the_watch_outlives_the_daemon(
        self, place: Place, tmp_path: Path
    ) -> None:
        relay = Relay(tmp_path)
        happened: list[tuple[str, str]] = []
        stop = threading.Event()
        watcher = threading.Thread(
            target=watch,
            args=(
                replace(place.settings, libvirt_uri=relay.uri),
                lambda instance_id, text: happened.append((instance_id, text)),
                stop,
            ),
            daemon=True,
        )
        watcher.start()
        wait_for(lambda: ("", CONNECTED) in happened)
        spec = place.spec()
        place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
        for text in ("defined", "started"):
            wait_for(lambda text=text: (spec.id, text) in happened)
        relay.close()
        wait_for(lambda: ("", UNREACHABLE) in happened)
        relay.open()
        wait_for(lambda: happened.count(("", CONNECTED)) == 2)
        place.apply(steps.DestroyDomain(spec.id))
        wait_for(lambda: (spec.id, "stopped") in happened)
        stop.set()
        watcher.join()
        relay.close()


@pytest.fixture
def group(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A volume group in a file, and what keeps LVM's commands to it and from device-mapper."""
    backing = tmp_path / "pv"
    with backing.open("wb") as file:
        file.truncate(256 * MIB)
    device = subprocess.check_output(
        ["losetup", "--find", "--show", str(backing)], text=True
    ).strip()
    only = ["--devices", device, "--config", "global{activation=0}"]
    name = f"t{secrets.token_hex(4)}"
    try:
        subprocess.run(["vgcreate", *only, name, device], check=True, capture_output=True)
        yield name, only
    finally:
        subprocess.run(["vgremove", *only, "--force", name], check=False, capture_output=True)
        subprocess.run(["losetup", "--detach", device], check=True)


class TestLogicalVolumes:
    def test_a_logical_volume_lives_its_life_beside_strangers(
        self, place: Place, group: tuple[str, list[str]]
    ) -> None:
        name, only = group
        settings = replace(place.settings, volume_group=name)
        pool = default_pool(settings)
        inactive = ["--activate", "n", "--zero", "n", "--wipesignatures", "n"]
        driver = VolumeDriver(settings, LocalHost(), only, inactive)
        volume, stranger = new_id(), new_id()
        subprocess.run(
            ["lvcreate", *only, *inactive, "-n", f"volume-{stranger}", "-L", "8m", name],
            check=True,
            capture_output=True,
        )
        label = '{"name": "한글 <volume>", "more": "' + "x" * 3000 + '"}'
        for _ in range(2):
            driver.apply(CreateVolume(volume, pool, 16 * MIB, label), quiet)
        assert driver.facts() == {volume: VolumeFact(volume, "lvm", 16 * MIB, label)}
        for _ in range(2):
            driver.apply(LabelVolume(volume, pool, '{"name": "short"}'), quiet)
        assert driver.facts([volume])[volume].label == '{"name": "short"}'
        another = VolumeDriver(replace(settings, cloud="another"), LocalHost(), only)
        assert another.facts() == {}
        for foreign, step in (
            (another, RemoveVolume(volume, pool)),
            (driver, RemoveVolume(stranger, pool)),
            (driver, CreateVolume(stranger, pool, MIB, "{}")),
        ):
            with pytest.raises(Refused) as refusal:
                foreign.apply(step, quiet)
            assert refusal.value.code == "volume.foreign"
        reader = VolumeDriver(settings, LocalHost(read_only=True), only)
        assert reader.facts() == driver.facts()
        with pytest.raises(Refused):
            reader.apply(RemoveVolume(volume, pool), quiet)
        for _ in range(2):
            driver.apply(RemoveVolume(volume, pool), quiet)
        assert driver.facts() == {}
        left = subprocess.check_output(
            ["lvs", *only, "--noheadings", "-o", "lv_name", name], text=True
        )
        assert left.split() == [f"volume-{stranger}"]
        assert driver.path(volume, pool) == Path(f"/dev/{name}/volume-{volume}")


def test_qemus_user_passes_through_folders_and_lists_none(place: Place) -> None:
    before = os.umask(0o077)
    try:
        spec = place.spec()
    finally:
        os.umask(before)
    place.apply(steps.DefineDomain(spec), steps.StartDomain(spec.id))
    for path in (place.settings.state, place.settings.instance(spec.id)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o711
