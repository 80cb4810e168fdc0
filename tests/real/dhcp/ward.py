"""A cloud whose networks have a router, and namespaces that ask DHCP what they are."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen

from backends.cloud import Cloud
from backends.records.network import Port
from backends.records.unit import Kind, Unit
from tests.real.lab import Lab, run
from tests.real.stand_in import StandIn, plug

_SAYS = "#!/bin/sh\nenv | grep -E '^(reason|new_|ip|dns|mtu|ntpsrv|tftp|domain|hostname|search)'\n"


@dataclass
class Client:
    """A namespace on a port, without any address but what it is told or makes itself."""

    lab: Lab
    port: Port
    addresses: dict[int, str]
    body: StandIn

    def asks4(self, *options: str) -> dict[str, str]:
        """What busybox's DHCP client is told."""
        wanted = [word for name in options for word in ("-O", name)]
        argv = ("busybox", "udhcpc", "-f", "-q", "-n", "-t", "5", "-T", "1", *wanted)
        script = f'{_SAYS.splitlines()[0]}\n[ "$1" = bound ] && env\nexit 0\n'
        said = self._with_script(script, *argv, "-i", self.body.interface, "-s")
        return dict(line.partition("=")[::2] for line in said.splitlines() if "=" in line)

    def asks6(self, *flags: str) -> dict[str, str]:
        """What ISC's DHCPv6 client is told (`-S` for options alone)."""
        folder = self.lab.state
        files = ("-lf", f"{folder}/leases6", "-pf", f"{folder}/pid6", "-cf", "/dev/null")
        script = f"#!/bin/sh\nenv | grep ^new_ >>{folder}/told6\nexit 0\n"
        argv = ("timeout", "20", "dhclient", "-6", "-1", "-d", "-D", "LL", *flags, *files)
        told = Path(f"{folder}/told6")
        told.write_text("")
        path = self._script(script)
        ends = ("sh", "-c", 'until grep -q = "$0"; do sleep 0.1; done', str(told))
        # It stays to renew what it got: it is ended as soon as it was told.
        inside = ("ip", "netns", "exec", self.body.name)
        client = Popen(
            [*inside, *argv, "-sf", str(path), self.body.interface], stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            run("timeout", "15", *ends, check=False)
        finally:
            client.terminate()
            client.wait()
        said = told.read_text()
        for each in (told, path, Path(f"{folder}/leases6"), Path(f"{folder}/pid6")):
            each.unlink(missing_ok=True)
        return dict(line.partition("=")[::2] for line in said.splitlines())

    def own(self) -> set[str]:
        """The global IPv6 addresses that it has."""
        said = self.body.ip("-6", "-o", "address", "show", "scope", "global")
        return {line.split()[3].partition("/")[0] for line in said.splitlines()}

    def bounce(self) -> None:
        """Take its link down and up: it asks for routers anew."""
        self.body.ip("link", "set", self.body.interface, "down")
        self.body.ip("link", "set", self.body.interface, "up")

    def looks_up(self, name: str, server: str) -> str:
        return self.body.run("busybox", "nslookup", name, server, check=False)

    def _with_script(self, text: str, *argv: str) -> str:
        path = self._script(text)
        try:
            return self.body.run(*argv, str(path), check=False)
        finally:
            path.unlink()

    def _script(self, text: str) -> Path:
        path = self.lab.state / "script"
        path.write_text(text)
        path.chmod(0o755)
        return path


class Ward:
    """Nothing of it is left after `close`."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.lab.start()
        self.token = secrets.token_hex(2)
        self.bodies: list[StandIn] = []

    @property
    def cloud(self) -> Cloud:
        return self.lab.cloud

    def client(self, port: Port) -> Client:
        """A namespace on the port, from which its addresses are taken again."""
        body = plug(self.cloud, port.id, f"w{self.token}-{len(self.bodies)}")
        self.bodies.append(body)
        body.ip("address", "flush", "dev", body.interface, "scope", "global")
        units = [
            Unit(Kind.NETWORK, port.network_id),
            Unit(Kind.FIREWALL, self.lab.cloud.settings.host),
        ]
        self.cloud.context.converge("test", units)
        found = self.cloud.ports.show(port.id).addresses
        addresses = {6 if ":" in each else 4: each for _, each in found}
        return Client(self.lab, port, addresses, body)

    def close(self) -> None:
        for each in self.bodies:
            each.close()
        self.lab.close()
