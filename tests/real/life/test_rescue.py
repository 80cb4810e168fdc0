"""The store is deleted: the labels bring it back, and running guests notice nothing."""

from __future__ import annotations

from typing import Any

import pytest

from backends.drivers.qemu_img.facts import InstanceFiles
from backends.errors import Refused
from backends.records.instance import Power
from backends.rescue import rescue
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet
from backends.services.port import FixedAddress
from backends.services.security_group import NewRule
from tests.real.guest import Guest
from tests.real.lab import FLAVOR, IMAGE, Lab, eventually

# Known from no label: who the users were, and who owned what as a person.
_FORGOTTEN = ("user", "roleassignment", "keypair", "quota", "groupmember", "group")
USER_DATA = "#!/bin/sh\necho kept >/root/kept\n"


def lose_store(lab: Lab) -> None:
    lab.known_ids()
    lab.cloud.close()
    for path in lab.state.glob("store.db*"):
        path.unlink()


def remembered(shape: str) -> list[str]:
    """The lines of a cloud's shape that its labels can bring back."""
    return [
        line
        for line in shape.splitlines()
        if not line.startswith(tuple(f"row {kind} " for kind in _FORGOTTEN))
    ]


def test_everything_is_back_and_guests_notice_nothing(lab: Lab) -> None:
    alpha, beta = lab.member("alpha"), lab.member("beta")
    network = Lab.network(alpha, "alpha-net")
    Lab.network(beta, "beta-net")
    # Without a config drive, what it is told is with the metadata server alone.
    plug = Plug(network=network.id)
    server = alpha.instances.create(
        NewInstance("server", FLAVOR, IMAGE, (plug,), user_data="#!/bin/true", config_drive=False)
    )
    client = alpha.instances.create(
        NewInstance("client", FLAVOR, IMAGE, (plug,), user_data=USER_DATA)
    )
    stopped = Lab.launch(beta, "stopped", "beta-net")
    alpha.ports.create(network.id, "spare", fixed=[FixedAddress(address="172.16.1.99")])
    attached = alpha.volumes.create("attached", 1).id
    free = beta.volumes.create("free", 2, "a volume for later").id
    alpha.volumes.attach("attached", "server")
    alpha.subnet_pools.create("ranges", ["10.70.0.0/16"], default_length=24)
    alpha.networks.create_subnet(NewSubnet(network.id, subnet_pool="ranges", dhcp=False))
    alpha.address_groups.create("offices", ["10.71.0.0/24", "fd71::/64"])
    alpha.security_groups.create("bare", stateful=False)
    alpha.security_groups.add_rule(NewRule("bare", remote_address_group="offices"))
    serving, asking, resting = lab.guest(server), lab.guest(client), lab.guest(stopped)
    beta.instances.stop(stopped.id)
    resting.forget()
    disk = serving.disk(attached)
    begin_counting(serving, asking)
    boots = serving.run("cat /proc/sys/kernel/random/boot_id"), asking.run("cat /root/kept")
    before = lab.shape()

    lose_store(lab)
    report = rescue(lab.access)
    lab.cloud = lab.open()

    assert report.lost == []
    assert report.made == {
        "projects": 3,
        "images": 1,
        "networks": 2,
        "ports": 6,
        "volumes": 2,
        "instances": 3,
    }
    assert remembered(lab.shape()) == remembered(before)
    lab.assert_in_order()
    assert_still_counting(serving)
    assert (
        serving.run("cat /proc/sys/kernel/random/boot_id"),
        asking.run("cat /root/kept"),
    ) == boots
    assert lab.cloud.instances.show(client.id).user_data == USER_DATA
    assert lab.cloud.instances.show(server.id).user_data == "#!/bin/true"
    assert lab.cloud.instances.show(stopped.id).power is Power.STOPPED

    cloud = lab.cloud
    cloud.volumes.detach("attached", "server")
    assert serving.attempt(f"test -b {disk}")[0] == 1
    cloud.volumes.attach("free", "stopped")
    cloud.instances.start("stopped")
    resting.ready()
    assert resting.run(f"blockdev --getsize64 {resting.disk(free)}") == str(2 << 30)
    cloud.instances.stop("client")
    cloud.instances.delete("client", "server", "stopped")
    cloud.volumes.delete("attached", "free")
    for name in ("alpha-net", "beta-net"):
        for view in cloud.ports.list(network=name, all_projects=True):
            if not view.port.device_owner:
                cloud.ports.delete(view.port.id)
        cloud.networks.delete(name)
    lab.assert_in_order()
    assert [line for line in lab.things() if line.split()[0] in ("domain", "process", "link")] == []


def begin_counting(serving: Guest, asking: Guest) -> None:
    """One TCP connection that goes on, with a number a line ten times a second."""
    # An end of its own input would make the server hang up.
    serving.run("(sleep 9999 | nc -l -p 5000 >/tmp/numbers &)")
    count = "i=0; while :; do i=$((i+1)); echo $i; usleep 100000; done"
    asking.run(f"({count} | nc 172.16.1.3 5000 >/dev/null 2>&1 &)")
    serving.run("until [ $(tail -n 1 /tmp/numbers || echo 0) -gt 3 ]; do usleep 50000; done")


def assert_still_counting(serving: Guest) -> None:
    """It goes on, and no number is missing."""
    last = int(serving.run("wc -l </tmp/numbers"))
    serving.run(f"until [ $(wc -l </tmp/numbers) -gt {last + 5} ]; do usleep 50000; done")
    count = serving.run("n=$(wc -l </tmp/numbers); head -n $n /tmp/numbers | tail -n 1; echo $n")
    number, lines = count.split()
    assert number == lines


def test_a_store_that_is_there_is_not_overwritten(lab: Lab) -> None:
    before = lab.shape()
    with pytest.raises(Refused) as refused:
        rescue(lab.access)
    assert refused.value.code == "rescue.store_exists"
    assert lab.shape() == before


def test_a_cloud_whose_labels_are_gone_in_part_is_told(lab: Lab) -> None:
    project = lab.member("alpha").caller.project_id
    lab.cloud.volumes.create("admins", 1)
    alpha = lab.open(user="alpha-user", project="alpha")
    alpha.volumes.create("alphas", 1)
    (lab.state / "labels" / "project" / f"{project}.json").unlink()
    lose_store(lab)
    report = rescue(lab.access)
    lab.cloud = lab.open()
    assert len(report.lost) == 1
    assert project in report.lost[0]
    rows: list[Any] = lab.cloud.volumes.list(all_projects=True)
    assert {row.volume.name for row in rows} == {"admins", "alphas"}
    lab.assert_in_order()


def test_files_without_a_domain_are_shown_as_orphans_and_kept(lab: Lab) -> None:
    Lab.network(lab.cloud, "net")
    box = Lab.launch(lab.cloud, "box", "net")
    domain = lab.cloud.machine.libvirt.connection().lookupByUUIDString(box.id)
    domain.destroy()
    domain.undefine()
    lose_store(lab)
    rescue(lab.access)
    lab.cloud = lab.open()
    kinds = {orphan.kind for orphan in lab.cloud.drift.show().orphans}
    assert "files" in kinds
    files: InstanceFiles = lab.cloud.machine.qemu_img.files([box.id])[box.id]
    assert files.disks
    eventually(lambda: not lab.cloud.operations.list(running=True), "no operation at work")
