"""Connections joined to whose they are, ordered and counted."""

from __future__ import annotations

from socket import AF_INET, AF_INET6

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.drivers.conntrack.connection import Connection
from backends.drivers.conntrack.table import Connections, words_of
from backends.drivers.ovs.facts import OvsFacts
from backends.errors import Refused
from backends.inspect.connection_listing import ConnectionListing, touching
from backends.inspect.connections import identifier, join, parse, state_of, translations
from backends.inspect.names import Names, names
from backends.inspect.places import SWITCH, Source, sources
from backends.plan.firewall.zones import zone
from backends.records.network import Address
from backends.records.router import FloatingIp, Router
from backends.records.snapshot import Records
from tests.sample_records import PROJECT, SETTINGS, ident, records

SWITCHED = Source(SWITCH, "switch")


def cloud() -> Records:
    """Two instances on one network."""
    return records(2)


def known(found: Records) -> Names:
    return names(found, OvsFacts(), SETTINGS)


def address_of(found: Records, number: int) -> str:
    (port,) = found.ports_of[ident("instance", number)]
    return found.addresses[port.id][0].address


def tcp(
    *addresses: str, ports: tuple[int, ...] = (1000, 80, 80, 1000), zone_: int = 0
) -> Connection:
    first, second, third, fourth = addresses
    family = AF_INET6 if ":" in first else AF_INET
    return Connection(family, 6, (first, second, third, fourth), ports, zone_, state=3)


def table_of(*rows: Connection) -> Connections:
    table = Connections.empty(len(rows))
    for number, row in enumerate(rows):
        table.family[number], table.protocol[number] = row.family, row.protocol
        for side, address in enumerate(row.addresses):
            table.addresses[side, :, number] = words_of(address)[1:]
        table.ports[:, number] = row.ports
        for name in ("zone", "mark", "state", "timeout", "id"):
            getattr(table, name)[number] = getattr(row, name)
        table.octets[:, number] = row.octets
    return table


def test_both_ends_in_a_zone_are_named() -> None:
    found = cloud()
    (network_id,) = found.networks
    number = zone(SETTINGS, found.vlans[network_id])
    one, two = address_of(found, 0), address_of(found, 1)
    seen = join(tcp(one, two, two, one, zone_=number), SWITCHED, known(found))
    assert seen.source.instance is found.instances[ident("instance", 0)]
    assert seen.destination.instance is found.instances[ident("instance", 1)]
    assert seen.network is found.networks[network_id]
    assert (seen.project_id, seen.protocol, seen.state) == (PROJECT, "tcp", "ESTABLISHED")
    assert seen.via == seen.floating == ""


def test_the_same_addresses_in_another_zone_are_somebody_elses() -> None:
    found = cloud()
    one, two = address_of(found, 0), address_of(found, 1)
    seen = join(tcp(one, two, two, one, zone_=4000), SWITCHED, known(found))
    assert seen.source.instance is seen.destination.instance is seen.network is None
    assert seen.project_id == ""


def routed(found: Records) -> Source:
    """A router with a floating IP lent to the first instance."""
    router = Router(id=ident("router"), project_id=PROJECT, name="gate")
    found.routers[router.id] = router
    (port,) = found.ports_of[ident("instance", 0)]
    inner = port.model_copy(
        update={
            "id": ident("inner"),
            "device_id": router.id,
            "device_owner": "network:router_interface",
        }
    )
    found.ports[inner.id] = inner
    found.ports_of[router.id] = [inner]
    row = FloatingIp(
        id=ident("floating"), project_id=PROJECT, network_id="outside", floating_port_id="",
        address="203.0.113.9", port_id=port.id, fixed_address=address_of(found, 0),
        router_id=router.id,
    )  # fmt: skip
    found.floats_on["outside"] = [row]
    return next(each for each in sources(known(found)) if each.router_id == router.id)


def test_a_floating_address_is_shown_with_its_instance() -> None:
    found = cloud()
    place = routed(found)
    fixed = address_of(found, 0)
    came = tcp("198.51.100.7", "203.0.113.9", fixed, "198.51.100.7")
    seen = join(came, place, known(found))
    assert seen.destination.title == found.instances[ident("instance", 0)].name
    assert seen.floating == "203.0.113.9"
    assert seen.via == f"to 203.0.113.9:80 → {fixed}:80 (DNAT)"
    out = tcp(fixed, "198.51.100.7", "198.51.100.7", "203.0.113.9")
    seen = join(out, place, known(found))
    assert seen.source.instance is not None
    assert seen.floating == "203.0.113.9"
    assert seen.via == f"from {fixed}:1000 → 203.0.113.9:1000 (SNAT)"


@pytest.mark.parametrize(
    ("addresses", "ports", "said"),
    [
        (("a1", "b1", "b1", "a1"), (1, 2, 2, 1), ""),
        (("a1", "b1", "c1", "a1"), (1, 2, 2, 1), "to b1:2 → c1:2 (DNAT)"),
        (("a1", "b1", "b1", "c1"), (1, 2, 2, 9), "from a1:1 → c1:9 (SNAT)"),
        (("a1", "b1", "c1", "d1"), (1, 2, 3, 4),
         "to b1:2 → c1:3 (DNAT), from a1:1 → d1:4 (SNAT)"),
        (("a:1", "b:1", "c:1", "a:1"), (1, 2, 2, 1), "to [b:1]:2 → [c:1]:2 (DNAT)"),
    ],
)  # fmt: skip
def test_translations_in_words(
    addresses: tuple[str, str, str, str], ports: tuple[int, ...], said: str
) -> None:
    assert translations(Connection(AF_INET, 6, addresses, ports)) == said


