"""Stateless groups, with real packets: each direction is a rule of its own, and nothing is kept."""

from __future__ import annotations

from backends.drivers.conntrack import userspace
from backends.plan.firewall.zones import zone
from backends.records import snapshot
from backends.records.unit import Kind, Unit
from backends.services.security_group import NewRule
from tests.real.firewall.conftest import Site
from tests.real.firewall.station import SHORT
from tests.real.firewall.test_rules import allow, reaches, withdraw


def stateless(site: Site, *, egress: bool = True) -> str:
    group = site.group(egress=egress)
    site.cloud.security_groups.set(group, stateful=False)
    return group


def tracked(site: Site) -> int:
    """How many connections the switch keeps of the site's network."""
    settings = site.cloud.settings
    with site.cloud.context.store.read() as session:
        unit = Unit(Kind.NETWORK, site.row.id)
        vlan = snapshot.read(session, settings.host, [unit]).vlans[site.row.id]
    return len(userspace.read(zone=zone(settings, vlan), run=settings.ovs_run))


def test_an_answer_takes_a_rule_of_its_own(site: Site) -> None:
    served = stateless(site)
    allow(site, served, protocol="tcp", port_min=8000, port_max=8000)
    server, client = site.station(served), site.station(site.group())
    for version in (4, 6):
        assert reaches(client, server, version, 8000)
        assert not reaches(client, server, version, 8001, wait=SHORT)
        assert not client.pings(server.address(version), wait=SHORT)
    # What the stateful side sends is tracked there, for its own sake.
    assert tracked(site) > 0
    withdraw(site, served, "egress")
    for version in (4, 6):
        assert not reaches(client, server, version, 8000, wait=SHORT)


def test_what_asks_gets_no_answer_unless_that_may_come_in(site: Site) -> None:
    asking, open_to_all = stateless(site), allow(site, site.group())
    client, server = site.station(asking), site.station(open_to_all)
    assert not reaches(client, server, 4, 8000, wait=SHORT)
    assert not client.pings(server.v6, wait=SHORT)
    allow(site, asking, protocol="tcp")
    site.cloud.security_groups.add_rule(
        NewRule(asking, ethertype="IPv6", protocol="ipv6-icmp", port_min=129)
    )
    assert reaches(client, server, 4, 8000)
    assert reaches(client, server, 6, 8000)
    assert client.pings(server.v6)
    assert not client.pings(server.v4, wait=SHORT)


def test_between_two_without_state_nothing_is_kept(site: Site) -> None:
    group = stateless(site)
    # Members alone, as a group and by their addresses.
    allow(site, group, protocol="udp", remote_group=group)
    allow(site, group, protocol="icmp")
    one, two = site.station(group), site.station(group)
    stranger = site.station(stateless(site))
    for version in (4, 6):
        assert one.sends(two, version, 5000)
        assert not stranger.sends(two, version, 5000, wait=SHORT)
    assert tracked(site) == 0
