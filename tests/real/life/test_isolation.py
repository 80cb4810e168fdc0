"""Two projects with the same range of addresses: each reaches itself, and nothing of the other."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.cloud import Cloud
from backends.errors import NotFound, QuarterdeckError, Refused
from backends.records.tables import Instance, Network
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet
from backends.services.security_group import NewRule
from backends.settings import dhcp_namespace
from tests.real.guest import Guest
from tests.real.lab import FLAVOR, IMAGE, Lab, eventually


@dataclass
class Party:
    """A project with a network and its guests, by name."""

    cloud: Cloud
    network: Network
    instances: dict[str, Instance]
    guests: dict[str, Guest]

    def mac(self, name: str) -> str:
        return self._port(name).mac

    def tap(self, name: str) -> str:
        return self._port(name).interface

    def _port(self, name: str):  # type: ignore[no-untyped-def]
        return self.cloud.ports.list(device=self.instances[name].id)[0].port


def party(lab: Lab, project: str, *names: str) -> Party:
    cloud = lab.member(project)
    network = Lab.network(cloud, f"{project}-net")
    instances = {name: Lab.launch(cloud, name, network.id) for name in names}
    return Party(cloud, network, instances, {n: lab.look_at(i) for n, i in instances.items()})


@pytest.fixture(scope="module")
def parties(shared_lab: Lab) -> tuple[Party, Party]:
    alpha = party(shared_lab, "alpha", "a1", "a2")
    beta = party(shared_lab, "beta", "b1")
    found = {n: g.ready() for p in (alpha, beta) for n, g in p.guests.items()}
    # The DHCP server has the first address; the same one in both projects.
    assert found == {"a1": "172.16.1.3", "a2": "172.16.1.4", "b1": "172.16.1.3"}
    return alpha, beta


@contextmanager
def capture(folder: Path, interface: str, namespace: str = "") -> Iterator[Callable[[], str]]:
    """What tcpdump has seen on an interface so far, one line a frame with its MAC addresses."""
    out, err = folder / f"{interface}.out", folder / f"{interface}.err"
    inside = ["ip", "netns", "exec", namespace] if namespace else []
    argv = [*inside, "tcpdump", "-l", "-n", "-e", "--immediate-mode", "-i", interface]
    with out.open("w") as seen, err.open("w") as said:
        process = subprocess.Popen(argv, stdout=seen, stderr=said)
    try:
        eventually(lambda: "listening on" in err.read_text(), f"tcpdump on {interface}")
        yield out.read_text
    finally:
        process.terminate()
        process.wait(10)


def test_guests_of_one_network_reach_each_other(parties: tuple[Party, Party]) -> None:
    alpha = parties[0].guests
    assert "3 packets received" in alpha["a1"].run("ping -c 3 172.16.1.4")
    assert "3 packets received" in alpha["a2"].run("ping -c 3 172.16.1.3")
    assert alpha["a1"].run("wget -qO - http://172.16.1.4/") == "a2"
    # Large enough for several segments, checksummed at both ends.
    sent = alpha["a2"].run("seq 1 50000 >/srv/numbers; md5sum </srv/numbers")
    assert alpha["a1"].run("wget -qO - http://172.16.1.4/numbers | md5sum") == sent


def test_another_project_is_not_reached_and_sends_nothing_there(
    parties: tuple[Party, Party], tmp_path: Path
) -> None:
    alpha, beta = parties
    stranger = beta.mac("b1")
    dhcp = alpha.cloud.ports.list(network=alpha.network.id)
    inside = next(v.port.interface for v in dhcp if v.port.device_owner == "network:dhcp")
    with (
        capture(tmp_path, beta.tap("b1")) as own,
        capture(tmp_path, alpha.tap("a2")) as other,
        capture(tmp_path, inside, dhcp_namespace(alpha.network.id)) as server,
    ):
        alpha.guests["a1"].attempt("ping -c 1 -W 1 172.16.1.77")
        eventually(lambda: "who-has 172.16.1.77" in other(), "a broadcast of its own project")
        eventually(lambda: "who-has 172.16.1.77" in server(), "the same in the DHCP namespace")
        guest = beta.guests["b1"]
        assert "0 packets received" in guest.attempt("ping -c 3 -W 1 172.16.1.4")[1]
        assert guest.attempt("wget -T 2 -qO - http://172.16.1.4/")[0] != 0
        # Even where the other's MAC address is known.
        guest.run(f"arp -s 172.16.1.4 {alpha.mac('a2')}")
        assert "0 packets received" in guest.attempt("ping -c 3 -W 1 172.16.1.4")[1]
        assert guest.attempt("nc -w 2 172.16.1.4 80 </dev/null")[0] != 0
        eventually(lambda: f"{stranger} > {alpha.mac('a2')}" in own(), "its frames on its own tap")
        # What came after the stranger's frames is seen, thus those would have been too.
        alpha.guests["a1"].attempt("ping -c 1 -W 1 172.16.1.78")
        eventually(lambda: "who-has 172.16.1.78" in other(), "a second broadcast")
        assert stranger not in other()
        assert stranger not in server()


def test_leases_are_given_by_the_own_networks_server(parties: tuple[Party, Party]) -> None:
    for each in parties:
        leases = each.cloud.machine.dnsmasq.leases(each.network.id)
        assert {lease.mac for lease in leases} == {each.mac(name) for name in each.instances}


def test_another_projects_things_are_in_no_listing(
    parties: tuple[Party, Party], lab_things: dict[str, str]
) -> None:
    cloud = parties[1].cloud
    listings = (
        cloud.instances.list(),
        cloud.instances.list(all_projects=True),
        cloud.networks.list(all_projects=True),
        cloud.networks.subnets(all_projects=True),
        cloud.ports.list(all_projects=True),
        cloud.volumes.list(all_projects=True),
        cloud.images.list(all_projects=True),
        cloud.security_groups.list(all_projects=True),
        cloud.security_groups.rules(),
        cloud.operations.list(),
        cloud.keypairs.list(),
        cloud.identity.projects(),
        cloud.identity.users(),
        cloud.identity.assignments(),
    )
    shown = repr(listings)
    assert {what: id_ for what, id_ in lab_things.items() if id_ in shown} == {}
    assert "alpha" not in shown


def test_another_projects_things_are_not_found_by_any_verb(
    parties: tuple[Party, Party], lab_things: dict[str, str], lab_image_path: str
) -> None:
    cloud = parties[1].cloud
    mine = parties[1].instances["b1"].id
    my_volume = cloud.volumes.create("b-disk", 1).id
    things = lab_things
    before = parties[0].cloud.instances.list(), parties[0].cloud.ports.list()
    told = {}
    for name, verb in verbs(cloud, things, mine, my_volume, lab_image_path).items():
        try:
            verb()
        except NotFound:
            continue
        except QuarterdeckError as error:
            told[name] = error.code
        else:
            told[name] = "done"
    cloud.volumes.delete(my_volume)
    assert told == {}
    assert (parties[0].cloud.instances.list(), parties[0].cloud.ports.list()) == before


def test_another_project_cannot_be_worked_in(parties: tuple[Party, Party], shared_lab: Lab) -> None:
    with pytest.raises(Refused) as refused:
        shared_lab.open(user="beta-user", project="alpha")
    assert refused.value.code == "caller.denied"


@pytest.fixture(scope="module")
def lab_image_path(lab_image: object) -> str:
    return str(lab_image.disk)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def lab_things(parties: tuple[Party, Party], lab_image_path: str) -> dict[str, str]:
    """One thing of each kind of alpha's, by its id."""
    alpha = parties[0]
    cloud, network = alpha.cloud, alpha.network.id
    group = cloud.security_groups.create("alpha-group")
    rule = cloud.security_groups.add_rule(
        NewRule(group.id, protocol="tcp", port_min=80, port_max=80)
    )
    return {
        "instance": alpha.instances["a1"].id,
        "network": network,
        "subnet": cloud.networks.subnets(network=network)[0].id,
        "port": cloud.ports.create(network, "alpha-port").id,
        "volume": cloud.volumes.create("alpha-disk", 1).id,
        "image": cloud.images.create("alpha-image", lab_image_path).id,
        "group": group.id,
        "rule": rule.id,
        "operation": cloud.operations.list()[0].id,
        "project": cloud.caller.project_id,
        "user": str(cloud.caller.user_id),
    }


