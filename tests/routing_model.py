"""What routing's steps do to the facts: the part of the machine model that is about routers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from backends.drivers.conntrack.steps import CutConnections
from backends.drivers.dnsmasq.facts import Dhcp
from backends.drivers.dnsmasq.steps import Advertise, StopAdvertising, digest
from backends.drivers.metadata.facts import MetadataServer
from backends.drivers.metadata.steps import (
    ForgetGuests,
    ServeMetadata,
    StopMetadata,
    TellGuests,
)
from backends.drivers.metadata.steps import digest as guests_digest
from backends.drivers.namespaces.facts import Interface, Namespace
from backends.drivers.namespaces.steps import SetInterface, SetRoutes, SetSysctls
from backends.drivers.nftables.facts import Rules
from backends.drivers.nftables.listing import read, script, seal
from backends.drivers.nftables.steps import ForgetWithdrawn, RemoveRules, WriteRules
from backends.drivers.step import Step


@dataclass
class RoutingModel:
    """Namespaces with what is in them, nftables' tables, router advertisements."""

    namespaces: dict[str, Namespace] = field(default_factory=dict)
    host: Namespace = field(default_factory=lambda: Namespace(""))
    rules: dict[str, Rules] = field(default_factory=dict)
    advertising: dict[str, Dhcp] = field(default_factory=dict)
    metadata: dict[str, MetadataServer] = field(default_factory=dict)
    # What was cut, in order: (namespace, pairs).
    cut: list[CutConnections] = field(default_factory=list)

    def apply(self, step: Step) -> bool:
        """Do the step, if it is one of routing."""
        match step:
            case SetInterface(name, interface, mac, mtu, addresses):
                self._set(name, Interface(interface, mac, mtu, True, addresses))
            case SetRoutes(name, routes):
                self.namespaces[name] = replace(self.namespaces[name], routes=routes)
            case SetSysctls("", values):
                self.host = replace(self.host, sysctls=dict(values))
            case SetSysctls(name, values):
                self.namespaces[name] = replace(self.namespaces[name], sysctls=dict(values))
            case WriteRules(name):
                # As nft lists what it was given: each line of the table, without its end of line.
                listing = script(step).split("\n", 2)[2]
                chain = seal(step, listing).removeprefix(
                    f"add chain {step.family} {step.table} seal {{ "
                )
                comment = chain.removesuffix("; }\n")
                body = listing.removesuffix("}\n")
                self.rules[name] = read(f"{body}\tchain seal {{\n\t\t{comment}\n\t}}\n}}\n")
                self.rules[name] = replace(self.rules[name], withdrawn=frozenset(step.withdrawn))
            case ForgetWithdrawn(name):
                self.rules[name] = replace(self.rules[name], withdrawn=frozenset())
            case RemoveRules(name):
                self.rules.pop(name, None)
            case CutConnections():
                self.cut.append(step)
            case Advertise(router_id, _, files):
                self.advertising[router_id] = Dhcp(router_id, digest(files), digest(files), 4712)
            case StopAdvertising(router_id):
                self.advertising.pop(router_id, None)
            case ServeMetadata() | StopMetadata() | TellGuests() | ForgetGuests():
                self._metadata(step)
            case _:
                return False
        return True

    def _metadata(self, step: ServeMetadata | StopMetadata | TellGuests | ForgetGuests) -> None:
        known = self.metadata.get(step.namespace, MetadataServer(step.namespace))
        match step:
            case StopMetadata(name):
                self.metadata.pop(name, None)
                return
            case ServeMetadata(_, version):
                known = replace(known, pid=4713, version=version)
            case TellGuests(_, interface, content):
                guests = {**known.guests, interface: guests_digest(content)}
                known = replace(known, guests=guests)
            case ForgetGuests(_, interface):
                guests = {key: each for key, each in known.guests.items() if key != interface}
                known = replace(known, guests=guests)
        self.metadata[step.namespace] = known

    def unplug(self, interface: str) -> None:
        """An internal port that goes takes its interface along, wherever it is."""
        for name, found in self.namespaces.items():
            left = tuple(each for each in found.interfaces if each.name != interface)
            self.namespaces[name] = replace(found, interfaces=left)

    def _set(self, name: str, interface: Interface) -> None:
        home = self.namespaces[name] if name else self.host
        others = [each for each in home.interfaces if each.name != interface.name]
        home = replace(home, interfaces=(*others, interface))
        if name:
            self.namespaces[name] = home
        else:
            self.host = home
