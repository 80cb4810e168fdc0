"""A flow's match and actions in words that name ports, instances and networks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.drivers.ovs.match import Match, Part
from backends.inspect.flows import role
from backends.inspect.names import Names
from backends.inspect.tunnels import action_words as tunnel_words
from backends.inspect.tunnels import network_words
from backends.plan.firewall.ports import subport_number
from backends.records.security import AddressGroup, SecurityGroup
from backends.records.tables import Port

_SENDING = 81  # up to here register 5 is the sender
_STATES = {
    "-rpl": "a request",
    "+est+rpl": "a reply within a connection",
    "+est": "within a connection",
    "+new": "the first of a connection",
    "-trk": "not tracked yet",
    "+trk": "tracked",
    "+inv+trk": "of no valid connection",
    "+rel-inv+trk": "related to a connection",
}
_TYPES = {0x0800: "IPv4", 0x86DD: "IPv6", 0x0806: "ARP"}
_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}
_PLAIN = {
    "dl_src": "from MAC {}",
    "dl_dst": "to MAC {}",
    "nw_src": "from {}",
    "nw_dst": "to {}",
    "ipv6_src": "from {}",
    "ipv6_dst": "to {}",
    "tp_src": "from port {}",
    "tp_dst": "to port {}",
    "icmp_type": "type {}",
    "icmp_code": "code {}",
    "arp_spa": "saying it is {}",
    "arp_tpa": "asking for {}",
    "arp_sha": "saying it has MAC {}",
    "nd_target": "about {}",
    "nd_sll": "giving MAC {}",
    "nd_tll": "giving MAC {}",
    "ct_zone": "zone {}",
}
_MARKS = {0: "not cut off", 1: "cut off by a withdrawn rule"}


def match_words(match: Match, bridge: str, table: int, names: Names) -> str:
    """What is matched, in words; `everything` where nothing is asked."""
    parts = sorted(match.values(), key=lambda part: part.place)
    said = [_part_words(part, match, bridge, table, names) for part in parts]
    return ", ".join(each for each in said if each) or "everything"


def _part_words(part: Part, match: Match, bridge: str, table: int, names: Names) -> str:
    name, value = part.field.name, part.value
    shown = part.text.partition("=")[2]
    if part.mask is not None and name not in ("ct_state", "dl_dst", "dl_vlan"):
        return _PLAIN[name].format(shown) if name in _PLAIN else part.text
    match name:
        case "in_port":
            return f"come from {names.port_title(bridge, value)}"
        case "reg5":
            way = "sent by" if table < _SENDING else "to"
            return f"{way} {names.port_title(bridge, value)}"
        case "reg6":
            network = names.zones.get(value)
            return f"in network {network.name}" if network else f"in zone {value}"
        case "reg7":
            return "come over an uplink" if value else "sent here"
        case "dl_vlan" if (port := _subport(match, value, bridge, names)) is not None:
            return f"{_vlan(part)}, which means {names.title(port)}"
        case "dl_vlan":
            network = names.vlans.get(value & 0xFFF)
            return _vlan(part) + (f" (network {network.name})" if network else "")
        case "tun_id":
            return f"with tunnel id {value}{network_words(value, names)}"
        case "arp_op":
            return {1: "a question", 2: "an answer"}.get(value, part.text)
        case "dl_type":
            return "" if "nw_proto" in match else _TYPES.get(value, part.text)
        case "nw_proto":
            version = " over IPv6" if _is_ipv6(match) and value != 58 else ""
            return _PROTOCOLS.get(value, f"protocol {value}") + version
        case "ct_state":
            return _STATES.get(shown, f"in state {shown}")
        case "ct_mark":
            return _MARKS.get(value, part.text)
        case "conj_id":
            group = names.conjunctions.get(value)
            return f"from or to a member of {_kind(group)} {group.name}" if group else part.text
        case "dl_dst" if part.mask is not None:
            return "to many" if value else "to one"
        case "dl_src" | "dl_dst":
            port = names.ports_by_mac.get(shown)
            owner = f" ({names.title(port)})" if port else ""
            return _PLAIN[name].format(shown) + owner
        case _:
            return _PLAIN[name].format(shown) if name in _PLAIN else part.text


def _subport(match: Match, vlan: int, bridge: str, names: Names) -> Port | None:
    """The trunk's subport that a tag means on this port."""
    come = match.get("in_port")
    number = subport_number(come.value, vlan & 0xFFF) if come is not None else 0
    return names.plugged.get((bridge, number))


