"""Addresses that a port may have beside its own (Neutron's allowed address pairs)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from backends.errors import Refused

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_MOST = 10


@dataclass(frozen=True, slots=True)
class AddressPair:
    """An address or prefix, and the MAC it is used with; the port's own where that is empty."""

    address: str
    mac: str = ""


def parse(pairs: Sequence[AddressPair]) -> list[dict[str, str]]:
    """The pairs as they are recorded, each once. Raises Refused `port.allowed_address.invalid`."""
    if len(pairs) > _MOST:
        raise Refused(
            "port.allowed_address.invalid", f"a port has at most {_MOST} allowed addresses"
        )
    found = [
        {"ip_address": _address(each.address), "mac_address": _mac(each.mac)} for each in pairs
    ]
    return [each for index, each in enumerate(found) if each not in found[:index]]


def _address(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Refused("port.allowed_address.invalid", f"no address or prefix: {text!r}") from None
    if network.is_multicast or (network.is_unspecified and network.num_addresses == 1):
        raise Refused("port.allowed_address.invalid", f"nobody can have {network}")
    return str(network) if network.num_addresses > 1 else str(network.network_address)


def _mac(text: str) -> str:
    mac = text.lower()
    # The lowest bit of the first byte marks a group address (IEEE 802), which no port can have.
    if mac and (not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1):
        raise Refused("port.allowed_address.invalid", f"no MAC address for a port: {text!r}")
    return mac
