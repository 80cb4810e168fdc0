"""The fields that flows match and set: their numbers on the wire, names, and how they are written.

Names and forms are those of ovs-ofctl(8) and ovs-fields(7); numbers are OpenFlow's OXM (0x8000) and
Nicira's NXM (0x0000, 0x0001) classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop

STANDARD, NXM0, NXM1, XREGS = 0x8000, 0x0000, 0x0001, 0x8001
_CT_STATE = ("new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat")
_TCP_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns")
_FLAGS = {"ct_state": _CT_STATE, "tcp_flags": _TCP_FLAGS}
_FRAG = {0: "no", 1: "first", 3: "later"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field: `name` in a match, `symbol` in a move, `bits` long, its value in this `form`."""

    name: str
    symbol: str
    bits: int
    form: str = "decimal"


def _standard() -> dict[tuple[int, int], Field]:
    rows = (
        (0, "in_port", "IN_PORT", 32, "port"),
        (2, "metadata", "METADATA", 64, "hex"),
        (3, "dl_dst", "ETH_DST", 48, "mac"),
        (4, "dl_src", "ETH_SRC", 48, "mac"),
        (5, "dl_type", "ETH_TYPE", 16, "hex"),
        (6, "dl_vlan", "VLAN_VID", 12, "vlan"),
        (7, "dl_vlan_pcp", "VLAN_PCP", 3, "decimal"),
        (8, "ip_dscp", "IP_DSCP", 6, "decimal"),
        (9, "nw_ecn", "IP_ECN", 2, "decimal"),
        (10, "nw_proto", "IP_PROTO", 8, "decimal"),
        (11, "nw_src", "IPV4_SRC", 32, "ipv4"),
        (12, "nw_dst", "IPV4_DST", 32, "ipv4"),
        (13, "tp_src", "TCP_SRC", 16, "decimal"),
        (14, "tp_dst", "TCP_DST", 16, "decimal"),
        (15, "tp_src", "UDP_SRC", 16, "decimal"),
        (16, "tp_dst", "UDP_DST", 16, "decimal"),
        (17, "tp_src", "SCTP_SRC", 16, "decimal"),
        (18, "tp_dst", "SCTP_DST", 16, "decimal"),
        (19, "icmp_type", "ICMPV4_TYPE", 8, "decimal"),
        (20, "icmp_code", "ICMPV4_CODE", 8, "decimal"),
        (21, "arp_op", "ARP_OP", 16, "decimal"),
        (22, "arp_spa", "ARP_SPA", 32, "ipv4"),
        (23, "arp_tpa", "ARP_TPA", 32, "ipv4"),
        (24, "arp_sha", "ARP_SHA", 48, "mac"),
        (25, "arp_tha", "ARP_THA", 48, "mac"),
        (26, "ipv6_src", "IPV6_SRC", 128, "ipv6"),
        (27, "ipv6_dst", "IPV6_DST", 128, "ipv6"),
        (28, "ipv6_label", "IPV6_FLABEL", 20, "label"),
        (29, "icmp_type", "ICMPV6_TYPE", 8, "decimal"),
        (30, "icmp_code", "ICMPV6_CODE", 8, "decimal"),
        (31, "nd_target", "IPV6_ND_TARGET", 128, "ipv6"),
        (32, "nd_sll", "IPV6_ND_SLL", 48, "mac"),
        (33, "nd_tll", "IPV6_ND_TLL", 48, "mac"),
        (38, "tun_id", "TUNNEL_ID", 64, "hex"),
    )
    return {
        (STANDARD, number): Field(name, f"OXM_OF_{symbol}", bits, form)
        for number, name, symbol, bits, form in rows
    }


