"""What flows match: off the wire into fields, and as text in ovs-ofctl's words."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from socket import AF_INET, inet_ntop
from typing import NamedTuple

from backends.drivers.ovs.fields import FIELDS, Field, field_of, written

# ovs-ofctl's order (match_format), as far as it tells names apart.
_ORDER = (
    "pkt_mark", "recirc_id", "dp_hash", "conj_id", "ct_state", "ct_zone", "ct_mark", "ct_label",
    "ct_nw_src", "ct_nw_dst", "ct_ipv6_src", "ct_ipv6_dst", "ct_nw_proto", "ct_tp_src",
    "ct_tp_dst", "dl_type", "nw_proto", *(f"reg{each}" for each in range(16)), "tun_id",
    "tun_src", "tun_dst", "metadata", "in_port", "dl_vlan", "dl_vlan_pcp", "vlan_tci", "dl_src",
    "dl_dst", "nw_src", "nw_dst", "ipv6_src", "ipv6_dst", "ipv6_label", "arp_spa", "arp_tpa",
    "arp_op", "arp_sha", "arp_tha",
)  # fmt: skip
_PLACES = {name: place for place, name in enumerate(_ORDER)}
LAST = len(_ORDER)
NO_FIELD = Field("", "", 0)
_TYPES = {0x0800: "ip", 0x86DD: "ipv6", 0x0806: "arp", 0x8035: "rarp", 0x8847: "mpls"}
_PROTOCOLS = {
    (0x0800, 1): "icmp",
    (0x0800, 6): "tcp",
    (0x0800, 17): "udp",
    (0x0800, 132): "sctp",
    (0x86DD, 58): "icmp6",
    (0x86DD, 6): "tcp6",
    (0x86DD, 17): "udp6",
    (0x86DD, 132): "sctp6",
}
_VLAN_PRESENT = 0x1000
_FULL_VID = 0x1FFF


class Part(NamedTuple):
    """A field that is matched; `mask` None: all of it. `text` is how, `place` where it stands."""

    place: int
    text: str
    value: int
    mask: int | None
    field: Field


Match = dict[str, Part]

# One and the same field with its value is in many flows.
_known: dict[bytes, Part] = {}
_KNOWN_MOST = 200_000
_addresses = {
    struct.pack(">HBB", kind, number << 1, 4): (_PLACES[field.name], field)
    for (kind, number), field in FIELDS.items()
    if field.form == "ipv4" and field.name in _PLACES
}
_TYPE_PLACE, _PROTOCOL_PLACE = _PLACES["dl_type"], _PLACES["nw_proto"]


def match_of(raw: bytes) -> Match:
    """The fields of an OXM list, by name."""
    return {part.field.name: part for part in _parts(raw)}


def text_of(raw: bytes) -> str:
    """An OXM list in ovs-ofctl's words, without the priority; empty where all is matched."""
    parts = _parts(raw)
    parts.sort()
    return joined(parts)


def joined(parts: list[Part]) -> str:
    """Parts in their order as one text; the type and the protocol become a name."""
    texts = [part[1] for part in parts]
    places = [part[0] for part in parts]
    # The protocol comes right after the type.
    if _PROTOCOL_PLACE in places:
        at = places.index(_PROTOCOL_PLACE)
        before = parts[at - 1] if at else None
        if before is not None and before[0] == _TYPE_PLACE:
            name = _PROTOCOLS.get((before[2], parts[at][2]))
            if name is not None:
                texts[at - 1 : at + 1] = [name]
    return ",".join(texts)


def _parts(raw: bytes) -> list[Part]:
    found = []
    at, end = 0, len(raw)
    while at < end:
        size = at + 4 + raw[at + 3]
        found.append(part_of(raw[at:size]))
        at = size
    return found


def part_of(entry: bytes) -> Part:
    """One field of an OXM list, its header included."""
    part = _known.get(entry)
    if part is None:
        part = _part(entry)
        if len(_known) < _KNOWN_MOST:
            _known[entry] = part
    return part


def texts_of(entries: Sequence[bytes]) -> list[str]:
    """How values of one field are written, headers included."""
    quick = _addresses.get(entries[0][:4])
    if quick is None:
        return [part_of(entry).text for entry in entries]
    # Addresses are what differs between thousands of flows: few of them are met again.
    _, field = quick
    return [f"{field.name}={inet_ntop(AF_INET, entry[4:])}" for entry in entries]


def forget() -> None:
    """Decode all anew from here on, as in a process that begins."""
    _known.clear()


def _part(entry: bytes) -> Part:
    quick = _addresses.get(entry[:4])
    if quick is not None:
        place, field = quick
        value = int.from_bytes(entry[4:])
        return Part(place, f"{field.name}={inet_ntop(AF_INET, entry[4:])}", value, None, field)
    field, masked, length = field_of(int.from_bytes(entry[:4]))
    body = entry[4 : 4 + length]
    # Experimenter fields carry the experimenter's number first (ONF: tcp_flags and the like).
    if entry[:2] == b"\xff\xff":
        return _experimenter(entry)
    half = length // 2 if masked else length
    value = int.from_bytes(body[:half])
    mask = int.from_bytes(body[half:]) if masked else None
    return Part(_PLACES.get(field.name, LAST), _text(field, value, mask), value, mask, field)


def _experimenter(entry: bytes) -> Part:
    known = {b"\x4f\x4e\x46\x00\x2a": Field("tcp_flags", "OXM_OF_TCP_FLAGS", 12, "tcp_flags")}
    masked = bool(entry[2] & 1)
    field = known.get(entry[4:8] + bytes([entry[2] >> 1]))
    body = entry[8:]
    half = len(body) // 2 if masked else len(body)
    value = int.from_bytes(body[:half])
    mask = int.from_bytes(body[half:]) if masked else None
    if field is None:
        field = Field(f"field_{entry[4:8].hex()}_{entry[2] >> 1}", "FIELD", half * 8, "hex")
    return Part(_PLACES.get(field.name, LAST), _text(field, value, mask), value, mask, field)


def _text(field: Field, value: int, mask: int | None) -> str:
    if field.form == "vlan":
        return _vlan(value, mask)
    if field.name == "dl_type" and mask is None and value in _TYPES:
        return _TYPES[value]
    if field.name == "ip_dscp":
        return f"nw_tos={value << 2}"
    return f"{field.name}={written(field, value, mask)}"


def _vlan(value: int, mask: int | None) -> str:
    if mask in (None, _FULL_VID) and value & _VLAN_PRESENT:
        return f"dl_vlan={value & ~_VLAN_PRESENT}"
    return f"vlan_tci={value:#06x}/{_FULL_VID if mask is None else mask:#06x}"
