"""A real guest without a config drive: it boots by what the metadata service tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from backends.lab.image import LabImage
from backends.services.instance import NewInstance, Plug
from tests.real.guest import Guest
from tests.real.lab import FLAVOR, IMAGE, eventually
from tests.real.metadata.quarter import RANGE, Quarter

URL = "http://169.254.169.254"
USER_DATA = "#!/bin/sh\necho booted by metadata >/run/proof\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5mAV1m5K3K0sQAvJw0UeSzKq8kFqPz0G2mQm5m5m5m someone"


@pytest.fixture(scope="module")
def guest(quarter: Quarter, lab_image: LabImage) -> Guest:
    lab = quarter.lab
    lab.furnish(lab_image)
    lab.network(lab.cloud, "home", RANGE)
    lab.cloud.keypairs.create("mine", KEY)
    new = NewInstance("first", FLAVOR, IMAGE, (Plug(network="home"),))
    new = replace(new, key="mine", user_data=USER_DATA, config_drive=False)
    return lab.guest(lab.cloud.instances.create(new))


def test_it_boots_by_it(guest: Guest) -> None:
    eventually(lambda: guest.attempt("cat /run/proof")[1] == "booted by metadata", "its user data")
    assert guest.run("hostname") == "first"
    assert KEY.split()[1] in guest.run("cat /root/.ssh/authorized_keys")


def test_it_reads_both_trees(guest: Guest) -> None:
    def get(path: str) -> str:
        return guest.run(f"wget -q -O - {URL}{path}")

    assert '"name": "first"' in get("/openstack/latest/meta_data.json")
    assert get("/openstack/latest/user_data") == USER_DATA.strip()
    assert get("/latest/meta-data/public-keys/0/openssh-key") == KEY
    assert get("/latest/user-data") == USER_DATA.strip()
    assert guest.attempt(f"wget -q -O - {URL}/openstack/latest/password")[0] != 0


def test_it_is_told_its_new_name_and_dns_knows_it(quarter: Quarter, guest: Guest) -> None:
    cloud = quarter.lab.cloud
    cloud.instances.set("first", hostname="second")
    assert guest.run(f"wget -q -O - {URL}/latest/meta-data/hostname") == "second"
    address = guest.run(f"wget -q -O - {URL}/latest/meta-data/local-ipv4")
    assert address in guest.run("nslookup second.quarterdeck.internal")
    assert [step.text for step in cloud.drift.show().plan.steps if "metadata" in step.text] == []


def test_groups_are_told_by_their_new_names(quarter: Quarter, guest: Guest) -> None:
    cloud = quarter.lab.cloud
    cloud.security_groups.create("crew")
    port = cloud.ports.list(device=cloud.instances.show("first").id)[0].port
    cloud.ports.set(port.id, groups=["default", "crew"])
    get: Callable[[], str] = lambda: guest.run(  # noqa: E731
        f"wget -q -O - {URL}/latest/meta-data/security-groups"
    )
    assert get() == "crew\ndefault"
    cloud.security_groups.set("crew", name="sailors")
    assert get() == "default\nsailors"
