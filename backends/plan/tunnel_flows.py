"""The flows of the tunnels' bridge, by Neutron's table numbers, in sets as br-int's are.

Unicast goes to the one host that has the MAC, as the records say; ARP is answered here, and a
neighbour solicitation goes to the one host that has the address. What is left is flooded to the
hosts that have the network, and what came from a tunnel never goes into one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from backends.drivers.ovs.facts import CLOUD, LEARNED, OvsFacts
from backends.plan.firewall.ports import link_local
from backends.plan.firewall.tables import TO_MANY, TO_ONE, flow, to
from backends.plan.firewall.wanted import Wanted, of
from backends.plan.tunnel import PATCH, Segment, segments, tunnels
from backends.records.snapshot import Records
from backends.records.tables import Port
from backends.settings import Settings

CLASSIFY, FROM_PATCH, FROM_TUNNEL, LEARN, UNICAST, RESPOND, FLOOD = 0, 2, 4, 10, 20, 21, 22
# Seconds after which a MAC that was learned must be learned anew (Neutron's).
LEARNED_FOR = 300

BASE = 0
_TUNNEL, _NETWORK = 1 << 60, 2 << 60
_VLAN_PRESENT = 0x1000


def wanted(records: Records, facts: OvsFacts, settings: Settings) -> list[Wanted]:
    """Every set that the bridge should have, for the tunnels that are there."""
    numbers: dict[str, int] = {}
    for host, each in tunnels(records, settings).items():
        port = facts.ports.get(each.name)
        if port is not None and port.ofport > 0 and port.labels.get(CLOUD) == settings.cloud:
            numbers[host] = port.ofport
    found = [of(BASE, _base())]
    for host, number in numbers.items():
        owner = tunnel_owner(records.hosts[host].tunnel_address)
        found.append(of(owner, _tunnel(number, learned_cookie(owner))))
    for segment in segments(records):
        found.append(of(network_owner(segment.vlan), _network(segment, numbers, records)))
    return found


def tunnel_owner(remote: str) -> int:
    """The owner of the set of the tunnel to this address."""
    return _TUNNEL | int.from_bytes(hashlib.sha256(remote.encode()).digest()[:8]) >> 4


def network_owner(vlan: int) -> int:
    """The owner of a network's set."""
    return _NETWORK | vlan


def learned_cookie(owner: int) -> int:
    """The cookie of what is learned from a tunnel: it goes with the tunnel's own set."""
    return LEARNED | owner


def gone_with(owner: int) -> tuple[int, ...]:
    """Cookies to sweep beside an owner's own, when it goes."""
    return (learned_cookie(owner),) if owner >> 60 == 1 else ()


def _base() -> Iterator[str]:
    yield flow(CLASSIFY, 1, f"in_port={PATCH}", to(FROM_PATCH))
    for question in (
        "arp,arp_op=1,dl_dst=ff:ff:ff:ff:ff:ff",
        f"icmp6,icmp_type=135,{TO_MANY}",
    ):
        yield flow(FROM_PATCH, 10, question, to(RESPOND))
    yield flow(FROM_PATCH, 0, TO_ONE, to(UNICAST))
    yield flow(FROM_PATCH, 0, TO_MANY, to(FLOOD))
    for table in (UNICAST, RESPOND):
        yield flow(table, 0, "", to(FLOOD))
    for table in (CLASSIFY, FROM_TUNNEL, LEARN, FLOOD):
        yield flow(table, 0, "", "drop")


def _tunnel(number: int, cookie: int) -> Iterator[str]:
    yield flow(CLASSIFY, 1, f"in_port={number}", to(FROM_TUNNEL))
    learn = ",".join(
        (
            f"table={UNICAST}", f"hard_timeout={LEARNED_FOR}", "priority=1", f"cookie={cookie:#x}",
            "NXM_OF_VLAN_TCI[0..11]", "NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]",
            "load:0->NXM_OF_VLAN_TCI[]", "load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[]",
            "output:NXM_OF_IN_PORT[]",
        )
    )  # fmt: skip
    yield flow(LEARN, 1, f"in_port={number}", f"learn({learn}),output:{PATCH}")


def _network(segment: Segment, numbers: dict[str, int], records: Records) -> Iterator[str]:
    vlan, vni = segment.vlan, segment.network.segmentation_id
    tag = f"push_vlan:0x8100,set_field:{_VLAN_PRESENT | vlan}->vlan_vid"
    yield flow(FROM_TUNNEL, 1, f"tun_id={vni:#x}", f"{tag},{to(LEARN)}")
    leave = f"pop_vlan,set_field:{vni:#x}->tun_id"
    there = [(numbers[host], ports) for host, ports in segment.away.items() if host in numbers]
    if there:
        everywhere = ",".join(f"output:{number}" for number, _ in there)
        yield flow(FLOOD, 1, f"dl_vlan={vlan}", f"{leave},{everywhere}")
    for number, ports in there:
        for port in ports:
            yield from _port(port, vlan, f"{leave},output:{number}", records)


def _port(port: Port, vlan: int, go: str, records: Records) -> Iterator[str]:
    """A port of another host: where its frames go, and who has its addresses."""
    yield flow(UNICAST, 2, f"dl_vlan={vlan},dl_dst={port.mac}", go)
    addresses = sorted(each.address for each in records.addresses.get(port.id, ()))
    for address in addresses:
        if ":" not in address:
            match = f"arp,dl_vlan={vlan},arp_op=1,arp_tpa={address}"
            yield flow(RESPOND, 1, match, _answer(port.mac, address))
    six = [each for each in addresses if ":" in each]
    for address in dict.fromkeys((*six, link_local(port.mac)) if six else ()):
        yield flow(RESPOND, 1, f"icmp6,dl_vlan={vlan},icmp_type=135,nd_target={address}", go)


def _answer(mac: str, address: str) -> str:
    """Turn an ARP request into its answer, and send it back (RFC 826)."""
    return ",".join(
        (
            "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]", f"set_field:{mac}->eth_src",
            "set_field:2->arp_op", "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]",
            "move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[]", f"set_field:{mac}->arp_sha",
            f"set_field:{address}->arp_spa", "in_port",
        )
    )  # fmt: skip
