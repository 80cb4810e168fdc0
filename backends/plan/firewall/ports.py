"""One port's flows: where its packets come and go, and what it may send as whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backends.plan.firewall.groups import Template
from backends.plan.firewall.tables import (
    COMMIT,
    DROPPED,
    EGRESS_ACCEPT,
    EGRESS_BASE,
    EGRESS_RULES,
    INGRESS_BASE,
    INGRESS_RULES,
    MEND,
    RECEIVED,
    SENT,
    SORT,
    TO_MANY,
    TO_ONE,
    UNTAGGED,
    ZONE,
    flow,
    tag,
    to,
)
from backends.plan.firewall.zones import vlan
from backends.plan.qos import PLAIN, Shaping

# What a guest without an address yet may say: router solicitation, MLD reports (RFC 3590).
_NAMELESS = (131, 133, 143)
_NO_MAC = "00:00:00:00:00:00"


@dataclass(frozen=True, slots=True)
class Plug:
    """A port that is plugged: its OpenFlow number, its network's zone, and whom it may be.

    `pairs` are (MAC, address or prefix); those of an unfiltered port are not looked at. What a
    `stateless` one sends and receives is not tracked for its sake. A trunk's subport has its
    parent's number, and the VLAN `tag` that its guest gives it.
    """

    id: str
    ofport: int
    zone: int
    mac: str
    filtered: bool = True
    pairs: tuple[tuple[str, str], ...] = ()
    stateless: bool = False
    tag: int = 0
    shaping: Shaping = PLAIN

    @property
    def number(self) -> int:
        """What register 5 has for it; a subport's is no OpenFlow number."""
        return subport_number(self.ofport, self.tag) if self.tag else self.ofport

    @property
    def plain(self) -> bool:
        """Whether its flows are those of any other port."""
        return not self.tag and self.shaping == PLAIN

    @property
    def deliver(self) -> str:
        """Give it the packet."""
        output = f"output:{self.ofport}"
        return f"{tag(self.tag)},{output}" if self.tag else output

    @property
    def copy(self) -> str:
        """Give it the packet, and leave it as it is for others."""
        return f"clone({self.deliver})" if self.tag else self.deliver

    def alone(self, onward: str) -> str:
        """Send the packet on as this port's, and leave it as it is for others."""
        actions = f"set_field:{self.number}->reg5,{onward}"
        return f"clone({actions})" if self.tag else actions


def subport_number(ofport: int, vlan: int) -> int:
    """A subport's number in register 5: above all OpenFlow numbers, which have 16 bits."""
    return 1 << 31 | ofport << 12 | vlan


def flows(plug: Plug, rules: Iterable[Template]) -> list[str]:
    """Everything for one port; `rules` are its groups'."""
    found = [*_way(plug), *_counters(plug)]
    if plug.filtered:
        found += _identity(plug)
        found += _untracked(plug) if plug.stateless else ()
        found += [f"{head}{plug.number}{tail}" for head, tail in rules]
    return found


def _way(plug: Plug) -> Iterator[str]:
    port, number, zone = plug.ofport, plug.number, plug.zone
    out = to(EGRESS_BASE if plug.filtered else SENT)
    into = f"set_field:{number}->reg5,{to(INGRESS_BASE if plug.filtered else RECEIVED)}"
    network = f"set_field:{zone}->reg6"
    come = f"set_field:{number}->reg5,{network},{out}"
    if plug.tag:
        yield flow(SORT, 100, f"in_port={port},dl_vlan={plug.tag}", f"pop_vlan,{come}")
    else:
        yield flow(SORT, 100, f"in_port={port},{UNTAGGED}", come)
        # A tag of the guest's own would take it into another network.
        yield flow(SORT, 99, f"in_port={port}", f"set_field:{port}->reg5,{to(DROPPED)}")
    tagged = f"reg7=1,dl_vlan={vlan(zone)},dl_dst={plug.mac}"
    yield flow(SORT, 90, tagged, f"pop_vlan,{network},{into}")
    yield flow(EGRESS_ACCEPT, 100, f"reg6={zone},dl_dst={plug.mac}", into)


