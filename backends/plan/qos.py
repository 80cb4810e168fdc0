"""Quality of service: what holds for a port, and the meters that keep it. Pure.

A policy's limits are meters of the bridge (OpenFlow 1.3), on either datapath: a flow names the
meter, so a new rate changes the meter alone, and no flow.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from backends.drivers.ovs.facts import Meter
from backends.records.qos import QosRule
from backends.records.snapshot import Records
from backends.records.tables import Port

BANDWIDTH, DSCP = "bandwidth_limit", "dscp_marking"
# The ports that are the cloud's own: routers and DHCP servers are not slowed by a network's policy.
_TRUSTED = "network:"
# Numbers that every datapath has; Open vSwitch's own have some hundred thousand.
_MOST = 0xFFFF


class Shaping(NamedTuple):
    """What a port's flows do for it: the meters of what it sends and gets (0: none), and the mark.

    `dscp` is None where packets keep the mark that they have.
    """

    egress: int = 0
    ingress: int = 0
    dscp: int | None = None


PLAIN = Shaping()


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shaping of each port that has any, and the meters for all of it."""

    of: Mapping[str, Shaping]
    meters: Mapping[int, Meter]


def policy_of(port: Port, records: Records) -> str | None:
    """The id of the policy that holds for a port: its own, or its network's."""
    if port.qos_policy_id is not None:
        return port.qos_policy_id
    if port.device_owner.startswith(_TRUSTED):
        return None
    return records.networks[port.network_id].qos_policy_id


def shapes(ports: Iterable[Port], records: Records) -> Shapes:
    """The shaping of these ports."""
    if not records.qos_rules:
        return Shapes({}, {})
    ruled = {
        port.id: records.qos_rules.get(policy, ())
        for port in ports
        if (policy := policy_of(port, records)) is not None
    }
    limits = {
        f"{port_id} {rule.direction}": _meter(rule)
        for port_id, rules in ruled.items()
        for rule in rules
        if rule.type == BANDWIDTH
    }
    ids = numbers(limits)
    marks = {
        port_id: rule.dscp_mark
        for port_id, rules in ruled.items()
        for rule in rules
        if rule.type == DSCP
    }
    of = {
        port_id: Shaping(
            ids.get(f"{port_id} egress", 0), ids.get(f"{port_id} ingress", 0), marks.get(port_id)
        )
        for port_id in ruled
    }
    return Shapes(of, {ids[key]: meter for key, meter in limits.items()})


def numbers(keys: Iterable[str]) -> dict[str, int]:
    """A meter's number for each key: its checksum, or the next that is free."""
    ids: dict[str, int] = {}
    taken: set[int] = set()
    for key in sorted(keys):
        number = zlib.crc32(key.encode()) % _MOST + 1
        while number in taken:
            number = number % _MOST + 1
        taken.add(number)
        ids[key] = number
    return ids


def _meter(rule: QosRule) -> Meter:
    """Neutron's default burst is four fifths of the rate (its QoS guide, "Bandwidth limit")."""
    return Meter(rule.max_kbps, rule.max_burst_kbits or max(1, rule.max_kbps * 4 // 5))