def _nicira() -> dict[tuple[int, int], Field]:
    first = (
        (0, "in_port", "IN_PORT", 16, "port"),
        (1, "dl_dst", "ETH_DST", 48, "mac"),
        (2, "dl_src", "ETH_SRC", 48, "mac"),
        (3, "dl_type", "ETH_TYPE", 16, "hex"),
        (4, "vlan_tci", "VLAN_TCI", 16, "tci"),
        (5, "nw_tos", "IP_TOS", 8, "decimal"),
        (6, "nw_proto", "IP_PROTO", 8, "decimal"),
        (7, "nw_src", "IP_SRC", 32, "ipv4"),
        (8, "nw_dst", "IP_DST", 32, "ipv4"),
        (9, "tp_src", "TCP_SRC", 16, "decimal"),
        (10, "tp_dst", "TCP_DST", 16, "decimal"),
        (11, "tp_src", "UDP_SRC", 16, "decimal"),
        (12, "tp_dst", "UDP_DST", 16, "decimal"),
        (13, "icmp_type", "ICMP_TYPE", 8, "decimal"),
        (14, "icmp_code", "ICMP_CODE", 8, "decimal"),
        (15, "arp_op", "ARP_OP", 16, "decimal"),
        (16, "arp_spa", "ARP_SPA", 32, "ipv4"),
        (17, "arp_tpa", "ARP_TPA", 32, "ipv4"),
    )
    second = (
        *((each, f"reg{each}", f"REG{each}", 32, "hex") for each in range(16)),
        (16, "tun_id", "TUN_ID", 64, "hex"),
        (17, "arp_sha", "ARP_SHA", 48, "mac"),
        (18, "arp_tha", "ARP_THA", 48, "mac"),
        (19, "ipv6_src", "IPV6_SRC", 128, "ipv6"),
        (20, "ipv6_dst", "IPV6_DST", 128, "ipv6"),
        (21, "icmp_type", "ICMPV6_TYPE", 8, "decimal"),
        (22, "icmp_code", "ICMPV6_CODE", 8, "decimal"),
        (23, "nd_target", "ND_TARGET", 128, "ipv6"),
        (24, "nd_sll", "ND_SLL", 48, "mac"),
        (25, "nd_tll", "ND_TLL", 48, "mac"),
        (26, "nw_frag", "IP_FRAG", 8, "frag"),
        (28, "nw_ecn", "IP_ECN", 2, "decimal"),
        (29, "nw_ttl", "IP_TTL", 8, "decimal"),
        (31, "tun_src", "TUN_IPV4_SRC", 32, "ipv4"),
        (32, "tun_dst", "TUN_IPV4_DST", 32, "ipv4"),
        (33, "pkt_mark", "PKT_MARK", 32, "hex"),
        (34, "tcp_flags", "TCP_FLAGS", 16, "tcp_flags"),
        (35, "dp_hash", "DP_HASH", 32, "hex"),
        (36, "recirc_id", "RECIRC_ID", 32, "hex"),
        (37, "conj_id", "CONJ_ID", 32, "decimal"),
        (105, "ct_state", "CT_STATE", 32, "ct_state"),
        (106, "ct_zone", "CT_ZONE", 16, "decimal"),
        (107, "ct_mark", "CT_MARK", 32, "hex"),
        (108, "ct_label", "CT_LABEL", 128, "hex"),
        *((111 + each, f"xxreg{each}", f"XXREG{each}", 128, "hex") for each in range(4)),
        (119, "ct_nw_proto", "CT_NW_PROTO", 8, "decimal"),
        (120, "ct_nw_src", "CT_NW_SRC", 32, "ipv4"),
        (121, "ct_nw_dst", "CT_NW_DST", 32, "ipv4"),
        (122, "ct_ipv6_src", "CT_IPV6_SRC", 128, "ipv6"),
        (123, "ct_ipv6_dst", "CT_IPV6_DST", 128, "ipv6"),
        (124, "ct_tp_src", "CT_TP_SRC", 16, "decimal"),
        (125, "ct_tp_dst", "CT_TP_DST", 16, "decimal"),
    )
    found = {(NXM0, number): Field(n, f"NXM_OF_{s}", b, f) for number, n, s, b, f in first}
    found |= {(NXM1, number): Field(n, f"NXM_NX_{s}", b, f) for number, n, s, b, f in second}
    found |= {
        (XREGS, each): Field(f"xreg{each}", f"OXM_OF_PKT_REG{each}", 64, "hex") for each in range(8)
    }
    return found


FIELDS = _standard() | _nicira()


def field_of(header: int) -> tuple[Field, bool, int]:
    """The field of an OXM header (class, number, mask bit, length), if it is masked, its bytes."""
    number = header >> 16, header >> 9 & 0x7F
    length = header & 0xFF
    masked = bool(header & 0x100)
    known = FIELDS.get(number)
    if known is None:
        bits = length * 8 // (2 if masked else 1)
        known = Field(f"field_{number[0]:#x}_{number[1]}", f"FIELD_{header:#010x}", bits, "hex")
    return known, masked, length


def written(field: Field, value: int, mask: int | None = None) -> str:
    """A value as ovs-ofctl writes it, with its mask where it has one."""
    form = field.form
    if form in _FLAGS:
        names = _FLAGS[form]
        return flags(names, value, (1 << len(names)) - 1 if mask is None else mask)
    if mask is None:
        return _one(form, value)
    if form in ("ipv4", "ipv6"):
        ones = mask.bit_count()
        if mask == ((1 << ones) - 1) << (field.bits - ones):
            return f"{_one(form, value)}/{ones}"
    if form in ("decimal", "vlan", "port"):
        return f"{value:#x}/{mask:#x}"
    if form == "tci":
        return f"{value:#06x}/{mask:#06x}"
    return f"{_one(form, value)}/{_one(form, mask)}"


def flags(names: tuple[str, ...], value: int, mask: int) -> str:
    """`+set-clear` of the flags that matter."""
    return "".join(
        f"{'+' if value >> at & 1 else '-'}{name}"
        for at, name in enumerate(names)
        if mask >> at & 1
    )


def hexadecimal(value: int) -> str:
    """As C's %#x writes it."""
    return f"{value:#x}" if value else "0"


def _one(form: str, value: int) -> str:
    match form:
        case "hex":
            return hexadecimal(value)
        case "label":
            return f"{value:#07x}"
        case "mac":
            text = f"{value:012x}"
            return ":".join(text[at : at + 2] for at in range(0, 12, 2))
        case "ipv4":
            return inet_ntop(AF_INET, value.to_bytes(4))
        case "ipv6":
            return inet_ntop(AF_INET6, value.to_bytes(16))
        case "tci":
            return f"{value:#06x}"
        case "port":
            return port_name(value)
        case "frag":
            return _FRAG.get(value, str(value))
        case _:
            return str(value)


_PORTS = {
    0xFFF8: "IN_PORT",
    0xFFF9: "TABLE",
    0xFFFA: "NORMAL",
    0xFFFB: "FLOOD",
    0xFFFC: "ALL",
    0xFFFD: "CONTROLLER",
    0xFFFE: "LOCAL",
    0xFFFF: "ANY",
}


def port_name(number: int) -> str:
    """A port's number, or the name of a reserved one (in 16 or 32 bits)."""
    short = number & 0xFFFF if number >> 16 in (0, 0xFFFF) else 0
    return _PORTS.get(short, str(number)) if short >= 0xFFF8 else str(number)