def _counters(plug: Plug) -> Iterator[str]:
    """What it sends and gets, counted, metered and marked; what is for many is not metered."""
    port, shaping = plug.number, plug.shaping
    out, into = (f"meter:{each}," if each else "" for each in shaping[:2])
    yield flow(SENT, 10, f"reg5={port}", f"{out}{to(EGRESS_ACCEPT)}")
    for each in ("ip", "ipv6"):
        new = f"{each},reg5={port},ct_state=+new,{TO_ONE}"
        yield flow(RECEIVED, 20, new, f"{into}{COMMIT},{plug.deliver}")
        if shaping.dscp is not None:
            mark = f"{out}set_field:{shaping.dscp}->ip_dscp,{to(EGRESS_ACCEPT)}"
            yield flow(SENT, 12, f"{each},reg5={port}", mark)
        if plug.tag:
            cut = f"{each},reg5={port},ct_state=+est,ct_mark=1"
            yield flow(RECEIVED, 35, cut, f"{MEND},{plug.deliver}")
    if into:
        yield flow(RECEIVED, 15, f"reg5={port},{TO_MANY}", plug.deliver)
    yield flow(RECEIVED, 10, f"reg5={port}", f"{into}{plug.deliver}")
    yield flow(DROPPED, 20, f"in_port={plug.ofport},reg5={port}", "drop")
    yield flow(DROPPED, 10, f"reg5={port}", "drop")


def _untracked(plug: Plug) -> Iterator[str]:
    """What comes in for a port without state. A sender that tracks it has it committed here."""
    rules = f"ct_clear,{to(INGRESS_RULES)}"
    for each in ("ip", "ipv6"):
        own = f"{each},reg5={plug.number}"
        yield flow(INGRESS_BASE, 92, f"{own},ct_state=+trk+new", f"{COMMIT},{rules}")
        yield flow(INGRESS_BASE, 91, own, rules)


def _identity(plug: Plug) -> Iterator[str]:
    """Own MAC and addresses alone, in what is sent and in what is said of them (ARP, ND)."""
    onward = to(EGRESS_RULES) if plug.stateless else f"ct(table={EGRESS_RULES},{ZONE})"
    for mac in sorted({mac for mac, _ in plug.pairs} | {plug.mac}):
        own = f"reg5={plug.number},dl_src={mac}"
        ask = f"udp,{own},nw_src=0.0.0.0,tp_src=68,tp_dst=67"
        yield flow(EGRESS_BASE, 80, ask, to(SENT))
        for each in _NAMELESS:
            yield flow(EGRESS_BASE, 95, f"icmp6,{own},ipv6_src=::,icmp_type={each}", to(SENT))
        yield from _ipv6(own, mac, link_local(mac), onward, routers=True)
    for mac, address in sorted(set(plug.pairs)):
        own = f"reg5={plug.number},dl_src={mac}"
        of_version = _ipv6 if ":" in address else _ipv4
        yield from of_version(own, mac, address, onward)


def _ipv4(own: str, mac: str, address: str, onward: str) -> Iterator[str]:
    arp = f"arp,{own},arp_sha={mac}"
    yield flow(EGRESS_BASE, 95, f"{arp},arp_spa={address}", to(SENT))
    # A probe asks whether an address is free, and gives none of its own (RFC 5227).
    probe = f"{arp},arp_op=1,arp_spa=0.0.0.0,arp_tpa={address}"
    yield flow(EGRESS_BASE, 95, probe, to(SENT))
    renew = f"udp,{own},nw_src={address},tp_src=68,tp_dst=67"
    yield flow(EGRESS_BASE, 80, renew, to(SENT))
    yield flow(EGRESS_BASE, 65, f"ip,{own},nw_src={address}", onward)


def _ipv6(own: str, mac: str, address: str, onward: str, *, routers: bool = False) -> Iterator[str]:
    """Neighbour discovery (RFC 4861) and DHCPv6 as a client. `routers`: it may ask for them."""
    source = f"{own},ipv6_src={address}"
    # The option with the link-layer address may be absent; then the field is zero.
    for each in (mac, _NO_MAC):
        solicit = f"icmp6,{source},icmp_type=135,nd_sll={each}"
        yield flow(EGRESS_BASE, 95, solicit, to(SENT))
        answer = f"icmp6,{own},icmp_type=136,nd_target={address},nd_tll={each}"
        yield flow(EGRESS_BASE, 95, answer, to(SENT))
    free = f"icmp6,{own},ipv6_src=::,icmp_type=135,nd_target={address}"
    yield flow(EGRESS_BASE, 95, free, to(SENT))
    if routers:
        yield flow(EGRESS_BASE, 95, f"icmp6,{source},icmp_type=133", to(SENT))
        yield flow(EGRESS_BASE, 80, f"udp6,{source},tp_src=546,tp_dst=547", to(SENT))
    yield flow(EGRESS_BASE, 65, f"ipv6,{source}", onward)


def link_local(mac: str) -> str:
    """The link-local address that a MAC makes (RFC 4291, appendix A: modified EUI-64).

    Written as RFC 5952 wants it; a plan makes thousands.
    """
    first, second, third, *rest = bytes.fromhex(mac.replace(":", ""))
    group = (first ^ 2) << 8 | second
    head = f"{group:x}:" if group else ""
    tail = f"{rest[1] << 8 | rest[2]:x}"
    return f"fe80::{head}{third << 8 | 0xFF:x}:{0xFE00 | rest[0]:x}:{tail}"
