"""Subnet pools: what is cut from them, who may, and what is refused."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from backends.caller import Caller
from backends.cloud import Cloud
from backends.records.identity import Role
from backends.services.network import NewSubnet
from tests.unit.paper import on_paper, refused
from tests.unit.shelf import Shelf


@pytest.fixture
def cloud(shelf: Shelf) -> Cloud:
    made = on_paper(shelf)
    made.networks.create("net")
    made.networks.create("other")
    made.subnet_pools.create(
        "inland", ["10.64.0.0/16", "10.32.0.0/24"], default_length=24, min_length=20, max_length=28
    )
    return made


def cut(cloud: Cloud, network: str = "net", **more: Any) -> str:
    values: dict[str, Any] = {"subnet_pool": "inland", "dhcp": False, **more}
    return cloud.networks.create_subnet(NewSubnet(network, **values)).cidr


def other_project(shelf: Shelf, name: str = "ships") -> Cloud:
    member = shelf.member(name)
    return on_paper(shelf, member.caller)


def test_subnets_are_cut_lowest_first_and_come_back(cloud: Cloud) -> None:
    assert cut(cloud, name="first") == "10.32.0.0/24"
    assert cut(cloud) == "10.64.0.0/24"
    assert cut(cloud, "other", prefix_length=28) == "10.64.1.0/28"
    assert cut(cloud, cidr="10.64.128.0/20") == "10.64.128.0/20"
    assert cut(cloud) == "10.64.2.0/24"
    cloud.networks.delete_subnet("first")
    assert cut(cloud) == "10.32.0.0/24"
    row = cloud.networks.subnets(network="net")[0]
    assert row.subnetpool_id == cloud.subnet_pools.show("inland").id
    assert row.gateway_ip == str(ipaddress.ip_network(row.cidr)[1])


def test_what_is_not_cut(cloud: Cloud) -> None:
    cut(cloud)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"prefix_length": 19}, "subnet_pool.length"),
        ({"prefix_length": 29}, "subnet_pool.length"),
        ({"cidr": "10.65.0.0/24"}, "subnet_pool.range"),
        ({"cidr": "10.0.0.0/20"}, "subnet_pool.range"),
        ({"cidr": "10.32.0.0/25"}, "subnet_pool.taken"),
        ({"cidr": "10.32.0.0/24", "prefix_length": 24}, "subnet.range.invalid"),
        ({"ip_version": 6}, "subnet.range.invalid"),
        ({"use_default_pool": True}, "subnet.range.invalid"),
        ({"subnet_pool": "", "use_default_pool": True}, "subnet_pool.not_found"),
        ({"subnet_pool": "none"}, "subnet_pool.not_found"),
        ({"subnet_pool": ""}, "subnet.range.missing"),
        ({"subnet_pool": "", "cidr": "10.1.0.0/24", "prefix_length": 24}, "subnet.range.missing"),
    ]
    for more, code in cases:
        assert refused(lambda more=more: cut(cloud, **more)) == code, more  # type: ignore[misc]
    assert len(cloud.networks.subnets(network="net")) == 1


def test_a_pool_runs_out(cloud: Cloud) -> None:
    cloud.subnet_pools.create("small", ["172.16.0.0/23"], default_length=24)
    assert cut(cloud, "other", subnet_pool="small") == "172.16.0.0/24"
    assert cut(cloud, "other", subnet_pool="small") == "172.16.1.0/24"
    assert refused(lambda: cut(cloud, "other", subnet_pool="small")) == "subnet_pool.exhausted"


def test_ipv6_and_the_default_pool(cloud: Cloud) -> None:
    cloud.subnet_pools.create("six", ["fd00:1::/48"], is_default=True, shared=True)
    assert cut(cloud, subnet_pool="", use_default_pool=True, ip_version=6) == "fd00:1::/64"
    assert cut(cloud, subnet_pool="six", prefix_length=80) == "fd00:1:0:1::/80"
    assert refused(lambda: cloud.subnet_pools.create("six2", ["fd00:2::/48"], is_default=True)) == (
        "subnet_pool.default.exists"
    )
    # Of the other version there is none yet.
    cloud.subnet_pools.set("inland", is_default=True)
    assert cut(cloud, subnet_pool="", use_default_pool=True) == "10.32.0.0/24"


def test_subnets_of_a_network_come_from_one_pool(cloud: Cloud) -> None:
    cloud.subnet_pools.create("second", ["10.96.0.0/16"], default_length=24)
    cut(cloud)
    assert refused(lambda: cut(cloud, subnet_pool="second")) == "subnet_pool.mixed"
    assert cut(cloud, "other", subnet_pool="second") == "10.96.0.0/24"


def test_each_project_has_its_share(shelf: Shelf, cloud: Cloud) -> None:
    cloud.subnet_pools.create(
        "shared", ["10.200.0.0/16"], default_length=24, default_quota=300, shared=True
    )
    ships = other_project(shelf)
    ships.networks.create("mine")
    assert cut(ships, "mine", subnet_pool="shared") == "10.200.0.0/24"
    assert refused(lambda: cut(ships, "mine", subnet_pool="shared")) == "subnet_pool.quota"
    assert cut(ships, "mine", subnet_pool="shared", prefix_length=27) == "10.200.1.0/27"
    # What others have is taken for all, and counts for them alone.
    assert cut(cloud, "other", subnet_pool="shared") == "10.200.2.0/24"
    cloud.subnet_pools.set("shared", default_quota=-1)
    assert cut(ships, "mine", subnet_pool="shared") == "10.200.3.0/24"


def test_others_see_a_pool_only_where_it_is_shared(shelf: Shelf, cloud: Cloud) -> None:
    id_ = cloud.subnet_pools.show("inland").id
    shared = cloud.subnet_pools.create("shared", ["10.200.0.0/16"], shared=True).id
    ships = other_project(shelf)
    assert [row.name for row in ships.subnet_pools.list(all_projects=True)] == ["shared"]
    assert ships.subnet_pools.show("shared").id == ships.subnet_pools.show(shared).id == shared
    for ref in ("inland", id_):
        assert refused(lambda ref=ref: ships.subnet_pools.show(ref)) == "subnet_pool.not_found"  # type: ignore[misc]
    for verb in (
        lambda: ships.subnet_pools.set(shared, name="mine"),
        lambda: ships.subnet_pools.delete(shared),
    ):
        assert refused(verb) == "subnet_pool.not_found"
    for verb in (
        lambda: ships.subnet_pools.create("x", ["10.0.0.0/16"], shared=True),
        lambda: ships.subnet_pools.create("x", ["10.0.0.0/16"], is_default=True),
    ):
        assert refused(verb) == "right.missing"


def test_a_pool_changes_and_goes(cloud: Cloud) -> None:
    pools = cloud.subnet_pools
    cut(cloud, name="first")
    assert refused(lambda: pools.delete("inland")) == "subnet_pool.in_use"
    assert refused(lambda: pools.set("inland", prefixes=["10.64.0.0/16"])) == (
        "subnet_pool.prefix.in_use"
    )
    row = pools.set("inland", name="ashore", prefixes=["10.32.0.0/24", "10.33.0.0/24"])
    assert (row.name, row.prefixes) == ("ashore", ["10.32.0.0/24", "10.33.0.0/24"])
    assert refused(lambda: pools.set("ashore", prefixes=["fd00::/48"])) == "subnet_pool.prefixes"
    assert refused(lambda: pools.set("ashore", min_length=26)) == "subnet_pool.length"
    assert refused(lambda: pools.set("ashore", default_quota=-2)) == "subnet_pool.quota.invalid"
    cloud.networks.delete_subnet("first")
    pools.delete("ashore")
    assert list(pools.list()) == []


def test_a_reader_and_the_quota(shelf: Shelf, cloud: Cloud) -> None:
    reader = Caller("eye", None, shelf.home, Role.READER)
    assert [row.name for row in shelf.open(reader).subnet_pools.list()] == ["inland"]
    assert refused(lambda: shelf.open(reader).subnet_pools.delete("inland")) == "right.missing"
    cloud.quotas.set("admin", {"subnetpools": 1})
    assert refused(lambda: cloud.subnet_pools.create("more", ["10.0.0.0/16"])) == "quota.exceeded"


def test_nobody_gets_what_another_gets_at_the_same_time(shelf: Shelf, cloud: Cloud) -> None:
    clouds = [on_paper(shelf) for _ in range(6)]

    def work(mine: Cloud) -> None:
        for _ in range(4):
            cut(mine, prefix_length=26)

    threads = [threading.Thread(target=work, args=(each,)) for each in clouds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [ipaddress.ip_network(row.cidr) for row in cloud.networks.subnets(network="net")]
    assert len(found) == 24
    assert not any(one.overlaps(two) for one, two in combinations(found, 2))


def test_a_pool_is_on_its_projects_label(shelf: Shelf, cloud: Cloud) -> None:
    made: Callable[..., object] = shelf.open().subnet_pools.create
    made("labelled", ["10.7.0.0/16"])
    label = shelf.settings.labels / "project" / f"{shelf.home}.json"
    assert '"name":"labelled"' in label.read_text()
    shelf.open().subnet_pools.delete("labelled")
    assert "labelled" not in label.read_text()
