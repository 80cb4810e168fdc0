"""The flows that every host has, whatever is plugged into it."""

from __future__ import annotations

from collections.abc import Iterator

from backends.plan.firewall.tables import (
    CLASSIFY,
    COMMIT,
    CUT,
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
    SPREAD,
    TO_MANY,
    UPLINKS,
    ZONE,
    flow,
    to,
)

_IP = ("ip", "ipv6")
# MLD query, router advertisement, neighbour solicitation and advertisement (RFC 2710, RFC 4861).
_ALWAYS_IN = (130, 134, 135, 136)


def flows(uplinks: tuple[int, ...]) -> Iterator[str]:
    """All of them; `uplinks` are the ports to other bridges. What no flow knows is dropped."""
    yield flow(CLASSIFY, 0, "", to(SORT))
    for uplink in uplinks:
        yield flow(CLASSIFY, 10, f"in_port={uplink}", f"set_field:1->reg7,{to(SORT)}")
    yield from _egress()
    yield from _rules(EGRESS_RULES, SENT)
    yield from _ingress()
    yield from _rules(INGRESS_RULES, RECEIVED)
    yield flow(SENT, 0, "", to(EGRESS_ACCEPT))
    for each in _IP:
        mend = f"{MEND},output:NXM_NX_REG5[]"
        yield flow(RECEIVED, 30, f"{each},ct_state=+est,ct_mark=1", mend)
    for table in (SORT, RECEIVED, DROPPED, SPREAD, UPLINKS):
        yield flow(table, 0, "", "drop")


def _egress() -> Iterator[str]:
    yield flow(EGRESS_BASE, 110, "ct_state=+trk", f"ct_clear,{to(EGRESS_BASE)}")
    # No guest is a DHCP server or a router here, whatever its rules say.
    for server in ("udp,tp_src=67,tp_dst=68", "udp6,tp_src=547,tp_dst=546", "icmp6,icmp_type=134"):
        yield flow(EGRESS_BASE, 70, server, to(DROPPED))
    yield flow(EGRESS_BASE, 0, "", to(DROPPED))
    yield flow(EGRESS_ACCEPT, 90, TO_MANY, to(SPREAD))
    for each in _IP:
        yield flow(EGRESS_ACCEPT, 85, f"{each},ct_state=+est,ct_mark=1", f"{MEND},{to(SPREAD)}")
        yield flow(EGRESS_ACCEPT, 80, f"{each},ct_state=+new", f"{COMMIT},{to(SPREAD)}")
    yield flow(EGRESS_ACCEPT, 0, "", to(SPREAD))


def _ingress() -> Iterator[str]:
    yield flow(INGRESS_BASE, 100, "arp", to(RECEIVED))
    for each in _ALWAYS_IN:
        yield flow(INGRESS_BASE, 100, f"icmp6,icmp_type={each}", to(RECEIVED))
    for server in ("udp,tp_src=67,tp_dst=68", "udp6,tp_src=547,tp_dst=546"):
        yield flow(INGRESS_BASE, 95, server, to(RECEIVED))
    for name in _IP:
        track = f"ct(table={INGRESS_RULES},{ZONE})"
        yield flow(INGRESS_BASE, 90, f"{name},ct_state=-trk", track)
    yield flow(INGRESS_BASE, 80, "ct_state=+trk", to(INGRESS_RULES))
    yield flow(INGRESS_BASE, 0, "", to(DROPPED))


def _rules(table: int, accepted: int) -> Iterator[str]:
    """What stands around the rules: above them the invalid and the related, below them the rest."""
    yield flow(table, 90, "ct_state=+trk+inv", to(DROPPED))
    for each in _IP:
        yield flow(table, 78, f"{each},ct_state=+trk+rel-inv,ct_mark=0", to(accepted))
    yield flow(table, 50, "ct_state=+est,ct_mark=1", to(DROPPED))
    for each in _IP:
        yield flow(table, 40, f"{each},ct_state=+est", f"{CUT},{to(DROPPED)}")
    yield flow(table, 0, "", to(DROPPED))
