"""Streams in and out, gone on with; equal files shared; formats changed; whose files are opened."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import re
import subprocess
import tempfile
import threading
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.drivers.qemu_img import images as images_module
from backends.drivers.qemu_img.driver import QemuImgDriver
from backends.drivers.qemu_img.facts import ImageFile
from backends.drivers.qemu_img.person import NOBODY, open_as
from backends.drivers.qemu_img.steps import (
    UPLOAD,
    CloseImage,
    CommitDisk,
    ConvertImage,
    CreateOverlay,
    EmptyDisk,
    ImportImage,
    RebaseDisk,
    RemoveImage,
    SaveImage,
    VerifyImage,
)
from backends.errors import Cancelled, MachineFailed, QuarterdeckError, Refused
from backends.hosts import LocalHost
from backends.settings import Settings

ONE = "6b0a4a6e-5c3c-4d61-9d0f-0d1f4c7f2a11"
TWO = "7c1b5b7f-6d4d-4e72-8e10-1e2f5d8f3b22"
INSTANCE = "d2b7a1ce-95a3-4ce3-8f39-5b33e3f8a0a7"
MIB = 1 << 20


def quiet(_share: float) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings("t-files", tmp_path / "state", tmp_path / "run", "here")


@pytest.fixture
def driver(settings: Settings) -> QemuImgDriver:
    return QemuImgDriver(settings, LocalHost())


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """20 MiB with a hole in the middle."""
    path = tmp_path / "disk.raw"
    path.write_bytes(os.urandom(9 * MIB) + bytes(4 * MIB) + os.urandom(7 * MIB))
    return path


def code_of(driver: QemuImgDriver, step: object) -> str:
    with pytest.raises(QuarterdeckError) as error:
        driver.apply(step, quiet)  # type: ignore[arg-type]
    return error.value.code


class Halfway:
    """Dies like a killed process: what it left stays."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, _share: float) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def half_imported(driver: QemuImgDriver, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(images_module.Images, "_drop", lambda *_args: None)
        with pytest.raises(KeyboardInterrupt):
            driver.apply(ImportImage(ONE, source, "raw"), Halfway(2))


