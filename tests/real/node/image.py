"""Build the disk of a lab node: a small Debian with device-mapper and Open vSwitch's kernel module.

The product's lab guest boots in seconds and has neither; a node is a whole host, for LVM, iSCSI,
the kernel datapath and a second end of a tunnel.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backends.lab import packages
from backends.lab.modules import load_order
from backends.lab.packages import run
from backends.lab.ramdisk import archive

CACHE = Path("/var/cache/quarterdeck/lab/node")
PACKAGES = (
    *("lvm2", "thin-provisioning-tools", "tgt", "qemu-utils", "cryptsetup-bin", "e2fsprogs"),
    *("nfs-kernel-server", "nfs-common", "udev", "kmod", "procps", "python3", "openssh-server"),
    *("openvswitch-switch", "nftables", "conntrack", "dnsmasq-base", "iproute2", "ethtool"),
    *("tcpdump", "iputils-ping", "iputils-arping", "genisoimage", "busybox-static"),
    *("libvirt-daemon-system", "libvirt-clients", "qemu-system-x86", "qemu-block-extra"),
)
# What the disk is reached with; the node loads everything else itself.
MODULES = ("virtio_pci", "virtio_blk", "ext4", "crc32c_generic")
SIZE = "4G"  # of the disk; it is sparse
_OPTIONS = (
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=APT::Sandbox::User "root"',
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=force-unsafe-io",
    *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale", "info")),
)
_KEYRINGS = Path("/usr/share/keyrings")
_GUEST = Path(__file__).parent / "guest"
_VERSION = 1  # of this builder: a change of what it makes from equal inputs needs a new number

Progress = Callable[[str], None]


@dataclass(frozen=True)
class NodeImage:
    """What a node boots from. `disk` is a raw ext4 file, never written: nodes have overlays."""

    kernel: Path
    ramdisk: Path
    disk: Path


def build(cache: Path = CACHE, progress: Progress = print) -> NodeImage:
    """The image of this recipe, built if it is not there (a minute). One process builds it.

    The packages come from wherever this machine's apt gets the distribution's own.
    Raises MachineFailed (`lab.*`).
    """
    record = packages.kernel_record()
    image = _image(cache / _fingerprint(record))
    if not image.disk.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not image.disk.exists():
                _build(image, record, progress)
    return image


def _image(place: Path) -> NodeImage:
    return NodeImage(place / "vmlinuz", place / "initrd", place / "root.ext4")


def _fingerprint(record: str) -> str:
    digest = hashlib.sha256(f"{_VERSION} {PACKAGES} {MODULES} {SIZE} {_OPTIONS}\n".encode())
    for name in ("Package", "Version", "Depends"):
        digest.update(f"{packages.field(record, name)}\n".encode())
    for path in sorted(_GUEST.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _build(image: NodeImage, record: str, progress: Progress) -> None:
    final = image.disk.parent
    for stale in final.parent.glob("building-*"):  # of a process that was killed: we hold the lock
        shutil.rmtree(stale)
    work = Path(tempfile.mkdtemp(prefix="building-", dir=final.parent))
    root, made = work / "root", _image(work / "made")
    try:
        made.disk.parent.mkdir()
        progress("lab node: installing its system")
        _install(root)
        progress("lab node: adding its kernel")
        packages.unpack_kernel(record, work / "kernel")
        kernel = work / "kernel" / "root"
        boot, modules = next(kernel.glob("boot/vmlinuz-*")), next(kernel.glob("**/lib/modules/*"))
        shutil.copyfile(boot, made.kernel)
        shutil.copytree(modules, root / "usr/lib/modules" / modules.name, symlinks=True)
        run(["depmod", "-b", str(root), modules.name])
        _write_ramdisk(load_order(kernel, MODULES), made.ramdisk)
        _settle(root)
        progress("lab node: writing its disk")
        run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(made.disk), SIZE])
        made.disk.parent.rename(final)
    finally:
        shutil.rmtree(work)


def _install(root: Path) -> None:
    sources = root.with_name("sources.list")
    sources.write_text("\n".join(_sources()) + "\n")
    include = f"--include={','.join(PACKAGES)}"
    suite = _codename()
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", include]
    run([*argv, *_OPTIONS, suite, str(root), str(sources)])


def _codename() -> str:
    lines = Path("/etc/os-release").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("VERSION_CODENAME="))


def _sources() -> list[str]:
    """Lines of sources.list(5) for the distribution itself, from where this machine has it."""
    form = "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)"
    found = run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    lines = []
    for line in dict.fromkeys(found.splitlines()):
        origin, *place = line.split()
        keyring = _KEYRINGS / f"{origin.lower()}-archive-keyring.gpg"
        if origin in ("Debian", "Ubuntu") and keyring.exists():
            lines.append(f"deb [signed-by={keyring}] {' '.join(place)}")
    return lines


def _write_ramdisk(modules: dict[str, bytes], path: Path) -> None:
    busybox = shutil.which("busybox")
    assert busybox is not None
    entries = dict.fromkeys(("new", "proc", "sys", "dev", "session", "sbin", "usr/sbin", "usr/bin"),
                            (0o040755, b""))  # fmt: skip
    entries["init"] = (0o100755, (_GUEST / "boot").read_bytes())
    entries["bin/busybox"] = (0o100755, Path(busybox).read_bytes())
    entries["modules/order"] = (0o100644, "".join(f"{each}\n" for each in modules).encode())
    for name, code in modules.items():
        entries[f"modules/{name}.ko"] = (0o100644, code)
    path.write_bytes(archive(entries))


def _settle(root: Path) -> None:
    """What the packages leave open."""
    shutil.copyfile(_GUEST / "init", root / "sbin/node-init")
    (root / "sbin/node-init").chmod(0o755)
    # The session brings the host's key, and no login goes through a password or a name server.
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/ssh/sshd_config.d/node.conf").write_text(
        "UsePAM no\nUseDNS no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        "MaxSessions 64\nHostKey /etc/ssh/ssh_host_ed25519_key\n"
    )