def test_a_ping_has_no_ports_to_exchange() -> None:
    row = Connection(AF_INET, 1, ("a", "b", "c", "a"), (7, 8 << 8, 7, 0))
    assert translations(row) == "to b → c (DNAT)"


@pytest.mark.parametrize(
    ("protocol", "state", "status", "said"),
    [
        (6, 3, 0, "ESTABLISHED"), (6, 0, 0, "NONE"), (17, 0, 0, ""), (17, 0, 8, "UNREPLIED"),
        (17, 0, 0xA, "REPLIED"), (17, 0, 0xE, "ASSURED"),
    ],
)  # fmt: skip
def test_states(protocol: int, state: int, status: int, said: str) -> None:
    row = Connection(AF_INET, protocol, ("a",) * 4, (0,) * 4, state=state, status=status)
    assert state_of(row) == said


@given(
    st.ip_addresses(), st.ip_addresses(), st.integers(0, 65535), st.integers(0, 65535),
    st.sampled_from([1, 6, 17, 47, 58, 132]), st.integers(0, 65535), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_an_id_names_one_connection(
    source: object, destination: object, near: int, far: int, protocol: int, number: int, id_: int
) -> None:
    first, second = str(source), str(destination)
    family = AF_INET6 if ":" in first else AF_INET
    row = Connection(
        family, protocol, (first, second, second, first), (near, far, far, near), number, id=id_
    )
    place, again = parse(identifier(SWITCHED, row))
    assert place == SWITCH
    assert again.addresses[:2] == row.addresses[:2]
    assert (again.family, again.protocol, again.ports[:2]) == (family, protocol, (near, far))
    assert (again.zone, again.id) == (number, id_)


@pytest.mark.parametrize("text", ["", "switch", "a/b/c/d/e", "switch/0/tcp/x,1,y,2/0"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="names no connection"):
        parse(text)


def listing() -> ConnectionListing:
    found = cloud()
    (network_id,) = found.networks
    number = zone(SETTINGS, found.vlans[network_id])
    one, two = address_of(found, 0), address_of(found, 1)
    place = routed(found)
    switched = table_of(
        *(
            Connection(AF_INET, 6, (one, two, two, one), (port, 80, 80, port), number,
                       timeout=port, state=3, octets=(port, port))
            for port in range(1, 6)
        ),
        Connection(AF_INET, 17, (two, "9.9.9.9", "9.9.9.9", two), (53, 53, 53, 53), 4001),
    )  # fmt: skip
    gone = table_of(tcp(one, "198.51.100.7", "198.51.100.7", "203.0.113.9"))
    return ConnectionListing([(SWITCHED, switched), (place, gone)], known(found))


def test_pages_are_in_order_over_all_places() -> None:
    found = listing()
    assert len(found) == 7
    octets = [sum(each.connection.octets) for each in found.page(0, 7)]
    assert octets == [10, 8, 6, 4, 2, 0, 0]
    assert [each.id for each in found.page(2, 2)] == [each.id for each in found.page(0, 7)][2:4]
    assert found.page(7, 5) == []
    assert found.page(0, 1, "timeout")[0].connection.timeout == 5


def test_counts_are_over_all_of_them() -> None:
    found = listing()
    (network,) = found.names.records.networks.values()
    assert {each.what: each.connections for each in found.by_zone()} == {
        network.name: 5, "zone 4001": 1, "router gate": 1,
    }  # fmt: skip
    assert {each.what: each.connections for each in found.by_state()} == {
        "tcp ESTABLISHED": 6, "udp": 1,
    }  # fmt: skip
    instances = found.by_instance()
    assert [each.connections for each in instances] == [6, 5]
    assert len(found.by_instance(1)) == 1


def test_rows_that_touch_an_address() -> None:
    table = table_of(
        tcp("10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.1"),
        tcp("10.0.0.3", "10.0.0.2", "10.0.0.9", "10.0.0.3"),
        tcp("fd00::1", "fd00::2", "fd00::2", "fd00::1"),
        tcp("fd00::3", "fd00::4", "fd00::4", "fd00::3"),
    )
    assert touching(table, ["10.0.0.9"]).tolist() == [False, True, False, False]
    assert touching(table, ["10.0.0.2"]).tolist() == [True, True, False, False]
    assert touching(table, ["fd00::2"]).tolist() == [False, False, True, False]
    assert touching(table, ["10.0.0.1", "fd00::4"]).tolist() == [True, False, False, True]
    assert touching(table, []).tolist() == [False] * 4


def test_instances_are_counted_by_their_ipv6_addresses_too() -> None:
    found = cloud()
    (network_id,) = found.networks
    number = zone(SETTINGS, found.vlans[network_id])
    six = ("fd00::a:1", "fd00::b:1")
    for each, address in enumerate(six):
        (port,) = found.ports_of[ident("instance", each)]
        row = Address(subnet_id="six", address=address, port_id=port.id)
        found.addresses[port.id].append(row)
    one, two = address_of(found, 0), address_of(found, 1)
    table = table_of(
        tcp(six[0], "fd00::9", "fd00::9", six[0], zone_=number),
        tcp(six[0], six[1], six[1], six[0], zone_=number),
        tcp(one, two, two, one, zone_=number),
        tcp(six[1], six[0], six[0], six[1], zone_=number + 1),
    )
    listed = ConnectionListing([(SWITCHED, table)], known(found))
    names_ = [found.instances[ident("instance", each)].name for each in range(2)]
    counts = {each.what: each.connections for each in listed.by_instance()}
    assert counts == {names_[0]: 3, names_[1]: 2}
