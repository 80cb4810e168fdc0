"""Importing images, refusing malicious ones, root disks and config drives; by the real qemu-img."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import os
import stat
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.drivers.qemu_img import probe
from backends.drivers.qemu_img.driver import QemuImgDriver
from backends.drivers.qemu_img.facts import ImageFile, InstanceFiles
from backends.drivers.qemu_img.steps import (
    CreateConfigDrive,
    CreateOverlay,
    ImportImage,
    RemoveImage,
    RemoveInstanceFiles,
)
from backends.errors import Cancelled, MachineFailed, QuarterdeckError, Refused
from backends.hosts import LocalHost
from backends.settings import Settings

IMAGE = "6b0a4a6e-5c3c-4d61-9d0f-0d1f4c7f2a11"
INSTANCE = "d2b7a1ce-95a3-4ce3-8f39-5b33e3f8a0a7"
MIB = 1 << 20


def quiet(_share: float) -> None:
    """Progress that nobody looks at."""


def qemu_img(*arguments: object) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings("t-images", tmp_path / "state", tmp_path / "run", "here")


@pytest.fixture
def driver(settings: Settings) -> QemuImgDriver:
    return QemuImgDriver(settings, LocalHost())


@pytest.fixture
def qcow2(tmp_path: Path) -> Path:
    """A whole qcow2 of 8 MiB that holds something."""
    raw = tmp_path / "content.raw"
    raw.write_bytes(os.urandom(2 * MIB) + bytes(6 * MIB))
    path = tmp_path / "good.qcow2"
    qemu_img("convert", "-f", "raw", "-O", "qcow2", raw, path)
    return path


def refusal(path: Path, claimed: str) -> str:
    """The code that inspecting the file is refused with."""
    with pytest.raises(Refused) as error:
        probe.inspect(path, claimed)
    assert "\n" not in error.value.message
    return error.value.code


def patch(path: Path, offset: int, data: bytes) -> Path:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
    return path


class TestProbe:
    @pytest.mark.parametrize(
        ("claimed", "options"),
        [
            ("qcow2", ("-f", "qcow2")),
            ("qcow2", ("-f", "qcow2", "-o", "compat=0.10")),
            ("raw", ("-f", "raw")),
            ("vdi", ("-f", "vdi")),
            ("vhd", ("-f", "vpc", "-o", "force_size=on")),
            ("vhd", ("-f", "vpc", "-o", "subformat=fixed,force_size=on")),
            ("vhdx", ("-f", "vhdx")),
            ("vmdk", ("-f", "vmdk")),
        ],
    )
    def test_each_format_is_taken_for_what_it_is_only(
        self, tmp_path: Path, claimed: str, options: tuple[str, ...]
    ) -> None:
        path = tmp_path / "disk"
        qemu_img("create", "-q", *options, path, "8M")
        found = probe.inspect(path, claimed)
        assert found == probe.Probe(claimed, 8 * MIB)
        for other in {"qcow2", "raw", "vdi", "vhd", "vhdx", "vmdk", "iso", "aki", "ari"} - {
            claimed
        }:
            assert refusal(path, other) == "image.format.mismatch"

    def test_a_stream_optimized_vmdk_is_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "disk"
        qemu_img("create", "-q", "-f", "vmdk", "-o", "subformat=streamOptimized", path, "8M")
        assert probe.inspect(path, "vmdk").virtual_size == 8 * MIB

    def test_a_cd_is_an_iso_and_a_raw_disk(self, tmp_path: Path) -> None:
        path = tmp_path / "cd"
        path.write_bytes(bytes(0x8000) + b"\x01CD001" + bytes(4090))
        for claimed in ("iso", "raw"):
            assert probe.inspect(path, claimed).format == claimed
        assert refusal(path, "qcow2") == "image.format.mismatch"

    def test_kernels_and_ramdisks_are_told_by_their_content(self, tmp_path: Path) -> None:
        kernel = tmp_path / "vmlinuz"
        kernel.write_bytes(b"MZ" + bytes(0x200) + b"HdrS" + bytes(512))
        ramdisk = tmp_path / "initrd"
        ramdisk.write_bytes(gzip.compress(b"070701"))
        machine = tmp_path / "root"
        machine.write_bytes(bytes(4096))
        assert probe.inspect(kernel, "aki").format == "aki"
        assert probe.inspect(ramdisk, "ari").format == "ari"
        assert probe.inspect(machine, "ami").virtual_size == 4096
        assert refusal(ramdisk, "aki") == "image.format.mismatch"
        assert refusal(kernel, "ari") == "image.format.mismatch"

    def test_an_unknown_format_and_an_empty_file(self, tmp_path: Path) -> None:
        empty = tmp_path / "empty"
        empty.touch()
        assert refusal(empty, "ploop") == "image.format.unknown"
        assert refusal(empty, "raw") == "image.empty"

    @pytest.mark.parametrize("backing", ["/etc/shadow", "nbd://127.0.0.1/x", "json:{}"])
    def test_a_backing_file_is_refused(self, tmp_path: Path, backing: str) -> None:
        path = tmp_path / "disk"
        qemu_img("create", "-q", "-u", "-f", "qcow2", "-b", backing, "-F", "raw", path, "8M")
        assert refusal(path, "qcow2") == "image.backing.refused"

    def test_an_external_data_file_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "disk"
        qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path}/data", path, "8M")
        assert refusal(path, "qcow2") == "image.backing.refused"

    @pytest.mark.parametrize(
        "subformat", ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"]
    )
    def test_a_vmdk_of_other_files_is_refused(self, tmp_path: Path, subformat: str) -> None:
        path = tmp_path / "disk.vmdk"
        qemu_img("create", "-q", "-f", "vmdk", "-o", f"subformat={subformat}", path, "8M")
        assert refusal(path, "vmdk") == "image.backing.refused"

    def test_a_flat_extent_inside_a_sparse_vmdk_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "disk.vmdk"
        qemu_img("create", "-q", "-f", "vmdk", path, "8M")
        extent = path.read_bytes().index(b"RW 16384 SPARSE")
        patch(path, extent, b'RW 16384 FLAT "/etc/shadow" 0\n#')
        assert refusal(path, "vmdk") == "image.backing.refused"

    def test_a_vmdk_with_a_parent_is_refused(self, tmp_path: Path) -> None:
        parent, path = tmp_path / "parent.vmdk", tmp_path / "disk.vmdk"
        qemu_img("create", "-q", "-f", "vmdk", parent, "8M")
        qemu_img("create", "-q", "-f", "vmdk", "-b", parent, "-F", "vmdk", path)
        assert refusal(path, "vmdk") == "image.backing.refused"

    def test_differencing_vdi_and_vhd_are_refused(self, tmp_path: Path) -> None:
        vdi, vhd = tmp_path / "disk.vdi", tmp_path / "disk.vhd"
        qemu_img("create", "-q", "-f", "vdi", vdi, "8M")
        qemu_img("create", "-q", "-f", "vpc", vhd, "8M")
        patch(vdi, 0x4C, struct.pack("<I", 4))
        patch(vhd, vhd.stat().st_size - 512 + 60, struct.pack(">I", 4))
        assert refusal(vdi, "vdi") == "image.backing.refused"
        assert refusal(vhd, "vhd") == "image.backing.refused"

    @pytest.mark.parametrize("share", [0.0001, 0.02, 0.2, 0.5, 0.9])
    def test_a_truncated_qcow2_is_refused(self, qcow2: Path, share: float) -> None:
        os.truncate(qcow2, int(qcow2.stat().st_size * share))
        assert refusal(qcow2, "qcow2") == "image.truncated"

    def test_a_corrupt_qcow2_is_refused(self, qcow2: Path) -> None:
        l1_offset = struct.unpack(">Q", qcow2.read_bytes()[40:48])[0]
        patch(qcow2, l1_offset, struct.pack(">Q", (1 << 63) | 0x30001))
        assert refusal(qcow2, "qcow2") == "image.corrupt"

    @pytest.mark.parametrize(
        ("offset", "value", "code"),
        [
            (4, struct.pack(">I", 9), "image.corrupt"),  # version
            (20, struct.pack(">I", 60), "image.corrupt"),  # cluster bits
            (20, struct.pack(">I", 0), "image.corrupt"),
            (24, struct.pack(">Q", 1 << 62), "image.too_large"),  # virtual size
            (36, struct.pack(">I", 0xFFFFFFFF), "image.too_large"),  # L1 entries
            (40, struct.pack(">Q", 1 << 60), "image.truncated"),  # L1 offset
            (48, struct.pack(">Q", 1 << 60), "image.truncated"),  # refcount table
        ],
    )
    def test_a_header_that_lies_is_refused(
        self, qcow2: Path, offset: int, value: bytes, code: str
    ) -> None:
        assert refusal(patch(qcow2, offset, value), "qcow2") == code

    def test_a_disk_beyond_reason_is_refused_in_every_format(self, tmp_path: Path) -> None:
        raw = tmp_path / "disk.raw"
        qcow2 = tmp_path / "disk.qcow2"
        qemu_img("create", "-q", "-f", "qcow2", qcow2, "65T")
        assert refusal(qcow2, "qcow2") == "image.too_large"
        vhdx = tmp_path / "disk.vhdx"
        vhdx.write_bytes(b"vhdxfile" + bytes(MIB))
        assert refusal(vhdx, "vhdx") == "image.corrupt"
        raw.write_bytes(b"x")
        assert probe.inspect(raw, "raw").virtual_size == 1


class TestImport:
    def test_an_image_is_copied_hashed_described_and_closed(
        self, driver: QemuImgDriver, settings: Settings, qcow2: Path
    ) -> None:
        shares: list[float] = []
        content = qcow2.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        step = ImportImage(IMAGE, str(qcow2), "qcow2", sha256.upper())
        driver.apply(step, shares.append)
        driver.apply(step, quiet)
        assert settings.image(IMAGE).read_bytes() == content
        described = driver.describe(IMAGE)
        assert (described.size, described.virtual_size) == (len(content), 8 * MIB)
        assert described.sha256 == sha256
        assert described.sha512 == hashlib.sha512(content).hexdigest()
        assert driver.images() == {IMAGE: ImageFile(IMAGE, len(content))}
        assert driver.images(["absent"]) == {}
        assert stat.S_IMODE(settings.image(IMAGE).stat().st_mode) == 0o440
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        for _ in range(2):
            driver.apply(RemoveImage(IMAGE), quiet)
        assert list(settings.images.iterdir()) == []

    def test_holes_stay_holes(
        self, driver: QemuImgDriver, settings: Settings, tmp_path: Path
    ) -> None:
        source = tmp_path / "sparse"
        with source.open("wb") as file:
            file.seek(64 * MIB)
            file.write(b"end")
            file.truncate(100 * MIB)
        driver.apply(ImportImage(IMAGE, str(source), "raw"), quiet)
        status = settings.image(IMAGE).stat()
        assert status.st_size == 100 * MIB
        assert status.st_blocks * 512 < MIB
        assert settings.image(IMAGE).read_bytes() == source.read_bytes()

    def test_a_cancelled_import_leaves_nothing(
        self, driver: QemuImgDriver, settings: Settings, qcow2: Path
    ) -> None:
        def cancel(_share: float) -> None:
            raise Cancelled("image create")

        with pytest.raises(Cancelled):
            driver.apply(ImportImage(IMAGE, str(qcow2), "qcow2"), cancel)
        assert list(settings.images.iterdir()) == []

    @pytest.mark.parametrize(
        ("source", "claimed", "sha256", "code"),
        [
            ("{good}", "raw", "", "image.format.mismatch"),
            ("{good}", "qcow2", "0" * 64, "image.checksum.mismatch"),
            ("{good}.absent", "qcow2", "", "image.source.missing"),
            ("/dev/zero", "raw", "", "image.source.invalid"),
            ("/etc", "raw", "", "image.source.invalid"),
            ("file:///etc/shadow", "raw", "", "image.source.invalid"),
            ("relative", "raw", "", "image.source.invalid"),
            ("http://127.0.0.1:1/x", "raw", "", "image.source.failed"),
        ],
    )
    def test_a_refused_import_leaves_nothing(
        self,
        driver: QemuImgDriver,
        settings: Settings,
        qcow2: Path,
        source: str,
        claimed: str,
        sha256: str,
        code: str,
    ) -> None:
        step = ImportImage(IMAGE, source.format(good=qcow2), claimed, sha256)
        with pytest.raises(QuarterdeckError) as error:
            driver.apply(step, quiet)
        assert error.value.code == code
        assert list(settings.images.iterdir()) == []
        assert driver.images() == {}

    def test_what_an_interrupted_import_left_is_found_and_removed(
        self, driver: QemuImgDriver, settings: Settings, qcow2: Path
    ) -> None:
        settings.images.mkdir(parents=True)
        (settings.images / f".{IMAGE}.partial").write_bytes(b"half")
        (settings.images / f"{INSTANCE}.sums").write_text("{}")
        assert driver.images() == {}
        assert driver.leftovers() == {IMAGE, INSTANCE}
        driver.apply(ImportImage(IMAGE, str(qcow2), "qcow2"), quiet)
        driver.apply(RemoveImage(INSTANCE), quiet)
        assert driver.leftovers() == frozenset()
        assert set(driver.images()) == {IMAGE}

    def test_a_full_disk_is_one_clear_error(
        self, driver: QemuImgDriver, qcow2: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(MachineFailed) as error:
            driver.apply(ImportImage(IMAGE, str(qcow2), "qcow2"), quiet)
        assert error.value.code == "disk.full"
        assert driver.leftovers() == frozenset()

    def test_a_read_only_host_is_not_written_to(self, settings: Settings, qcow2: Path) -> None:
        reader = QemuImgDriver(settings, LocalHost(read_only=True))
        for step in (ImportImage(IMAGE, str(qcow2), "qcow2"), RemoveInstanceFiles(INSTANCE)):
            with pytest.raises(Refused) as error:
                reader.apply(step, quiet)
            assert error.value.code == "host.readonly"
        assert (reader.images(), reader.files()) == ({}, {})
        assert not settings.state.exists()

    def test_a_password_in_a_url_is_not_shown(self) -> None:
        step = ImportImage(IMAGE, "https://me:secret@example.org/disk?x=1", "raw")
        assert "secret" not in step.text
        assert "https://example.org/disk?x=1" in step.text


Serve = Callable[[Callable[[http.server.BaseHTTPRequestHandler], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a web server on the loopback that answers every GET by the function given."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, *_arguments: object) -> None:
                """Print nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class TestDownload:
    def test_an_image_comes_by_http_through_a_redirect(
        self, driver: QemuImgDriver, qcow2: Path, serve: Serve
    ) -> None:
        content = qcow2.read_bytes()

        def answer(request: http.server.BaseHTTPRequestHandler) -> None:
            if request.path == "/":
                request.send_response(302)
                request.send_header("Location", "/real")
                request.end_headers()
                return
            request.send_response(200)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content)

        driver.apply(ImportImage(IMAGE, serve(answer), "qcow2"), quiet)
        assert driver.describe(IMAGE).sha256 == hashlib.sha256(content).hexdigest()

    def test_a_download_that_breaks_off_is_refused(
        self, driver: QemuImgDriver, serve: Serve
    ) -> None:
        def answer(request: http.server.BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", "5000000")
            request.end_headers()
            request.wfile.write(b"only this")

        with pytest.raises(MachineFailed) as error:
            driver.apply(ImportImage(IMAGE, serve(answer), "raw"), quiet)
        assert error.value.code == "image.source.incomplete"
        assert driver.leftovers() == frozenset()

    @pytest.mark.parametrize("target", ["file:///etc/shadow", "ftp://127.0.0.1/x"])
    def test_a_redirect_elsewhere_is_not_followed(
        self, driver: QemuImgDriver, serve: Serve, target: str
    ) -> None:
        def answer(request: http.server.BaseHTTPRequestHandler) -> None:
            request.send_response(302)
            request.send_header("Location", target)
            request.end_headers()

        with pytest.raises(MachineFailed) as error:
            driver.apply(ImportImage(IMAGE, serve(answer), "raw"), quiet)
        assert error.value.code == "image.source.failed"
        assert driver.images() == {}

    def test_a_missing_page_is_one_clear_error(self, driver: QemuImgDriver, serve: Serve) -> None:
        with pytest.raises(MachineFailed, match="404") as error:
            driver.apply(ImportImage(IMAGE, serve(lambda r: r.send_error(404)), "raw"), quiet)
        assert error.value.code == "image.source.failed"


class TestInstances:
    def test_a_root_disk_stands_on_its_image(
        self, driver: QemuImgDriver, settings: Settings, qcow2: Path
    ) -> None:
        driver.apply(ImportImage(IMAGE, str(qcow2), "qcow2"), quiet)
        step = CreateOverlay(INSTANCE, IMAGE, "qcow2", 32 * MIB)
        driver.apply(step, quiet)
        overlay = settings.overlay(INSTANCE)
        information = json.loads(
            subprocess.check_output(["qemu-img", "info", "--output=json", str(overlay)])
        )
        assert information["virtual-size"] == 32 * MIB
        assert information["full-backing-filename"] == str(settings.image(IMAGE))
        assert information["backing-filename-format"] == "qcow2"
        assert stat.S_IMODE(overlay.stat().st_mode) == 0o600
        before = overlay.stat().st_ino
        driver.apply(step, quiet)
        assert overlay.stat().st_ino == before
        assert driver.files() == {
            INSTANCE: InstanceFiles(
                INSTANCE, frozenset({"disk.qcow2"}), bases={"disk.qcow2": IMAGE}
            )
        }
        for _ in range(2):
            driver.apply(RemoveInstanceFiles(INSTANCE), quiet)
        assert driver.files() == {}

    def test_an_empty_root_disk_and_one_of_the_images_size(
        self, driver: QemuImgDriver, settings: Settings, qcow2: Path
    ) -> None:
        driver.apply(CreateOverlay(IMAGE, None, "", 16 * MIB), quiet)
        driver.apply(ImportImage(IMAGE, str(qcow2), "qcow2"), quiet)
        driver.apply(CreateOverlay(INSTANCE, IMAGE, "qcow2", 0), quiet)
        sizes = [
            struct.unpack(">Q", settings.overlay(each).read_bytes()[24:32])[0]
            for each in (IMAGE, INSTANCE)
        ]
        assert sizes == [16 * MIB, 8 * MIB]

    def test_a_disk_too_small_or_without_its_image_is_refused(
        self, driver: QemuImgDriver, qcow2: Path
    ) -> None:
        with pytest.raises(MachineFailed) as missing:
            driver.apply(CreateOverlay(INSTANCE, IMAGE, "qcow2", 0), quiet)
        assert missing.value.code == "image.missing"
        driver.apply(ImportImage(IMAGE, str(qcow2), "qcow2"), quiet)
        with pytest.raises(Refused) as small:
            driver.apply(CreateOverlay(INSTANCE, IMAGE, "qcow2", MIB), quiet)
        assert small.value.code == "overlay.too_small"
        assert not driver.files().get(INSTANCE, InstanceFiles(INSTANCE)).disks

    def test_a_config_drive_holds_its_files_and_replaces_the_older(
        self, driver: QemuImgDriver, settings: Settings, tmp_path: Path
    ) -> None:
        files = (
            ("openstack/latest/meta_data.json", '{"hostname": "한글"}'),
            ("openstack/latest/user_data", "#!/bin/sh\n"),
        )
        driver.apply(CreateConfigDrive(INSTANCE, "aaaa", files), quiet)
        driver.apply(CreateConfigDrive(INSTANCE, "bbbb", files), quiet)
        driver.apply(CreateConfigDrive(INSTANCE, "bbbb", files), quiet)
        assert driver.files([INSTANCE])[INSTANCE].config == "bbbb"
        folder = settings.instance(INSTANCE)
        assert [each.name for each in folder.iterdir()] == ["config-bbbb.iso"]
        drive = folder / "config-bbbb.iso"
        assert stat.S_IMODE(drive.stat().st_mode) == 0o400
        assert b"config-2" in drive.read_bytes()[0x8000:0x8800]
        for name, text in files:
            target = tmp_path / "out"
            subprocess.run(
                ["xorriso", "-osirrox", "on", "-indev", drive, "-extract", f"/{name}", target],
                check=True,
                capture_output=True,
            )
            assert target.read_text() == text
            target.unlink()

    def test_two_config_drives_fit_no_digest(
        self, driver: QemuImgDriver, settings: Settings
    ) -> None:
        driver.apply(CreateConfigDrive(INSTANCE, "aaaa", (("a", "b"),)), quiet)
        (settings.instance(INSTANCE) / "config-bbbb.iso").touch()
        assert driver.files()[INSTANCE].config == ""
        driver.apply(CreateConfigDrive(INSTANCE, "aaaa", (("a", "b"),)), quiet)
        assert driver.files()[INSTANCE].config == "aaaa"

    @pytest.mark.parametrize("name", ["../outside", "/etc/x", "", "a/../../b"])
    def test_a_config_drives_file_stays_inside(
        self, driver: QemuImgDriver, settings: Settings, name: str
    ) -> None:
        with pytest.raises(Refused) as error:
            driver.apply(CreateConfigDrive(INSTANCE, "aaaa", ((name, "x"),)), quiet)
        assert error.value.code == "config.path.invalid"
        assert list(settings.instance(INSTANCE).iterdir()) == []

    def test_an_id_that_leads_elsewhere_is_refused(self, driver: QemuImgDriver) -> None:
        for step in (RemoveInstanceFiles("../.."), RemoveImage("../x"), RemoveInstanceFiles("")):
            with pytest.raises(Refused) as error:
                driver.apply(step, quiet)
            assert error.value.code == "id.invalid"