def verbs(
    cloud: Cloud, things: dict[str, str], mine: str, my_volume: str, path: str
) -> dict[str, Callable[[], object]]:
    """Every verb that takes an id, as one who should not know it."""
    instance, network, volume, image = (
        things[kind] for kind in ("instance", "network", "volume", "image")
    )
    subnet, port, group, rule = (things[kind] for kind in ("subnet", "port", "group", "rule"))

    def new(
        network: str = "", image: str = IMAGE, groups: tuple[str, ...] = (), port: str = ""
    ) -> object:
        plug = Plug(port=port) if port else Plug(network=network or f"{cloud.caller.user[:4]}-net")
        return cloud.instances.create(NewInstance("x", FLAVOR, image, (plug,), groups or None))

    power = ("start", "stop", "reboot", "pause", "unpause", "suspend", "resume", "delete")
    return {
        **{
            f"instance {verb}": (lambda v=verb: getattr(cloud.instances, v)(instance))
            for verb in power
        },
        "instance show": lambda: cloud.instances.show(instance),
        "instance row": lambda: cloud.instances.row(instance),
        "instance set": lambda: cloud.instances.set(instance, name="x"),
        "instance log": lambda: cloud.instances.console_log(instance),
        "instance on network": lambda: new(network=network),
        "instance on port": lambda: new(port=port),
        "instance of image": lambda: new(image=image),
        "instance in group": lambda: new(groups=(group,)),
        "network show": lambda: cloud.networks.show(network),
        "network set": lambda: cloud.networks.set(network, name="x"),
        "network delete": lambda: cloud.networks.delete(network),
        "subnets": lambda: cloud.networks.subnets(network=network),
        "subnet create": lambda: cloud.networks.create_subnet(NewSubnet(network, "10.9.0.0/24")),
        "subnet show": lambda: cloud.networks.subnet(subnet),
        "subnet set": lambda: cloud.networks.set_subnet(subnet, name="x"),
        "subnet delete": lambda: cloud.networks.delete_subnet(subnet),
        "port create": lambda: cloud.ports.create(network),
        "ports": lambda: cloud.ports.list(network=network),
        "port show": lambda: cloud.ports.show(port),
        "port set": lambda: cloud.ports.set(port, name="x"),
        "port delete": lambda: cloud.ports.delete(port),
        "volume show": lambda: cloud.volumes.show(volume),
        "volume set": lambda: cloud.volumes.set(volume, name="x"),
        "volume delete": lambda: cloud.volumes.delete(volume),
        "volume attach": lambda: cloud.volumes.attach(volume, mine),
        "volume attach to": lambda: cloud.volumes.attach(my_volume, instance),
        "volume detach": lambda: cloud.volumes.detach(volume, instance),
        "image show": lambda: cloud.images.show(image),
        "image set": lambda: cloud.images.set(image, name="x"),
        "image share": lambda: cloud.images.share(image, things["project"]),
        "image members": lambda: cloud.images.members(image),
        "image delete": lambda: cloud.images.delete(image),
        "image with kernel": lambda: cloud.images.create("x", path, kernel=image),
        "group show": lambda: cloud.security_groups.show(group),
        "group rules": lambda: cloud.security_groups.rules(group),
        "group delete": lambda: cloud.security_groups.delete(group),
        "rule add": lambda: cloud.security_groups.add_rule(NewRule(group)),
        "rule add remote": lambda: cloud.security_groups.add_rule(
            NewRule("default", remote_group=group)
        ),
        "rule remove": lambda: cloud.security_groups.remove_rule(rule),
        "operation show": lambda: cloud.operations.show(things["operation"]),
        "operation cancel": lambda: cloud.operations.cancel(things["operation"]),
        "project show": lambda: cloud.identity.project(things["project"]),
        "project by name": lambda: cloud.identity.project("alpha"),
        "quota show": lambda: cloud.quotas.show(things["project"]),
        "user show": lambda: cloud.identity.user(things["user"]),
        "assignments": lambda: cloud.identity.assignments(project=things["project"]),
    }
