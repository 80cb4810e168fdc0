"""dnsmasq's lease file, read and shortened. Pure.

A line is `expiry identity address hostname client-id`; for IPv4 the identity is the MAC. After a
line `duid ...` come the IPv6 leases, whose last word is the client's DUID (RFC 8415, 11).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from backends.drivers.dnsmasq.facts import Lease

# DUID type (hexadecimal, as dnsmasq prints it) and the place of its MAC: DUID-LLT, DUID-LL.
_DUID_MAC = {"00:01:00:01": 8, "00:03:00:01": 4}
_MAC_BYTES = 6


def parse(text: str) -> list[Lease]:
    """The leases; `mac` is empty for an IPv6 lease whose DUID names none."""
    return [lease for _, lease in _lines(text) if lease is not None]


def keep(text: str, leasable: Collection[tuple[str, str]]) -> str:
    """The lease file without the leases whose MAC and address are not in `leasable`."""
    kept = [line for line, lease in _lines(text) if lease is None or not gone(lease, leasable)]
    return "".join(f"{line}\n" for line in kept)


def gone(lease: Lease, leasable: Collection[tuple[str, str]]) -> bool:
    """Whether a lease is no longer wanted; where its MAC is unknown the address decides."""
    if lease.mac:
        return (lease.mac, lease.address) not in leasable
    return all(lease.address != address for _, address in leasable)


def _lines(text: str) -> Iterator[tuple[str, Lease | None]]:
    """Each line, with the lease it holds."""
    for line in text.splitlines():
        words = line.split()
        if len(words) != 5 or not words[0].isdigit():
            yield line, None
            continue
        expires, identity, address, hostname, client = words
        mac = _duid_mac(client) if ":" in address else identity
        name = "" if hostname == "*" else hostname
        yield line, Lease(float(expires), mac, address, name)


def _duid_mac(duid: str) -> str:
    octets = duid.split(":")
    start = _DUID_MAC.get(":".join(octets[:4]))
    return ":".join(octets[start : start + _MAC_BYTES]) if start else ""
