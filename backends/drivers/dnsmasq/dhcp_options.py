"""The DHCP options that a port can be given, by dnsmasq's names for them (`dnsmasq --help dhcp`).

What a client alone says (its architecture, its class) is not among them. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# What no line of a file of options can hold: it would be read as quote, escape, comment or list.
_TEXT = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_SPECIAL = re.compile(r'["\\#,]')
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MOST = 255  # bytes of a DHCPv4 option (RFC 2132)
_CODES = frozenset(map(str, range(1, 255)))


def _text(value: str, version: int) -> bool:
    return bool(_TEXT.fullmatch(value)) and not _SPECIAL.search(value) and len(value) <= _MOST


def _addresses(value: str, version: int) -> bool:
    parts = value.split(",")
    return len(parts) * (4 if version == 4 else 16) <= _MOST and all(
        _is_address(part, version) for part in parts
    )


def _address(value: str, version: int) -> bool:
    return _is_address(value, version)


def _names(value: str, version: int) -> bool:
    names = value.split(",")
    whole = len(value) <= _MOST
    return whole and all(_NAME.fullmatch(part) for name in names for part in name.split("."))


def _routes(value: str, version: int) -> bool:
    """Destination and next hop in turn (RFC 3442)."""
    parts = value.split(",")
    if len(parts) % 2 or len(value) > _MOST:
        return False
    try:
        destinations = [ip_network(part) for part in parts[::2]]
    except ValueError:
        return False
    hops = all(_is_address(part, 4) for part in parts[1::2])
    return hops and all(each.version == 4 for each in destinations)


def _number(least: int, most: int) -> Callable[[str, int], bool]:
    def check(value: str, version: int) -> bool:
        return bool(re.fullmatch(r"-?[0-9]{1,10}", value)) and least <= int(value) <= most

    return check


_FLAG, _BYTE = _number(0, 1), _number(0, 255)
_SHORT, _LONG = _number(0, 0xFFFF), _number(0, 0xFFFFFFFF)
_ONE = {
    "netmask": _address,
    "time-offset": _number(-(1 << 31), (1 << 31) - 1),
    "boot-file-size": _SHORT,
    "domain-name": _text,
    "root-path": _text,
    "extension-path": _text,
    "ip-forward-enable": _FLAG,
    "non-local-source-routing": _FLAG,
    "max-datagram-reassembly": _SHORT,
    "default-ttl": _BYTE,
    "mtu": _number(68, 0xFFFF),
    "all-subnets-local": _FLAG,
    "router-discovery": _FLAG,
    "router-solicitation": _address,
    "trailer-encapsulation": _FLAG,
    "arp-timeout": _LONG,
    "ethernet-encap": _FLAG,
    "tcp-ttl": _BYTE,
    "tcp-keepalive": _LONG,
    "nis-domain": _text,
    "netbios-nodetype": _BYTE,
    "netbios-scope": _text,
    "T1": _LONG,
    "T2": _LONG,
    "vendor-class": _text,
    "nis+-domain": _text,
    "tftp-server": _text,
    "bootfile-name": _text,
    "posix-timezone": _text,
    "tzdb-timezone": _text,
    "ipv6-only": _LONG,
    "domain-search": _names,
    "classless-static-route": _routes,
    "server-ip-address": _address,
}
_MANY = (
    "router", "dns-server", "log-server", "lpr-server", "swap-server", "policy-filter",
    "static-route", "nis-server", "ntp-server", "netbios-ns", "netbios-dd", "x-windows-fs",
    "x-windows-dm", "nis+-server", "mobile-ip-home", "smtp-server", "pop3-server", "nntp-server",
    "irc-server", "tftp-server-address",
)  # fmt: skip
_MANY6 = ("sip-server", "dns-server", "nis-server", "nis+-server", "sntp-server", "ntp-server")
_ONE6 = {
    "sip-server-domain": _names,
    "domain-search": _names,
    "nis-domain": _names,
    "nis+-domain": _names,
    "information-refresh-time": _LONG,
    "posix-timezone": _text,
    "tzdb-timezone": _text,
    "bootfile-url": _text,
    "bootfile-param": _text,
}
TABLE: dict[int, dict[str, Callable[[str, int], bool]]] = {
    4: {**_ONE, **dict.fromkeys(_MANY, _addresses)},
    6: {**_ONE6, **dict.fromkeys(_MANY6, _addresses)},
}


def is_known(name: str, version: int) -> bool:
    """Whether it is an option's name, or (for IPv4) a code of 1 to 254."""
    return name in TABLE[version] or (version == 4 and name in _CODES)


def is_valid(name: str, value: str, version: int) -> bool:
    """Whether a known option can have the value."""
    return TABLE[version].get(name, _text)(value, version)


def line(tag: str, name: str, value: str, version: int) -> str:
    """The line of dnsmasq's file of options: for those who have the tag, and for no others."""
    if version == 4:
        return f"tag:{tag},{name if name in _CODES else f'option:{name}'},{value}"
    if TABLE[6].get(name) is _addresses:
        value = ",".join(f"[{each}]" for each in value.split(","))
    return f"tag:{tag},option6:{name},{value}"


def _is_address(text: str, version: int) -> bool:
    try:
        found: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return False
    return found.version == version and "%" not in text