def _is_ipv6(match: Match) -> bool:
    type_ = match.get("dl_type")
    return type_ is not None and type_.value == 0x86DD


def _vlan(part: Part) -> str:
    if part.text.startswith("dl_vlan="):
        return f"with VLAN {part.text.removeprefix('dl_vlan=')}"
    return "without a VLAN tag" if not part.value else "with a VLAN tag"


def action_words(actions: str, bridge: str, table: int, names: Names) -> str:
    """What is done, in words."""
    return "; ".join(_action_words(each, bridge, table, names) for each in split(actions))


def split(actions: str) -> Iterator[str]:
    """The actions one by one; commas within brackets are theirs."""
    depth, begin = 0, 0
    for at, sign in enumerate(actions):
        if sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
        elif sign == "," and not depth:
            yield actions[begin:at]
            begin = at + 1
    yield actions[begin:]


def _action_words(action: str, bridge: str, table: int, names: Names) -> str:
    if found := re.fullmatch(r"(?:resubmit\(,|goto_table:)(\d+)\)?", action):
        to = int(found[1])
        what = role(bridge, to)
        return f"go on in {to}" + (f" ({what})" if what else "")
    if found := re.fullmatch(r"output:(\d+)", action):
        return f"deliver to {names.port_title(bridge, int(found[1]))}"
    if found := re.fullmatch(r"set_field:(\w+)->reg([567])", action):
        return _register(int(found[2]), int(found[1], 0), bridge, names)
    if found := re.fullmatch(r"conjunction\((\d+),(\d)/(\d)\)", action):
        group = names.conjunctions.get(int(found[1]))
        name = f"remote {_kind(group)} {group.name}" if group else f"conjunction {found[1]}"
        return f"fulfils part {found[2]} of {found[3]} of {name}"
    if action.startswith("ct("):
        return _track(action)
    if action.startswith("clone("):
        return f"with a copy: {action_words(action[6:-1], bridge, table, names)}"
    return _FIXED.get(action) or tunnel_words(action, names) or _pattern(action)


_FIXED = {
    "drop": "drop",
    "ct_clear": "forget what tracking said",
    "NORMAL": "switch by MAC, as a plain switch does",
    "pop_vlan": "take the VLAN tag off",
    "push_vlan:0x8100": "put a VLAN tag on",
    "output:NXM_NX_REG5[]": "deliver to the port in register 5",
    "IN_PORT": "send back where it came from",
    "FLOOD": "to all ports",
    "LOCAL": "to the host",
}


def _kind(group: SecurityGroup | AddressGroup) -> str:
    return "address group" if isinstance(group, AddressGroup) else "group"


def _pattern(action: str) -> str:
    if found := re.fullmatch(r"set_field:(\w+)->vlan_vid", action):
        return f"make the VLAN {int(found[1], 0) & 0xFFF}"
    if found := re.fullmatch(r"meter:(\d+)", action):
        return f"drop what is above the limit of meter {found[1]}"
    if found := re.fullmatch(r"set_field:(\w+)->(?:ip|nw)_dscp|mod_nw_tos:(\d+)", action):
        mark = int(found[1], 0) if found[1] else int(found[2]) >> 2
        return f"mark it with DSCP {mark}"
    if found := re.fullmatch(r"CONTROLLER:(\d+)", action):
        return "send to a controller"
    return action


def _register(number: int, value: int, bridge: str, names: Names) -> str:
    if number == 5:
        return f"note the port: {names.port_title(bridge, value)}"
    if number == 6:
        network = names.zones.get(value)
        return f"note the network: {network.name if network else value}"
    return "note that it came over an uplink"


def _track(action: str) -> str:
    said = []
    if "commit" in action:
        if "set_field:0x1->ct_mark" in action:
            said.append("cut the connection off: no rule allows it any more")
        elif "set_field:0->ct_mark" in action:
            said.append("let the connection through again")
        else:
            said.append("remember the connection")
    else:
        said.append("look its connection up")
    if found := re.search(r"table=(\d+)", action):
        said.append(f"go on in {found[1]}")
    if found := re.search(r"nat\(([^)]*)\)", action):
        said.append(f"exchange addresses ({found[1]})")
    return ", ".join(said)
