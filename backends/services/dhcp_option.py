"""What DHCP tells one port's guest besides what its subnet tells all (Neutron's extra options)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from backends.drivers.dnsmasq.dhcp_options import TABLE, is_known, is_valid
from backends.errors import Refused

_MOST = 20


@dataclass(frozen=True, slots=True)
class DhcpOption:
    """An option by dnsmasq's name or by its number; an empty value takes it away."""

    name: str
    value: str = ""
    ip_version: int = 4


def merged(recorded: Sequence[dict[str, str]], given: Sequence[DhcpOption]) -> list[dict[str, str]]:
    """The recorded options as the given ones change them.

    Raises Refused `port.dhcp_option.unknown`, `port.dhcp_option.invalid`.
    """
    found = {(each["opt_name"], each["ip_version"]): each["opt_value"] for each in recorded}
    for option in given:
        _check(option)
        key = option.name, str(option.ip_version)
        found.pop(key, None)
        if option.value:
            found[key] = option.value
    if len(found) > _MOST:
        raise Refused("port.dhcp_option.invalid", f"a port has at most {_MOST} DHCP options")
    return [
        {"opt_name": name, "opt_value": value, "ip_version": version}
        for (name, version), value in found.items()
    ]


def _check(option: DhcpOption) -> None:
    version = option.ip_version
    if version not in TABLE:
        raise Refused("port.dhcp_option.invalid", f"no IP version: {version}")
    if not is_known(option.name, version):
        close = get_close_matches(option.name, TABLE[version], 3)
        hint = f"did you mean {' or '.join(close)}?" if close else "see `dnsmasq --help dhcp`"
        raise Refused(
            "port.dhcp_option.unknown", f"no DHCP option of IPv{version}: {option.name!r}; {hint}"
        )
    if option.value and not is_valid(option.name, option.value, version):
        raise Refused(
            "port.dhcp_option.invalid",
            f"option {option.name} of IPv{version} cannot have the value {option.value!r}",
        )
