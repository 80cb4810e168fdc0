"""Frames by hand, as a guest that lies would send them."""

from __future__ import annotations

import ipaddress
import struct

EVERYBODY = "ff:ff:ff:ff:ff:ff"
ALL_NODES = "33:33:00:00:00:01"
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def ethernet(source: str, target: str, kind: int, payload: bytes, *, vlan: int = 0) -> bytes:
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    return mac(target) + mac(source) + tag + struct.pack("!H", kind) + payload


def arp(source: str, target: str, sender: tuple[str, str], asked: str, *, answer: bool) -> bytes:
    head = struct.pack("!HHBBH", 1, IPV4, 6, 4, 2 if answer else 1)
    known = mac(target) if answer else bytes(6)
    body = head + mac(sender[0]) + packed(sender[1]) + known + packed(asked)
    return ethernet(source, target, ARP, body)


def udp(
    source: tuple[str, str, int], target: tuple[str, str, int], data: bytes, *, vlan: int = 0
) -> bytes:
    """(MAC, address, port) to (MAC, address, port), over IPv4 or IPv6."""
    length = 8 + len(data)
    body = struct.pack("!HHHH", source[2], target[2], length, 0) + data
    if ":" in source[1]:
        total = _checksum(_pseudo(source[1], target[1], 17, body) + body)
        body = body[:6] + struct.pack("!H", total) + body[8:]
    return ethernet(source[0], target[0], *_ip(source[1], target[1], 17, body), vlan=vlan)


def icmp6(source: tuple[str, str], target: tuple[str, str], body: bytes) -> bytes:
    """A message of ICMPv6, its checksum put in."""
    total = _checksum(_pseudo(source[1], target[1], 58, body) + body)
    body = body[:2] + struct.pack("!H", total) + body[4:]
    return ethernet(source[0], target[0], *_ip(source[1], target[1], 58, body))


def advertisement(asked: str, link: str) -> bytes:
    """Neighbour advertisement (RFC 4861, 4.4) with the target's link-layer address."""
    return struct.pack("!BBHI", 136, 0, 0, 0x20000000) + packed(asked) + b"\x02\x01" + mac(link)


def router() -> bytes:
    """Router advertisement (RFC 4861, 4.2)."""
    return struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)


def _ip(source: str, target: str, protocol: int, body: bytes) -> tuple[int, bytes]:
    if ":" in source:
        head = struct.pack("!IHBB", 0x60000000, len(body), protocol, 255)
        return IPV6, head + packed(source) + packed(target) + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0)
    head += packed(source) + packed(target)
    return IPV4, head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + body


def _pseudo(source: str, target: str, protocol: int, body: bytes) -> bytes:
    return packed(source) + packed(target) + struct.pack("!IHBB", len(body), 0, 0, protocol)


def _checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF
