"""The pure parts of the lab image: archive, boot record, apt records, what the guest reads."""

from __future__ import annotations

import json
import struct
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from backends.errors import MachineFailed
from backends.lab import disk, modules, packages, ramdisk

UBUNTU = "Package: linux-image-virtual\nVersion: 6.8.0.31.31\nDepends: linux-image-6.8.0-31-generic"


def awk(script: str, text: str) -> list[str]:
    """What the guest's own script makes of a text, by the same busybox as the guest's."""
    program = resources.files("backends.lab") / "guest" / "lab" / script
    return subprocess.run(
        ["busybox", "awk", "-f", str(program)],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def test_archive_unpacks_with_parents_and_modes(tmp_path: Path) -> None:
    packed = ramdisk.archive({"a/b/run": (0o100755, b"#!x"), "l": (0o120777, b"a/b/run")})
    subprocess.run(["cpio", "-idm", "--quiet"], input=packed, cwd=tmp_path, check=True)
    assert (tmp_path / "l").read_bytes() == b"#!x"
    assert (tmp_path / "a/b/run").stat().st_mode & 0o777 == 0o755


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "\tlinux-vdso.so.1 (0x1)\n\tlibx => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n"
    monkeypatch.setattr(ramdisk, "run", lambda argv: listed)
    with pytest.raises(MachineFailed, match="agent needs libx, which is not installed"):
        ramdisk._libraries(Path("agent"))


def test_boot_record_names_one_active_partition() -> None:
    sector = disk.boot_record(b"\x90" * 440, 4096)
    assert len(sector) == 512
    assert sector.endswith(b"\x55\xaa")
    assert struct.unpack_from("<B3xB3xII", sector, 446) == (0x80, 0x0E, 2048, 4096)


@pytest.mark.parametrize(
    ("record", "prefix", "found"),
    [
        (UBUNTU, "linux-image-", ["linux-image-6.8.0-31-generic"]),
        ("Depends: linux-image-6.1.0-5 (= 6.1.1-2), x", "linux-image-", ["linux-image-6.1.0-5"]),
        (
            "Depends: linux-image-6.1, linux-modules-6.1 | y",
            "linux-modules-",
            ["linux-modules-6.1"],
        ),
        ("Package: p", "linux-image-", []),
    ],
)
def test_dependencies_of_a_record(record: str, prefix: str, found: list[str]) -> None:
    assert packages.dependencies(record, prefix) == found


def test_missing_package_is_named_with_its_remedy() -> None:
    with pytest.raises(MachineFailed, match="apt-get install no-such-package") as caught:
        packages.installed(["dpkg", "no-such-package"])
    assert caught.value.code == "lab.packages"


def test_modules_load_after_what_they_need(tmp_path: Path) -> None:
    for name, needed in (("virtio-rng", "virtio"), ("virtio", ""), ("net", "virtio,rng-core")):
        (tmp_path / f"{name}.ko").write_bytes(b"\0depends=" + needed.encode() + b"\0name=x\0")
    (tmp_path / "modules.builtin").write_text("kernel/drivers/rng-core.ko\n")
    assert [*modules.load_order(tmp_path, ("net", "virtio_rng"))] == ["virtio", "net", "virtio_rng"]
    with pytest.raises(MachineFailed, match="no module fuse"):
        modules.load_order(tmp_path, ("fuse",))


def test_guest_reads_json() -> None:
    document = {
        "hostname": "web.local",
        "public_keys": {'my "key"': "ssh-ed25519 AAA 안녕\n"},
        "networks": [{"link": "tap0", "routes": []}, {"link": "tap1", "mtu": 1450}],
        "text": "a\\b/{[,:]}",
        "none": None,
    }
    assert awk("json.awk", json.dumps(document, indent=1)) == [
        "hostname\tweb.local",
        'public_keys/my "key"\tssh-ed25519 AAA 안녕 ',
        "networks/0/link\ttap0",
        "networks/1/link\ttap1",
        "networks/1/mtu\t1450",
        "text\ta\\b/{[,:]}",
    ]


def test_guest_reads_cloud_config() -> None:
    document = """#cloud-config
fqdn: other.example.org
hostname: web-1   # the name
users:
  - default
ssh_authorized_keys:
  - "ssh-rsa BBB it's"
runcmd:
 - echo $(id) > /tmp/x # c
 - [ ls, '/a b' ]
write_files:
- path: /etc/motd
  content: |-
    Hello
      indented
  permissions: '0640'
- encoding: b64
  content: aGk=
  path: /tmp/b
"""
    assert awk("yaml.awk", document) == [
        "ignored 'users'",
        r"add_key 'ssh-rsa BBB it'\''s'",
        "run_command 'echo $(id) > /tmp/x'",
        r"run_command ''\''ls'\'' '\''/a b'\'''",
        "write_file '/etc/motd' '0640' '' '' '' 'Hello",
        "  indented'",
        "write_file '/tmp/b' '' '' 'b64' '' 'aGk='",
        "set_hostname 'web-1'",
    ]


def test_guest_scripts_are_valid_shell() -> None:
    for name, content in ramdisk.guest_files().items():
        if content.startswith(b"#!"):
            done = subprocess.run(["busybox", "sh", "-n"], input=content, capture_output=True)
            assert not done.stderr, name
