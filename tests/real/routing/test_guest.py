"""A real guest behind a router: out to a server, and logged in to from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.lab.image import LabImage
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet
from tests.real.guest import Guest
from tests.real.lab import FLAVOR, IMAGE, eventually, run
from tests.real.routing.town import Town
from tests.real.stand_in import StandIn

WORD = "the tide is high"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "id"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
    return path


@pytest.fixture(scope="module")
def web(town: Town, tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    """A web server outside."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "word").write_text(WORD)
    found = town.outsider("web", 202)
    found.keep("-m", "http.server", "8080", "--directory", str(folder))
    eventually(lambda: ":8080" in found.run("ss", "-ltn"), "the web server")
    return found


@pytest.fixture(scope="module")
def guest(town: Town, lab_image: LabImage, key: Path) -> Guest:
    cloud = town.cloud
    town.let_in(cloud)
    town.lab.furnish(lab_image)
    cloud.keypairs.create("key", key.with_suffix(".pub").read_text())
    cloud.networks.create("home")
    cloud.networks.create_subnet(NewSubnet("home", "10.77.5.0/24", name="home"))
    town.router(cloud, "door", "home")
    new = NewInstance("guest", FLAVOR, IMAGE, (Plug(network="home"),), key="key")
    return town.lab.guest(cloud.instances.create(new))


def test_it_fetches_a_page_from_outside(town: Town, guest: Guest, web: StandIn) -> None:
    with web.capture("tcp", "dst", "port", "8080") as seen:
        assert guest.run(f"wget -q -O - http://{web.address}:8080/word") == WORD
    door = town.gateway_of(town.cloud.routers.show("door").router)
    assert seen
    assert all(f"IP {door}." in line for line in seen)


def test_it_is_logged_in_to_by_its_floating_address(
    town: Town, guest: Guest, web: StandIn, key: Path
) -> None:
    floats = town.cloud.floating_ips
    row = floats.create("public")
    floats.lend_to_instance(row.address, "guest")
    options = ("-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={key.parent}/known",
               "-o", "BatchMode=yes", "-o", "ConnectTimeout=20")  # fmt: skip
    said = web.run("ssh", "-i", str(key), *options, f"root@{row.address}", "hostname")
    assert said.strip() == "guest"
    page = guest.run(f"wget -q -O - http://{web.address}:8080/word")
    assert page == WORD
    floats.take_from_instance(row.address, "guest")
    assert not web.pings(row.address)
    town.cloud.instances.delete("guest")
    assert floats.show(row.id).port_id is None
