"""What flows do: instructions and actions off the wire, in ovs-ofctl's words (ovs-actions(7))."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address

from backends.drivers.ovs.fields import field_of, hexadecimal, port_name, written

_GOTO, _METADATA, _WRITE, _APPLY, _CLEAR, _METER = range(1, 7)
_NICIRA = 0x2320
_NO_TABLE = 0xFF
_RESUBMIT = 1
_NAT_WAYS = ((4, "persistent"), (8, "hash"), (16, "random"))
_IN_PORT = 0xFFF8

_known: dict[bytes, str] = {}
_KNOWN_MOST = 100_000


def text_of(raw: bytes) -> str:
    """Instructions as text; `drop` where there are none."""
    text = _known.get(raw)
    if text is None:
        text = ",".join(_instructions(raw)) or "drop"
        if len(_known) < _KNOWN_MOST:
            _known[raw] = text
    return text


def _instructions(raw: bytes) -> Iterator[str]:
    at = 0
    while at + 8 <= len(raw):
        kind, length = struct.unpack_from(">HH", raw, at)
        body = raw[at + 4 : at + length]
        match kind:
            case 1:
                yield f"goto_table:{body[0]}"
            case 2:
                value, mask = struct.unpack_from(">QQ", body, 4)
                yield f"write_metadata:{value:#x}" + (f"/{mask:#x}" if mask + 1 >> 64 == 0 else "")
            case 3:
                yield f"write_actions({','.join(actions(body[4:]))})"
            case 4:
                yield from actions(body[4:])
            case 5:
                yield "clear_actions"
            case 6:
                yield f"meter:{int.from_bytes(body[:4])}"
            case _:
                yield f"instruction_{kind}"
        at += max(8, length)


def actions(raw: bytes) -> Iterator[str]:
    """A list of actions."""
    at = 0
    while at + 4 <= len(raw):
        kind, length = struct.unpack_from(">HH", raw, at)
        yield _action(kind, raw[at : at + length])
        at += max(8, length)


def _action(kind: int, raw: bytes) -> str:
    match kind:
        case 0:
            port, most = struct.unpack_from(">IH", raw, 4)
            name = port_name(port)
            if name == "CONTROLLER":
                return f"CONTROLLER:{most}"
            return name if name.isalpha() or "_" in name else f"output:{name}"
        case 17:
            return f"push_vlan:{int.from_bytes(raw[4:6]):#06x}"
        case 18:
            return "pop_vlan"
        case 21:
            return f"set_queue:{int.from_bytes(raw[4:8])}"
        case 22:
            return f"group:{int.from_bytes(raw[4:8])}"
        case 23:
            return f"mod_nw_ttl:{raw[4]}"
        case 24:
            return "dec_ttl"
        case 25:
            return _set_field(raw[4:])
        case 0xFFFF if int.from_bytes(raw[4:8]) == _NICIRA:
            return _nicira(int.from_bytes(raw[8:10]), raw)
        case _:
            return f"action_{kind}"


def _set_field(raw: bytes) -> str:
    field, masked, length = field_of(int.from_bytes(raw[:4]))
    half = length // 2 if masked else length
    value = int.from_bytes(raw[4 : 4 + half])
    mask = int.from_bytes(raw[4 + half : 4 + length]) if masked else None
    name = "vlan_vid" if field.name == "dl_vlan" else _SET_NAMES.get(field.name, field.name)
    return f"set_field:{written(field, value, mask)}->{name}"


# Where a match uses the short old name, set_field has the long one.
_SET_NAMES = {
    "dl_dst": "eth_dst",
    "dl_src": "eth_src",
    "nw_src": "ip_src",
    "nw_dst": "ip_dst",
    "dl_vlan_pcp": "vlan_pcp",
}


def _nicira(subtype: int, raw: bytes) -> str:
    handler = _HANDLERS.get(subtype)
    return handler(raw) if handler else f"nicira_{subtype}"


def _resubmit(raw: bytes) -> str:
    port, table = struct.unpack_from(">HB", raw, 10)
    if table == _NO_TABLE or int.from_bytes(raw[8:10]) == _RESUBMIT:
        return f"resubmit:{port_name(port)}"
    return f"resubmit({'' if port == _IN_PORT else port_name(port)},{table})"


def _move(raw: bytes) -> str:
    bits, source_at, target_at, source, target = struct.unpack_from(">HHHII", raw, 10)
    return f"move:{_part(source, source_at, bits)}->{_part(target, target_at, bits)}"


def _load(raw: bytes) -> str:
    place, target, value = struct.unpack_from(">HIQ", raw, 10)
    return f"load:{hexadecimal(value)}->{_part(target, place >> 6, (place & 63) + 1)}"


def _output_register(raw: bytes) -> str:
    place, source = struct.unpack_from(">HI", raw, 10)
    return f"output:{_part(source, place >> 6, (place & 63) + 1)}"


def _conjunction(raw: bytes) -> str:
    clause, count, number = struct.unpack_from(">BBI", raw, 10)
    return f"conjunction({number},{clause + 1}/{count})"


def _track(raw: bytes) -> str:
    flags, zone_source, zone, table, helper = struct.unpack_from(">HIHB3xH", raw, 10)
    words = []
    if flags & 1:
        words.append("commit")
    if flags & 2:
        words.append("force")
    if table != _NO_TABLE:
        words.append(f"table={table}")
    if zone_source:
        words.append(f"zone={_part(zone_source, zone >> 6, (zone & 63) + 1)}")
    elif zone:
        words.append(f"zone={zone}")
    inner = list(actions(raw[24:]))
    words += [each for each in inner if each.startswith("nat")]
    done = [each for each in inner if not each.startswith("nat")]
    if done:
        words.append(f"exec({','.join(done)})")
    if helper:
        words.append(f"alg={ {21: 'ftp', 69: 'tftp'}.get(helper, helper) }")
    return f"ct({','.join(words)})" if words else "ct"


def _nat(raw: bytes) -> str:
    flags, present = struct.unpack_from(">HH", raw, 12)
    if not flags & 3:
        return "nat"
    at, ends = 16, []
    for bit, size in ((0, 4), (1, 4), (2, 16), (3, 16), (4, 2), (5, 2)):
        value = b""
        if present >> bit & 1:
            value = raw[at : at + size]
            at += size
        ends.append(value)
    with_ports = bool(ends[4])
    text = _range(ends[0], ends[1], lambda raw: str(IPv4Address(raw)))
    text += _range(ends[2], ends[3], lambda raw: _ipv6(raw, brackets=with_ports))
    ports = _range(ends[4], ends[5], lambda raw: str(int.from_bytes(raw)))
    how = "".join(f",{name}" for bit, name in _NAT_WAYS if flags & bit)
    return f"nat({'src' if flags & 1 else 'dst'}={text}{':' + ports if ports else ''}{how})"


def _ipv6(raw: bytes, *, brackets: bool) -> str:
    return f"[{IPv6Address(raw)}]" if brackets else str(IPv6Address(raw))


def _range(low: bytes, high: bytes, show: Callable[[bytes], str]) -> str:
    if not low:
        return ""
    return f"{show(low)}-{show(high)}" if high else show(low)


def _controller(raw: bytes) -> str:
    return f"CONTROLLER:{int.from_bytes(raw[10:12])}"


def _learn(raw: bytes) -> str:
    idle, hard, priority, cookie, _flags, table = struct.unpack_from(">HHHQHB", raw, 10)
    words = [f"table={table}"]
    words += [f"idle_timeout={idle}"] if idle else []
    words += [f"hard_timeout={hard}"] if hard else []
    words += [f"priority={priority}"] if priority != 0x8000 else []
    words += [f"cookie={cookie:#x}"] if cookie else []
    return f"learn({','.join([*words, *_specs(raw[32:])])})"


def _specs(raw: bytes) -> Iterator[str]:
    """What a learned flow matches and does (nicira-ext.h, "flow_mod_spec")."""
    at = 0
    while at + 2 <= len(raw):
        header = int.from_bytes(raw[at : at + 2])
        if not header:
            return
        at += 2
        bits, kind, literal = header & 0x7FF, header >> 11 & 3, header >> 13 & 1
        if literal:
            size = (bits + 15) // 16 * 2
            source = hexadecimal(int.from_bytes(raw[at : at + size]))
            at += size
        else:
            field, offset = struct.unpack_from(">IH", raw, at)
            source = _part(field, offset, bits)
            at += 6
        if kind == 2:
            yield f"output:{source}"
            continue
        field, offset = struct.unpack_from(">IH", raw, at)
        at += 6
        target = _part(field, offset, bits)
        if kind == 1:
            yield f"load:{source}->{target}"
        else:
            yield target if source == target else f"{target}={source}"


def _part(header: int, offset: int, bits: int) -> str:
    field, _, _ = field_of(header)
    if offset == 0 and bits >= field.bits:
        return f"{field.symbol}[]"
    last = offset + bits - 1
    return f"{field.symbol}[{offset}]" if bits == 1 else f"{field.symbol}[{offset}..{last}]"


_HANDLERS: dict[int, Callable[[bytes], str]] = {
    _RESUBMIT: _resubmit,
    6: _move,
    7: _load,
    8: lambda raw: f"note:{'.'.join(f'{each:02x}' for each in raw[10:])}",
    14: _resubmit,
    15: _output_register,
    16: _learn,
    17: lambda raw: "exit",
    18: lambda raw: "dec_ttl",
    20: _controller,
    33: lambda raw: _set_field(raw[16:]),
    34: _conjunction,
    35: _track,
    36: _nat,
    42: lambda raw: f"clone({','.join(actions(raw[16:]))})",
    43: lambda raw: "ct_clear",
    44: lambda raw: _resubmit(raw)[:-1] + ",ct)",
}
