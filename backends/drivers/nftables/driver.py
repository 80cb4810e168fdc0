"""Applies the steps of nftables and reads its facts, by nft(8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from backends.drivers.namespaces.driver import inside, is_ours
from backends.drivers.nftables.facts import Rules
from backends.drivers.nftables.listing import WITHDRAWN, read, script, seal
from backends.drivers.nftables.steps import (
    HOST_FAMILY,
    ROUTER_FAMILY,
    ROUTER_TABLE,
    ForgetWithdrawn,
    RemoveRules,
    WriteRules,
)
from backends.drivers.step import Progress, Step
from backends.errors import MachineFailed, Refused
from backends.hosts import Host
from backends.settings import Settings

# Looks at once: each is a process that does little but start.
_LOOKS = 4


class NftablesDriver:
    """The cloud's table on the host, and the tables of its routers. No other table is touched."""

    handles: tuple[type, ...] = (WriteRules, ForgetWithdrawn, RemoveRules)

    def __init__(self, settings: Settings, host: Host) -> None:
        self._settings = settings
        self._host = host

    def facts(self, namespaces: Collection[str], *, host: bool = False) -> Mapping[str, Rules]:
        """The tables of ours in those namespaces, which are there; with `host`, also under ""."""
        wanted = [*namespaces, ""] if host else list(namespaces)
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(_LOOKS, len(wanted))) as pool:
            found = zip(wanted, pool.map(self._look, wanted), strict=True)
        return {name: rules for name, rules in found if rules is not None}

    def apply(self, step: Step, progress: Progress) -> None:
        """Apply a step.

        Raises MachineFailed `nftables.refused`, `host.command.missing`; Refused `nftables.foreign`,
        `host.readonly`.
        """
        match step:
            case WriteRules():
                self._check(step)
                self._nft(step.namespace, script(step))
                self._nft(step.namespace, seal(step, self._list(step) or ""))
            case ForgetWithdrawn():
                self._check(step)
                name = f"{step.family} {step.table}"
                self._nft(step.namespace, f"flush set {name} {WITHDRAWN}\n")
            case RemoveRules():
                self._check(step)
                name = f"{step.family} {step.table}"
                self._nft(step.namespace, f"table {name}\ndelete table {name}\n")
            case _:
                raise TypeError(f"not a step of nftables: {step!r}")

    def _look(self, namespace: str) -> Rules | None:
        listing = self._list_table(namespace, *self._table(namespace))
        return None if listing is None else read(listing)

    def _list(self, step: WriteRules) -> str | None:
        return self._list_table(step.namespace, step.family, step.table)

    def _list_table(self, namespace: str, family: str, table: str) -> str | None:
        argv = inside(namespace, "nft", "--stateless", "--numeric", "list", "table", family, table)
        done = self._host.run(argv, reads=True, check=False)
        return done.stdout if done.status == 0 else None

    def _nft(self, namespace: str, text: str) -> None:
        done = self._host.run(inside(namespace, "nft", "-f", "-"), stdin=text, check=False)
        if done.status != 0:
            # The first line says what is wrong; the others show where.
            reason = (done.stderr.strip().splitlines() or ["no message"])[0]
            where = namespace or "the host"
            raise MachineFailed("nftables.refused", f"nftables refused rules of {where}: {reason}")

    def _table(self, namespace: str) -> tuple[str, str]:
        if namespace:
            return ROUTER_FAMILY, ROUTER_TABLE
        return HOST_FAMILY, self._settings.host_table

    def _check(self, step: WriteRules | ForgetWithdrawn | RemoveRules) -> None:
        known = (step.family, step.table) == self._table(step.namespace)
        if not known or (step.namespace and not is_ours(step.namespace)):
            raise Refused(
                "nftables.foreign", f"table {step.table} is not Quarterdeck's; left alone"
            )
