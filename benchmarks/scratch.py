"""A cloud of the benchmarks' own, taken off the machine afterwards."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.access import Access
from backends.cloud import Cloud
from backends.demo import LAB_CACHE
from backends.destroy import destroy
from backends.init import init
from backends.lab.image import RAM, build
from backends.services.network import NewSubnet

IMAGE, FLAVOR, NETWORK = "lab", "bench", "bench"


@contextmanager
def cloud(*, guests: bool = True) -> Iterator[tuple[Cloud, Access]]:
    """A fresh cloud with a network with DHCP, and for `guests` the lab image and a flavor."""
    root = Path(tempfile.mkdtemp(prefix="qdbench"))
    # QEMU's user has to reach the disks in it.
    root.chmod(0o711)
    access = Access(
        cloud=f"bench-{secrets.token_hex(3)}", state_root=root / "state", run_root=root / "run"
    )
    try:
        init(access)
        opened = Cloud.open(access)
        try:
            if guests:
                lab = build(LAB_CACHE, lambda what, share: None)
                opened.images.create(IMAGE, str(lab.disk), visibility="public")
                opened.flavors.create(FLAVOR, ram=max(RAM, 128), disk=1)
            opened.networks.create(NETWORK)
            opened.networks.create_subnet(NewSubnet(NETWORK, "10.97.0.0/16"))
            opened.quotas.set("admin", {"instances": -1, "ports": -1, "cores": -1, "ram": -1})
            yield opened, access
        finally:
            opened.close()
            destroy(access)
    finally:
        shutil.rmtree(root)