class TestResume:
    def test_a_killed_import_goes_on_where_it_was(
        self,
        driver: QemuImgDriver,
        settings: Settings,
        raw: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        half_imported(driver, str(raw), monkeypatch)
        partial = settings.images / f".{ONE}.partial"
        inode, size = partial.stat().st_ino, partial.stat().st_size
        assert 0 < size < raw.stat().st_size
        assert driver.leftovers() == {ONE}
        driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
        assert settings.image(ONE).stat().st_ino == inode
        assert settings.image(ONE).read_bytes() == raw.read_bytes()
        assert driver.describe(ONE).sha256 == hashlib.sha256(raw.read_bytes()).hexdigest()
        assert driver.leftovers() == frozenset()

    def test_it_begins_again_where_the_source_has_changed(
        self,
        driver: QemuImgDriver,
        settings: Settings,
        raw: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        half_imported(driver, str(raw), monkeypatch)
        raw.write_bytes(os.urandom(20 * MIB))
        driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
        assert settings.image(ONE).read_bytes() == raw.read_bytes()


class Web(http.server.ThreadingHTTPServer):
    """Serves one content, with ranges; breaks off after `at_once` bytes of each answer."""

    def __init__(self, content: bytes, at_once: int, tag: str = '"one"') -> None:
        self.content, self.at_once, self.tag = content, at_once, tag
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/disk"


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        web = self.server
        wanted = self.headers.get("Range", "")
        web.asked.append(wanted)
        start = int(re.sub(r"\D", "", wanted) or 0)
        ranged = bool(wanted) and self.headers.get("If-Range") == web.tag
        start = start if ranged else 0
        self.send_response(206 if ranged else 200)
        self.send_header("ETag", web.tag)
        self.send_header("Content-Length", str(len(web.content) - start))
        if ranged:
            end = len(web.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        self.end_headers()
        self.wfile.write(web.content[start : start + web.at_once])

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def web(raw: Path) -> Iterator[Web]:
    server = Web(raw.read_bytes(), at_once=8 * MIB)
    yield server
    server.shutdown()
    server.server_close()


class TestUrl:
    def test_a_download_goes_on_after_each_break(
        self, driver: QemuImgDriver, settings: Settings, web: Web
    ) -> None:
        driver.apply(ImportImage(ONE, web.url, "raw"), quiet)
        assert settings.image(ONE).read_bytes() == web.content
        assert web.asked == ["", f"bytes={8 * MIB}-", f"bytes={16 * MIB}-"]

    def test_a_killed_download_goes_on_by_range(
        self,
        driver: QemuImgDriver,
        settings: Settings,
        web: Web,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        web.at_once = len(web.content)
        half_imported(driver, web.url, monkeypatch)
        web.asked.clear()
        driver.apply(ImportImage(ONE, web.url, "raw"), quiet)
        assert settings.image(ONE).read_bytes() == web.content
        assert web.asked[0] == ""
        assert web.asked[1].startswith("bytes=")

    def test_another_file_at_the_url_is_not_mixed_in(self, driver: QemuImgDriver, web: Web) -> None:
        def change(_share: float) -> None:
            web.tag = '"two"'

        with pytest.raises(MachineFailed) as error:
            driver.apply(ImportImage(ONE, web.url, "raw"), change)
        assert error.value.code == "image.source.changed"
        assert driver.leftovers() == frozenset()

    def test_who_is_no_admin_does_not_reach_this_machine(
        self, driver: QemuImgDriver, web: Web
    ) -> None:
        step = ImportImage(ONE, web.url, "raw", uid=NOBODY)
        assert code_of(driver, step) == "image.source.invalid"
        assert web.asked == []

    def test_a_file_beyond_reason_is_not_begun(self, driver: QemuImgDriver, web: Web) -> None:
        class Endless(bytes):
            def __len__(self) -> int:
                return 65 << 40

        web.content = Endless(b"x")
        assert code_of(driver, ImportImage(ONE, web.url, "raw")) == "image.too_large"


class TestPerson:
    def test_a_file_is_opened_as_who_asks(self, driver: QemuImgDriver, tmp_path: Path) -> None:
        folder = Path("/var/tmp") / f"qd-person-{os.getpid()}"
        folder.mkdir(mode=0o755)
        try:
            secret, public = folder / "secret", folder / "public"
            for path, mode in ((secret, 0o600), (public, 0o644)):
                path.write_bytes(b"x" * 512)
                path.chmod(mode)
            (folder / "link").symlink_to(public)
            secret_step = ImportImage(ONE, str(secret), "raw", uid=NOBODY)
            assert code_of(driver, secret_step) == "image.path.forbidden"
            link_step = ImportImage(ONE, str(folder / "link"), "raw")
            assert code_of(driver, link_step) == "image.path.link"
            driver.apply(ImportImage(ONE, str(public), "raw", uid=NOBODY), quiet)
            save = SaveImage(ONE, str(folder / "out"), NOBODY)
            assert code_of(driver, save) == "image.path.forbidden"
            folder.chmod(0o777)
            driver.apply(save, quiet)
            assert (folder / "out").stat().st_uid == NOBODY
            # Whoever it was opened as, the process is what it was.
            os.close(open_as(None, str(secret), os.O_RDONLY))
        finally:
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    def test_a_file_of_holes_is_not_read_for_hours(self, driver: QemuImgDriver) -> None:
        # Where somebody else may go too; pytest's own folders are its user's alone.
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            bomb = Path(folder) / "bomb"
            bomb.touch()
            os.truncate(bomb, 2 << 40)
            step = ImportImage(ONE, str(bomb), "raw", uid=NOBODY)
            assert code_of(driver, step) == "image.too_large"


def test_what_is_piped_in_is_an_image_and_cannot_be_gone_on_with(
    driver: QemuImgDriver, settings: Settings, raw: Path
) -> None:
    assert code_of(driver, ImportImage(ONE, UPLOAD, "raw")) == "image.source.gone"
    driver.offer(ONE, io.BytesIO(raw.read_bytes()))
    driver.apply(ImportImage(ONE, UPLOAD, "raw"), quiet)
    assert settings.image(ONE).read_bytes() == raw.read_bytes()


def test_equal_images_share_one_file(driver: QemuImgDriver, settings: Settings, raw: Path) -> None:
    for each in (ONE, TWO):
        driver.apply(ImportImage(each, str(raw), "raw"), quiet)
    assert settings.image(ONE).samefile(settings.image(TWO))
    driver.apply(RemoveImage(ONE), quiet)
    assert settings.image(TWO).read_bytes() == raw.read_bytes()
    assert driver.images() == {TWO: ImageFile(TWO, 20 * MIB)}


def test_a_damaged_twin_is_not_shared(driver: QemuImgDriver, settings: Settings, raw: Path) -> None:
    driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
    settings.image(ONE).chmod(0o600)
    with settings.image(ONE).open("r+b") as file:
        file.write(b"damage")
    driver.apply(ImportImage(TWO, str(raw), "raw"), quiet)
    assert settings.image(TWO).read_bytes() == raw.read_bytes()
    described = driver.describe(ONE)
    step = VerifyImage(ONE, "raw", described.sha256, described.sha512)
    assert code_of(driver, step) == "image.damaged"
    driver.apply(ImportImage(ONE, str(raw), "raw", described.sha256, replace=True), quiet)
    driver.apply(step, quiet)


def test_an_opened_file_is_seen_and_closed_again(
    driver: QemuImgDriver, settings: Settings, raw: Path
) -> None:
    driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
    assert driver.images()[ONE].closed
    os.chown(settings.image(ONE), NOBODY, NOBODY)
    assert not driver.images()[ONE].closed
    driver.apply(CloseImage(ONE), quiet)
    assert driver.images()[ONE].closed


@pytest.mark.parametrize("step", [ConvertImage(ONE, "raw", "qcow2"), RemoveImage(ONE)])
def test_a_shared_file_that_was_left_open_is_closed_when_one_lets_go_of_it(
    driver: QemuImgDriver, settings: Settings, raw: Path, step: ConvertImage | RemoveImage
) -> None:
    """As a try leaves it that died while the file was lent."""
    for each in (ONE, TWO):
        driver.apply(ImportImage(each, str(raw), "raw"), quiet)
    settings.image(ONE).chmod(0o460)
    assert not driver.images()[TWO].closed
    driver.apply(step, quiet)
    assert driver.images()[TWO].closed


def test_nothing_lies_beside_an_import_when_it_gets_its_name(
    driver: QemuImgDriver, settings: Settings, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill right after it leaves an image, of which nobody looks for leftovers."""
    beside = []

    def rename(old: Path, new: Path) -> None:
        os.replace(old, new)
        beside.append({path.name for path in settings.images.iterdir()})

    monkeypatch.setattr(os, "rename", rename)
    driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
    driver.apply(ImportImage(TWO, str(raw), "raw"), quiet)
    files = [{each, f"{each}.sums"} for each in (ONE, TWO)]
    assert beside == [files[0], files[0] | files[1]]


@pytest.mark.parametrize("to", ["qcow2", "vdi", "vhd", "vhdx", "vmdk", "raw"])
def test_an_image_becomes_another_format_and_the_same_disk(
    driver: QemuImgDriver, settings: Settings, raw: Path, to: str
) -> None:
    source = raw.with_suffix(".qcow2")
    convert = ("qemu-img", "convert", "-f", "raw", "-O", "qcow2")
    subprocess.run([*convert, raw, source], check=True)
    first = "raw" if to == "qcow2" else "qcow2"
    driver.apply(ImportImage(ONE, str(raw if first == "raw" else source), first), quiet)
    for _ in range(2):
        driver.apply(ConvertImage(ONE, first, to), quiet)
    described = driver.describe(ONE)
    assert described.format == to
    content = settings.image(ONE).read_bytes()
    assert described.sha256 == hashlib.sha256(content).hexdigest()
    name = {"vhd": "vpc"}.get(to, to)
    compare = ("qemu-img", "compare", "-f", "raw", "-F", name, raw, settings.image(ONE))
    assert subprocess.run(compare, capture_output=True, check=False).returncode == 0
    assert driver.images()[ONE].closed
    assert driver.leftovers() == frozenset()


def test_what_would_fill_the_disk_is_not_unpacked(
    driver: QemuImgDriver, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
    monkeypatch.setattr(
        "backends.drivers.qemu_img.convert.shutil.disk_usage",
        lambda _path: types.SimpleNamespace(free=1 << 30),
    )
    assert code_of(driver, ConvertImage(ONE, "raw", "qcow2")) == "image.expands"
    assert driver.leftovers() == frozenset()
    assert driver.describe(ONE).format == "raw"


def test_a_disk_within_a_disk_does_not_come_out_as_one(
    driver: QemuImgDriver, tmp_path: Path
) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    create = ("qemu-img", "create", "-q", "-f", "qcow2")
    subprocess.run([*create, "-u", "-b", "/etc/shadow", "-F", "raw", inner, "1M"], check=True)
    convert = ("qemu-img", "convert", "-f", "raw", "-O", "qcow2")
    subprocess.run([*convert, inner, outer], check=True)
    driver.apply(ImportImage(ONE, str(outer), "qcow2"), quiet)
    with pytest.raises(Refused) as error:
        driver.apply(ConvertImage(ONE, "qcow2", "raw"), quiet)
    assert error.value.code == "image.format.mismatch"
    assert driver.describe(ONE).format == "qcow2"


class TestSave:
    def test_what_was_begun_is_gone_on_with(
        self, driver: QemuImgDriver, raw: Path, tmp_path: Path
    ) -> None:
        driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
        target, part = tmp_path / "out", tmp_path / "out.part"
        with pytest.raises(KeyboardInterrupt):
            driver.apply(SaveImage(ONE, str(target)), Halfway(2))
        inode = part.stat().st_ino
        driver.apply(SaveImage(ONE, str(target)), quiet)
        assert target.read_bytes() == raw.read_bytes()
        assert target.stat().st_ino == inode
        assert not part.exists()

    def test_what_is_anothers_is_written_over(
        self, driver: QemuImgDriver, raw: Path, tmp_path: Path
    ) -> None:
        driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
        (tmp_path / "out.part").write_bytes(os.urandom(30 * MIB))
        driver.apply(SaveImage(ONE, str(tmp_path / "out")), quiet)
        assert (tmp_path / "out").read_bytes() == raw.read_bytes()

    def test_cancelled_it_leaves_nothing(
        self, driver: QemuImgDriver, raw: Path, tmp_path: Path
    ) -> None:
        def cancel(_share: float) -> None:
            raise Cancelled("image.save")

        driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
        with pytest.raises(Cancelled):
            driver.apply(SaveImage(ONE, str(tmp_path / "out")), cancel)
        assert not list(tmp_path.glob("out*"))


class TestRebase:
    def test_a_disk_stands_on_another_image_and_on_none_and_holds_the_same(
        self, driver: QemuImgDriver, settings: Settings, raw: Path
    ) -> None:
        other = raw.with_name("other")
        other.write_bytes(os.urandom(20 * MIB))
        driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
        driver.apply(ImportImage(TWO, str(other), "raw"), quiet)
        driver.apply(CreateOverlay(INSTANCE, ONE, "raw", 32 * MIB), quiet)
        disk = settings.overlay(INSTANCE)
        write = ("qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 1M 1M", disk)
        subprocess.run(write, check=True, capture_output=True)
        before = self.content(disk)
        for image_id in (TWO, None, ONE, None):
            for _ in range(2):
                driver.apply(RebaseDisk(INSTANCE, "disk.qcow2", image_id, "raw"), quiet)
            wanted = {"disk.qcow2": image_id} if image_id else {}
            assert driver.files()[INSTANCE].bases == wanted
            assert self.content(disk) == before

    @pytest.mark.parametrize("twice", [False, True], ids=["once", "after a kill"])
    def test_a_disk_is_written_into_its_image_and_emptied_and_holds_the_same(
        self, driver: QemuImgDriver, settings: Settings, raw: Path, twice: bool
    ) -> None:
        driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
        driver.apply(ImportImage(TWO, str(raw), "raw"), quiet)
        driver.apply(CreateOverlay(INSTANCE, ONE, "raw", 32 * MIB), quiet)
        disk = settings.overlay(INSTANCE)
        write = ("qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 1M 4M", disk)
        subprocess.run(write, check=True, capture_output=True)
        before, full = self.content(disk), disk.stat().st_size
        for _ in range(1 + twice):
            driver.apply(CommitDisk(INSTANCE, "disk.qcow2", ONE, "raw"), quiet)
            assert self.content(disk) == before
        for _ in range(1 + twice):
            driver.apply(EmptyDisk(INSTANCE, "disk.qcow2", ONE, "raw"), quiet)
        assert self.content(disk) == before == settings.image(ONE).read_bytes()
        assert disk.stat().st_size < full - 3 * MIB
        found = driver.describe(ONE)
        assert found.sha256 == hashlib.sha256(before).hexdigest()
        assert (found.size, found.virtual_size) == (32 * MIB, 32 * MIB)
        # The other name of what was one file is left as it was, and all is root's again.
        assert settings.image(TWO).read_bytes() == raw.read_bytes()
        assert driver.images()[ONE].closed
        assert driver.leftovers() == frozenset()

    def test_a_disk_that_a_guest_writes_to_is_neither_written_nor_emptied(
        self, driver: QemuImgDriver, settings: Settings, raw: Path
    ) -> None:
        driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
        driver.apply(CreateOverlay(INSTANCE, ONE, "raw", 0), quiet)
        argv = ("qemu-io", "-f", "qcow2", str(settings.overlay(INSTANCE)))
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as guest:
            assert guest.stdin is not None
            assert guest.stdout is not None
            guest.stdin.write(b"write 0 512\n")
            guest.stdin.flush()
            while b"wrote" not in guest.stdout.readline():
                pass
            for step in (CommitDisk, EmptyDisk):
                assert code_of(driver, step(INSTANCE, "disk.qcow2", ONE, "raw")) == "disk.busy"
            guest.stdin.close()
        assert settings.image(ONE).read_bytes() == raw.read_bytes()
        strange = EmptyDisk(INSTANCE, "disk.qcow2", TWO, "raw")
        assert code_of(driver, strange) == "disk.base.strange"

    def test_without_its_disk_an_image_is_only_described_again(
        self, driver: QemuImgDriver, settings: Settings, raw: Path
    ) -> None:
        driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
        before = driver.describe(ONE)
        driver.apply(CommitDisk(INSTANCE, "disk.qcow2", ONE, "raw"), quiet)
        driver.apply(EmptyDisk(INSTANCE, "disk.qcow2", ONE, "raw"), quiet)
        assert driver.describe(ONE) == before

    def test_a_base_that_is_no_image_is_not_followed(
        self, driver: QemuImgDriver, settings: Settings, raw: Path
    ) -> None:
        driver.apply(ImportImage(ONE, str(raw), "raw"), quiet)
        driver.apply(CreateOverlay(INSTANCE, ONE, "raw", 0), quiet)
        disk = settings.overlay(INSTANCE)
        rebase = ("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", "/etc/shadow", "-F", "raw")
        subprocess.run([*rebase, disk], check=True)
        assert driver.files()[INSTANCE].bases == {"disk.qcow2": "/etc/shadow"}
        step = RebaseDisk(INSTANCE, "disk.qcow2", None)
        assert code_of(driver, step) == "disk.base.strange"

    @staticmethod
    def content(disk: Path) -> bytes:
        out = disk.with_name("out.raw")
        convert = ("qemu-img", "convert", "-f", "qcow2", "-O", "raw", disk, out)
        subprocess.run(convert, check=True)
        try:
            return out.read_bytes()
        finally:
            out.unlink()
