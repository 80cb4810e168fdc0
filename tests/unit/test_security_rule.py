"""What a security group rule may be, and the one form in which it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from backends.cloud import Cloud
from backends.errors import Refused
from backends.services.security_group import NewRule
from backends.services.security_rule import checked
from tests.unit.paper import on_paper, refused
from tests.unit.shelf import Shelf


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"protocol": "TCP"}, {"protocol": "tcp"}),
        ({"protocol": "6", "port_min": 22, "port_max": 22}, {"protocol": "tcp"}),
        ({"protocol": "17"}, {"protocol": "udp"}),
        ({"protocol": "112"}, {"protocol": "vrrp"}),
        ({"protocol": "254"}, {"protocol": "254"}),
        ({"protocol": "any"}, {"protocol": None}),
        ({"protocol": "icmpv6", "ethertype": "IPv6"}, {"protocol": "ipv6-icmp"}),
        ({"protocol": "58", "ethertype": "IPv6"}, {"protocol": "ipv6-icmp"}),
        ({"protocol": "icmp", "ethertype": "IPv6", "port_min": 128}, {"protocol": "ipv6-icmp"}),
        ({"protocol": "1", "port_min": 8, "port_max": 0}, {"protocol": "icmp"}),
        ({"protocol": "ipv6-encap"}, {"protocol": "ipv6-encap"}),
        ({"remote_prefix": "10.0.0.7/24"}, {"remote_prefix": "10.0.0.0/24"}),
        ({"remote_prefix": "10.0.0.7"}, {"remote_prefix": "10.0.0.7/32"}),
        ({"remote_prefix": "::/0", "ethertype": "IPv6"}, {"remote_prefix": "::/0"}),
    ],
)
def test_the_form_it_is_kept_in(values: dict[str, Any], kept: dict[str, Any]) -> None:
    found = checked(NewRule("web", **values))
    assert {name: getattr(found, name) for name in kept} == kept


@pytest.mark.parametrize(
    "values",
    [
        {"direction": "sideways"},
        {"ethertype": "IPv5"},
        {"protocol": "256"},
        {"protocol": "-2"},
        {"protocol": "007"},
        {"protocol": "$(id)"},
        {"protocol": "ipv6-icmp"},
        {"protocol": "ipv6-route", "ethertype": "IPv4"},
        {"port_min": 22, "port_max": 22},
        {"protocol": "gre", "port_min": 22, "port_max": 22},
        {"protocol": "254", "port_min": 22, "port_max": 22},
        {"protocol": "tcp", "port_min": 23, "port_max": 22},
        {"protocol": "tcp", "port_min": 22},
        {"protocol": "tcp", "port_max": 22},
        {"protocol": "tcp", "port_min": 0, "port_max": 22},
        {"protocol": "udp", "port_min": 1, "port_max": 65536},
        {"protocol": "icmp", "port_max": 0},
        {"protocol": "icmp", "port_min": 256},
        {"protocol": "icmp", "port_min": 8, "port_max": 256},
        {"remote_prefix": "fd00::/64"},
        {"remote_prefix": "10.0.0.0/33"},
        {"remote_prefix": "10.0.0.0/8", "remote_group": "web"},
        {"remote_group": "web", "remote_address_group": "offices"},
    ],
)
def test_what_is_no_rule(values: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        checked(NewRule("web", **values))
    assert refusal.value.code == "security_group.rule.invalid"


@pytest.fixture
def cloud(shelf: Shelf) -> Cloud:
    made = on_paper(shelf)
    made.security_groups.create("web")
    return made


def test_the_same_rule_in_other_words_is_refused(cloud: Cloud) -> None:
    cloud.security_groups.add_rule(NewRule("web", protocol="tcp", port_min=22, port_max=22))
    again = NewRule("web", protocol="6", port_min=22, port_max=22)
    assert refused(lambda: cloud.security_groups.add_rule(again)) == "security_group.rule.exists"


def test_a_group_changes(cloud: Cloud) -> None:
    groups = cloud.security_groups
    groups.create("shop", stateful=False)
    assert groups.show("shop").stateful is False
    row = groups.set("web", name="site", description="all of it", stateful=False)
    assert (row.name, row.description, row.stateful) == ("site", "all of it", False)
    assert refused(lambda: groups.set("site", name="shop")) == "security_group.exists"
    assert refused(lambda: groups.set("default", name="mine")) == "security_group.default"
    assert refused(lambda: groups.set("site", name="$(id)")) == "name.invalid"


def test_a_port_has_groups_of_one_kind_and_holds_it(cloud: Cloud) -> None:
    cloud.networks.create("net")
    cloud.security_groups.create("bare", stateful=False)
    assert refused(lambda: cloud.ports.create("net", groups=["web", "bare"])) == (
        "port.security.mixed"
    )
    port = cloud.ports.create("net", groups=["bare"])
    assert refused(lambda: cloud.ports.set(port.id, groups=["bare", "web"])) == (
        "port.security.mixed"
    )
    assert refused(lambda: cloud.security_groups.set("bare", stateful=True)) == (
        "security_group.in_use"
    )
    cloud.ports.set(port.id, groups=["web"])
    cloud.security_groups.set("bare", stateful=True)


def test_rules_count_for_the_quota_a_groups_first_ones_too(cloud: Cloud) -> None:
    used = cloud.quotas.show()["security-group-rules"][1]
    cloud.quotas.set("admin", {"security-group-rules": used + 1})
    assert refused(lambda: cloud.security_groups.create("more")) == "quota.exceeded"
    rule = cloud.security_groups.add_rule(NewRule("web", protocol="udp"))
    assert refused(lambda: cloud.security_groups.add_rule(NewRule("web"))) == "quota.exceeded"
    assert cloud.security_groups.rule(rule.id).protocol == "udp"
    cloud.security_groups.remove_rule(rule.id)
    assert refused(lambda: cloud.security_groups.rule(rule.id)) == "security_group_rule.not_found"
