"""What can be changed of a host."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from backends.cloud import Cloud
from console.screens.forms.edit import Changes, EditForm
from console.widgets.fields import Loaded, Text


class HostEdit(EditForm):
    """By which address other hosts reach it; an empty one ends its tunnels."""

    heading = "Change host"
    fields = (
        Text("address", "Tunnel address", lambda text: _address(text), optional=True,
             hint="an address of the host; empty: no tunnels"),
    )  # fmt: skip

    def begin(self) -> dict[str, Loaded]:
        return {"address": Loaded(self.cloud.hosts.show(self.subject).row.tunnel_address)}

    def change(self, changes: Changes) -> Callable[[Cloud], object]:
        name = self.subject
        return lambda cloud: cloud.hosts.set(name, tunnel_address=changes["address"])


def _address(text: str) -> str:
    """Raises Refused `network.address.invalid`."""
    from backends.services.addresses import parse_address

    return str(ipaddress.ip_address(str(parse_address(text))))
