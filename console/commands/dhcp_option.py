"""DHCP options of ports, as they are typed and shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from console.commands.command import Argument, arg

if TYPE_CHECKING:
    from backends.services.dhcp_option import DhcpOption

# The value may hold commas, as a list of addresses does.
_WORDS = re.compile(
    r"name=(?P<name>[^,]+)(?:,value=(?P<value>.*?))?(?:,ip-version=(?P<version>[46]))?"
)


def option(
    help_: str = "what DHCP tells its guest beside the subnet's (repeat); no value: no more",
) -> Argument:
    """The argument that takes them."""
    return arg(
        "--extra-dhcp-option", dest="options", action="append", default=[],
        metavar="name=N[,value=V,ip-version=4|6]", help=help_,
    )  # fmt: skip


def parse(texts: list[str]) -> list[DhcpOption]:
    """The options that were typed. Raises Usage `usage`."""
    from backends.errors import Usage
    from backends.services.dhcp_option import DhcpOption

    found = []
    for text in texts:
        match = _WORDS.fullmatch(text)
        if match is None:
            raise Usage("usage", f"{text!r} is not name=...,value=...,ip-version=...")
        version = int(match["version"] or 4)
        found.append(DhcpOption(match["name"], match["value"] or "", version))
    return found


def gone(texts: list[str], recorded: list[dict[str, str]]) -> list[DhcpOption]:
    """Options to take away, by name: of both IP versions."""
    from backends.services.dhcp_option import DhcpOption

    return [
        DhcpOption(each["opt_name"], "", int(each["ip_version"]))
        for each in recorded
        if each["opt_name"] in texts
    ]
