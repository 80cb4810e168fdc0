"""Meters of a bridge: read by OpenFlow 1.4 (TS-020, 7.3.5.13), written by ovs-ofctl(8)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from backends.drivers.ovs.facts import Meter
from backends.drivers.ovs.ofctl import run_ofctl, said
from backends.drivers.ovs.openflow import multipart
from backends.errors import MachineFailed
from backends.hosts import Host
from backends.settings import OVS_RUN

_STATS, _CONFIG = 9, 10
_ALL = struct.pack(">I4x", 0xFFFFFFFF)


class MeterCounts(NamedTuple):
    """What came to a meter, and what of it was dropped, since it was made."""

    packets: int
    octets: int
    dropped_packets: int
    dropped_octets: int


def read_meters(bridge: str, run: Path = OVS_RUN) -> dict[int, Meter]:
    """The meters by number. Raises MachineFailed `ovs.switch.unreachable`."""
    found: dict[int, Meter] = {}
    for raw in multipart(bridge, _CONFIG, _ALL, run):
        at = 0
        while at < len(raw):
            length, _flags, number = struct.unpack_from(">HHI", raw, at)
            # A meter of ours has one band: drop (type 1) above a rate, with a burst.
            rate, burst = struct.unpack_from(">4xII", raw, at + 8) if length > 8 else (0, 0)
            found[number] = Meter(rate, burst)
            at += length
    return found


def read_meter_counts(bridge: str, run: Path = OVS_RUN) -> dict[int, MeterCounts]:
    """What each meter has counted. Raises MachineFailed `ovs.switch.unreachable`."""
    found: dict[int, MeterCounts] = {}
    for raw in multipart(bridge, _STATS, _ALL, run):
        at = 0
        while at < len(raw):
            number, length, packets, octets = struct.unpack_from(">IH6x4xQQ", raw, at)
            dropped = struct.unpack_from(">QQ", raw, at + 40) if length > 40 else (0, 0)
            found[number] = MeterCounts(packets, octets, *dropped)
            at += length
    return found


def write_meters(host: Host, bridge: str, wanted: Mapping[int, Meter], run: Path = OVS_RUN) -> None:
    """Make these meters or change them; flows that use one stay. Raises `ovs.meters.refused`."""
    known = read_meters(bridge, run)
    for number, meter in sorted(wanted.items()):
        if known.get(number) != meter:
            verb = "mod-meter" if number in known else "add-meter"
            band = f"band=type=drop,rate={meter.rate},burst_size={meter.burst}"
            _tell(host, verb, bridge, f"meter={number},kbps,burst,stats,{band}", run)


def remove_meters(host: Host, bridge: str, numbers: Iterable[int], run: Path = OVS_RUN) -> None:
    """Take these meters away; flows that still used one would go too."""
    known = read_meters(bridge, run)
    for number in sorted(numbers):
        if number in known:
            _tell(host, "del-meter", bridge, f"meter={number}", run)


def _tell(host: Host, verb: str, bridge: str, words: str, run: Path) -> None:
    done = run_ofctl(host, run, bridge, (verb,), words)
    if done.status != 0:
        raise MachineFailed(
            "ovs.meters.refused",
            f"{bridge} refused a bandwidth limit: {said(done)}; its datapath may have no meters",
        )
