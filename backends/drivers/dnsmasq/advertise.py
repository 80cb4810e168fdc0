"""Router advertisements: the driver of routers' dnsmasq processes."""

from __future__ import annotations

from pathlib import Path

from backends.drivers.dnsmasq.driver import DnsmasqDriver
from backends.drivers.dnsmasq.steps import Advertise, ServeDhcp, StopAdvertising
from backends.drivers.step import Progress, Step
from backends.settings import router_namespace


class AdvertisingDriver(DnsmasqDriver):
    """One dnsmasq for each router with IPv6 subnets, in the router's namespace."""

    handles: tuple[type, ...] = (Advertise, StopAdvertising)

    def apply(self, step: Step, progress: Progress) -> None:
        """Apply a step. Raises what DnsmasqDriver.apply raises."""
        match step:
            case Advertise(router_id, namespace, files):
                self._serve(ServeDhcp(router_id, namespace, files))
            case StopAdvertising(router_id):
                self._stop(router_id)
            case _:
                raise TypeError(f"not a step of router advertisements: {step!r}")

    def _folder(self, network_id: str) -> Path:
        return self._settings.advertisements(network_id)

    def _namespace(self, network_id: str) -> str:
        return router_namespace(network_id)
