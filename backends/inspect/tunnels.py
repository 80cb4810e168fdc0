"""What the flows of the tunnels' bridge stand for, and what they do, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from backends.inspect.names import Names
from backends.plan import tunnel_flows
from backends.records.tables import HostRecord, Network

# An ARP request is turned into its answer (plan.tunnel_flows).
_TURNED = {
    "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]": "address it to who asked",
    "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]": "make who asked the one it is for, by MAC",
    "move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[]": "make who asked the one it is for, by address",
    "set_field:2->arp_op": "make it an answer",
    "load:0->NXM_OF_VLAN_TCI[]": "take the VLAN tag off",
}
_SAYING = {
    "eth_src": "say that it comes from MAC {}",
    "arp_sha": "answer that the MAC is {}",
    "arp_spa": "answer for {}",
}
_SET = re.compile(r"set_field:([0-9a-f:.]+)->(eth_src|arp_sha|arp_spa)")
_VNI = re.compile(r"set_field:(\w+)->tun_id|load:(\w+)->NXM_NX_TUN_ID\[\]")


def owners_of(canaries: Iterable[tuple[int, int]], names: Names) -> dict[int, tuple[str, object]]:
    """Who owns the flows of each cookie: words, and the host or the network where it is one."""
    hosts = {
        tunnel_flows.tunnel_owner(row.tunnel_address): row
        for row in names.records.hosts.values()
        if row.tunnel_address
    }
    networks = {tunnel_flows.network_owner(vlan): row for vlan, row in names.vlans.items()}
    found: dict[int, tuple[str, object]] = {}
    for cookie, number in canaries:
        thing: HostRecord | Network | None = hosts.get(number) or networks.get(number)
        if isinstance(thing, HostRecord):
            found[cookie] = (f"tunnel to {thing.name}", thing)
            learned = tunnel_flows.learned_cookie(number)
            found[learned] = (f"learned from {thing.name}", thing)
        elif thing is not None:
            found[cookie] = (thing.name, thing)
        elif number == tunnel_flows.BASE:
            found[cookie] = ("every tunnel", None)
    return found


def network_words(vni: int, names: Names) -> str:
    """The network of a VNI, in brackets; empty where none has it."""
    for row in names.records.networks.values():
        if row.network_type == "vxlan" and row.segmentation_id == vni:
            return f" (network {row.name})"
    return ""


def action_words(action: str, names: Names) -> str | None:
    """What is done; None for what is not particular to tunnels."""
    if action in _TURNED:
        return _TURNED[action]
    if found := _SET.fullmatch(action):
        port = names.ports_by_mac.get(found[1])
        return _SAYING[found[2]].format(found[1]) + (f" ({names.title(port)})" if port else "")
    if found := _VNI.fullmatch(action):
        vni = int(found[1] or found[2], 0)
        return f"make the tunnel's id {vni}{network_words(vni, names)}"
    if action.startswith("learn("):
        seconds = re.search(r"hard_timeout=(\d+)", action)
        kept = f", for {seconds[1]} s" if seconds else ""
        return f"learn which port or host this MAC is at{kept}"
    return None
