"""A real NFS server in a lab node: the kernel's own, in a namespace, for the node to be its client.

Only where the kernel has one (tests/real/node); its threads can be ended and its cable pulled.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from tests.real.lab import run

_SPACE = "store"
_CABLE, _END = "qdstore0", "qdstore1"
HERE, ADDRESS = "10.214.0.1", "10.214.0.2"
# Nobody has it.
NOBODY = "10.214.0.77"
_TOP = Path("/srv/exports")
GOOD, SQUASHED, SHUT = _TOP / "good", _TOP / "squashed", _TOP / "shut"
_OPTIONS = {GOOD: "no_root_squash,fsid=1", SQUASHED: "fsid=2", SHUT: "no_root_squash,fsid=3"}
# Seconds, the least there can be, in which clients claim what they had of a server that was away.
_GRACE = 10
# A namespace's server is reached by a mount of its own.
_DAEMONS = f"""
mount -t nfsd nfsd /proc/fs/nfsd
echo {_GRACE} >/proc/fs/nfsd/nfsv4leasetime
echo {_GRACE} >/proc/fs/nfsd/nfsv4gracetime
mkdir -p /var/lib/nfs/nfsdcld /run/rpc_pipefs
mount -t rpc_pipefs sunrpc /run/rpc_pipefs
exportfs -ra
nfsdcld
rpc.mountd -N 3
"""


class NfsServer:
    """Serves folders of the node from an address of its own, by version 4 alone."""

    def __init__(self) -> None:
        run("ip", "netns", "add", _SPACE)
        run("ip", "link", "add", _CABLE, "type", "veth", "peer", "name", _END, "netns", _SPACE)
        run("ip", "address", "add", f"{HERE}/24", "dev", _CABLE)
        run("ip", "-n", _SPACE, "address", "add", f"{ADDRESS}/24", "dev", _END)
        run("ip", "-n", _SPACE, "link", "set", _END, "up")
        self.heal()
        lines = []
        for folder, options in _OPTIONS.items():
            folder.mkdir(parents=True)
            lines.append(f"{folder} *(rw,sync,no_subtree_check,{options})\n")
        SHUT.chmod(0o700)
        SQUASHED.chmod(0o777)
        Path("/etc/exports").write_text("".join(lines))
        run("modprobe", "nfsd")
        self._inside(_DAEMONS)
        self.start()

    def start(self) -> None:
        self._inside("mount -t nfsd nfsd /proc/fs/nfsd; rpc.nfsd -N 3 2")

    def stop(self) -> None:
        """It takes no connection any more."""
        self._inside("mount -t nfsd nfsd /proc/fs/nfsd; rpc.nfsd 0")

    def cut(self) -> None:
        """Nothing comes of what is sent to it, and nobody is told."""
        run("ip", "link", "set", _CABLE, "down")

    def heal(self) -> None:
        run("ip", "link", "set", _CABLE, "up")

    def close(self) -> None:
        """Another one may be made."""
        self.stop()
        for pid in run("ip", "netns", "pids", _SPACE).split():
            os.kill(int(pid), signal.SIGTERM)
        run("ip", "link", "delete", _CABLE)
        run("ip", "netns", "delete", _SPACE)
        shutil.rmtree(_TOP)

    @staticmethod
    def _inside(script: str) -> None:
        run("ip", "netns", "exec", _SPACE, "sh", "-c", script)


def export(folder: Path = GOOD) -> str:
    return f"{ADDRESS}:{folder}"
