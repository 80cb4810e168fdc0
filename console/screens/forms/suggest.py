"""What forms suggest, and the checks that several share."""

from __future__ import annotations

import asyncio
import ipaddress
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from textual.suggester import Suggester

from backends.cloud import Cloud
from backends.errors import Refused
from backends.services import addresses
from backends.services.base import good_name, good_properties, good_text
from backends.services.dhcp_option import DhcpOption, merged

# Looked through for completion in one folder, in entries.
_ENTRIES = 5000


def next_name(stem: str, taken: Collection[str]) -> str:
    """The first of `stem-1`, `stem-2`, ... that is not taken."""
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def qos_options(cloud: Cloud) -> list[tuple[str, str]]:
    """The QoS policies that the caller may use: names and ids."""
    return [(each.policy.name, each.policy.id) for each in cloud.qos.list()]


def free_range(taken: Iterable[str]) -> str:
    """The first of 10.0.0.0/24, 10.0.1.0/24, ... that overlaps none of these ranges."""
    used = [network for text in taken if (network := ipaddress.ip_network(text)).version == 4]
    for third in range(256 * 256):
        candidate = ipaddress.ip_network((10 << 24 | third << 8, 24))
        if not any(candidate.overlaps(network) for network in used):
            return str(candidate)
    return ""


def number(what: str, least: int, most: int) -> Callable[[str], int]:
    """A check for a whole number. Raises Refused `form.number`."""

    def check(text: str) -> int:
        refused = Refused("form.number", f"{what} is a number from {least} to {most}")
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
            raise refused
        if not least <= int(text) <= most:
            raise refused
        return int(text)

    return check


def description(text: str) -> str:
    """A check for a description."""
    return good_text(text, "description")


def project_name(text: str) -> str:
    """A check for a project's name."""
    return good_name(text, longest=64)


def addresses_listed(text: str) -> tuple[str, ...]:
    """Addresses with commas or spaces between them. Raises Refused `network.address.invalid`."""
    return tuple(str(addresses.parse_address(each)) for each in text.replace(",", " ").split())


def readable_file(text: str) -> Path:
    """A check for a file's path. Raises Refused `form.file`."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise Refused("form.file", f"no file {text!r}")
    return path


class PathSuggester(Suggester):
    """Completes a path by the first entry of its folder that begins so."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The path completed, a folder with its `/`; None where nothing begins so."""
        if not value.startswith(("/", "~", ".")):
            return None
        return await asyncio.to_thread(complete_path, value)


def complete_path(value: str) -> str | None:
    """The first entry, in the order of names, that a path's last part begins."""
    folder, slash, begun = value.rpartition("/")
    if not slash:
        return None
    found: list[str] = []
    try:
        for position, entry in enumerate(Path(folder + slash).expanduser().iterdir()):
            hidden = entry.name.startswith(".") and not begun.startswith(".")
            if position < _ENTRIES and entry.name.startswith(begun) and not hidden:
                found.append(f"{entry.name}/" if entry.is_dir() else entry.name)
    except OSError:
        # No such folder, or none that may be read: nothing to suggest.
        return None
    return f"{folder}/{min(found)}" if found else None


def properties_listed(text: str) -> dict[str, str]:
    """Properties as `name=value` with spaces between, quoted as a shell reads them.

    Raises Refused `form.properties`, `property.*`.
    """
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise Refused("form.properties", f"properties: {error}") from None
    wrong = [name for name, equals, _ in pairs if not (name and equals)]
    if wrong:
        raise Refused("form.properties", f"{wrong[0]!r} is no name=value")
    return good_properties({name: value for name, _, value in pairs})


def properties_shown(properties: Mapping[str, str]) -> str:
    """Properties as `properties_listed` reads them."""
    return " ".join(shlex.quote(f"{name}={value}") for name, value in properties.items())


def property_changes(before: str, changes: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What is to be set, and what unset, where the field `properties` was changed."""
    if "properties" not in changes:
        return {}, []
    wanted = properties_listed(changes["properties"])
    return wanted, [name for name in properties_listed(before) if name not in wanted]


def options_listed(text: str) -> list[DhcpOption]:
    """DHCP options as `name=value` with spaces between; `6:name=value` is one of IPv6.

    Raises Refused `port.dhcp_option.*`.
    """
    found = []
    for word in text.split():
        name, _, value = word.removeprefix("6:").partition("=")
        found.append(DhcpOption(name, value, 6 if word.startswith("6:") else 4))
    merged([], found)
    return found


def options_shown(recorded: Iterable[dict[str, str]]) -> str:
    """Recorded options as `options_listed` reads them."""
    words = (
        f"{'6:' if each['ip_version'] == '6' else ''}{each['opt_name']}={each['opt_value']}"
        for each in recorded
    )
    return " ".join(words)
