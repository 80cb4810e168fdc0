"""What a new volume is filled with: an image's disk, or the frame of an encrypted one.

Keys are given to qemu-img by the name of their file, never as arguments (qemu-img(1), --object).
"""

from __future__ import annotations

import re
from pathlib import Path

from backends.drivers.step import Progress
from backends.drivers.volumes.copying import take_over
from backends.hosts import Host, LocalHost
from backends.hosts.local import command_error
from backends.hosts.work import work

# QEMU measures its processor time, which a kernel that counts in ticks may give as none.
_UNMEASURED = "CPU usage"
_TRIES = 5
_SHARE = re.compile(r"\(\s*([0-9.]+)/100%\)")


def seal(host: Host, path: Path, size: int, key: Path) -> None:
    """Write a LUKS frame for `size` bytes of content; what is in it reads as noise.

    The key is as long as a cipher's: it is not stretched for longer than QEMU insists on.
    """
    argv = [
        *("qemu-img", "create", "-q", "-f", "luks", "--object", _secret(key)),
        *("-o", "key-secret=key,hash-alg=sha512,iter-time=100", str(path), str(size)),
    ]
    for _ in range(_TRIES):
        done = host.run(argv, timeout=120.0, check=False)
        if done.status == 0 or _UNMEASURED not in done.stderr:
            break
    if done.status != 0:
        raise command_error(argv[0], done)


def pour_image(
    host: Host,
    source: Path,
    source_format: str,
    target: Path,
    progress: Progress,
    *,
    hollow: bool,
    key: Path | None = None,
) -> None:
    """Write an image's disk into `target`, which is as large at least, or into its LUKS frame.

    A `hollow` target reads as zeros already, so that zeros are not written.
    """
    is_copied = key is None and source_format == "raw" and isinstance(host, LocalHost)
    if is_copied and not target.is_block_device() and take_over(source, target, progress):
        return
    argv = ["qemu-img", "convert", "-p", "-n", "-f", source_format]
    if key is None:
        argv += ["-O", "raw", *(["--target-is-zero"] if hollow else []), str(source), str(target)]
    else:
        frame = f"driver=luks,key-secret=key,file.filename={target}"
        argv += ["--object", _secret(key), "--target-image-opts", str(source), frame]

    def hear(text: str) -> None:
        shares = _SHARE.findall(text)
        progress(float(shares[-1]) / 100 if shares else 0.0)

    work(host, argv, hear)


def _secret(key: Path) -> str:
    return f"secret,id=key,file={key}"
