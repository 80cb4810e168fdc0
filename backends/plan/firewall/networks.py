"""What has many receivers, or none that is known here: a network's frames, spread by list.

Every receiver is named, so that nothing gets round its rules, as it would by flooding (NORMAL).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from backends.plan.firewall.ports import Plug
from backends.plan.firewall.tables import (
    EGRESS_ACCEPT,
    INGRESS_BASE,
    INGRESS_RULES,
    SORT,
    SPREAD,
    TO_MANY,
    UPLINKS,
    flow,
    tag,
    to,
)
from backends.plan.firewall.zones import vlan

# A DHCP server's answer, MLD query, router advertisement, neighbour solicitation and advertisement
# go to all; a question to a DHCP server or a router goes to those who may answer.
_TO_ALL = (
    "arp",
    "udp,tp_src=67,tp_dst=68",
    *(f"icmp6,icmp_type={each}" for each in (130, 134, 135, 136)),
)
_QUESTIONS = (
    "udp,tp_dst=67",
    "udp6,tp_dst=547",
    # Multicast listeners tell routers what they listen to (RFC 2710, RFC 3810).
    *(f"icmp6,icmp_type={each}" for each in (131, 132, 133, 143)),
)


def flows(zone: int, plugs: Sequence[Plug], uplinks: Sequence[int]) -> list[str]:
    """The flows of a network with these ports."""
    found: list[str] = []
    onward = [to(UPLINKS)] if uplinks else []
    some = [plug.copy for plug in plugs if not plug.filtered]
    everybody = [plug.copy for plug in plugs]
    rules = [plug.alone(to(INGRESS_RULES)) for plug in plugs if plug.filtered]

    def spread(priority: int, match: str, receivers: Iterable[str]) -> None:
        actions = ",".join((*receivers, *onward)) or "drop"
        found.append(flow(SPREAD, priority, f"{match}reg6={zone}", actions))

    for each in _TO_ALL:
        spread(30, f"{each},{TO_MANY},", everybody)
    for question in _QUESTIONS:
        spread(25, f"{question},{TO_MANY},", some)
    spread(20, f"{TO_MANY},", [*some, *rules])
    spread(10, "", some)
    if uplinks:
        found += _uplinks(zone, uplinks)
    found += _shared(zone, plugs)
    return found


def _uplinks(zone: int, uplinks: Sequence[int]) -> Iterator[str]:
    """To other bridges with the network's tag, and from them; never from one to another."""
    network = f"set_field:{zone}->reg6"
    yield flow(SORT, 85, f"reg7=1,dl_vlan={vlan(zone)}", f"pop_vlan,{network},{to(SPREAD)}")
    ports = ",".join(f"output:{each}" for each in uplinks)
    yield flow(UPLINKS, 10, f"reg6={zone},reg7=0", f"{tag(vlan(zone))},{ports}")


def _shared(zone: int, plugs: Sequence[Plug]) -> Iterator[str]:
    """MACs that ports were allowed beside their own: a frame to one reaches all who have it."""
    holders: dict[str, list[Plug]] = defaultdict(list)
    own = {plug.mac for plug in plugs}
    for plug in plugs:
        for mac in sorted({mac for mac, _ in plug.pairs} - own):
            holders[mac].append(plug)
    for mac, having in sorted(holders.items()):
        into = ",".join(each.alone(to(INGRESS_BASE)) for each in having)
        yield flow(EGRESS_ACCEPT, 100, f"reg6={zone},dl_dst={mac}", into)
        tagged = f"reg7=1,dl_vlan={vlan(zone)},dl_dst={mac}"
        yield flow(SORT, 90, tagged, f"pop_vlan,set_field:{zone}->reg6,{into}")
