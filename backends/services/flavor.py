"""Flavors: the sizes an instance can have."""

from __future__ import annotations

import os
from collections.abc import Sequence

import psutil
from sqlmodel import Session, col, select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.base import new_id
from backends.records.flavor import Flavor
from backends.records.unit import Kind, Unit
from backends.services.base import Service, compose, good_name, good_properties, good_text


class Flavors(Service):
    """Anybody may use public flavors; making them takes the cloud's admin."""

    def create(
        self,
        name: str,
        *,
        ram: int,
        vcpus: int = 1,
        disk: int = 0,
        id_: str | None = None,
        public: bool = True,
        description: str = "",
        properties: dict[str, str] | None = None,
    ) -> Flavor:
        """A new flavor: `ram` MiB, `disk` GiB. Raises Refused `flavor.exists`, `flavor.invalid`."""
        self.caller.require_cloud_admin("create a flavor")
        name = good_name(name)
        good_text(description, "description")
        if id_ is not None:
            good_name(id_, "flavor id", longest=36)
        for what, value, least, most in (
            ("ram", ram, 1, 1 << 24),
            ("vcpus", vcpus, 1, 512),
            ("disk", disk, 0, 1 << 20),
        ):
            if not least <= value <= most:
                raise Refused("flavor.invalid", f"{what} is {least} to {most}, not {value}")

        def act(change: Change) -> Flavor:
            row = Flavor(
                id=new_id() if id_ in (None, "auto") else id_,
                name=name,
                ram=ram,
                vcpus=vcpus,
                disk=disk,
                is_public=public,
                description=description,
                properties=good_properties(properties),
            )
            taken = select(Flavor).where((col(Flavor.id) == row.id) | (col(Flavor.name) == name))
            if change.session.exec(taken).first() is not None:
                raise Refused("flavor.exists", f"there is a flavor {name} or its id already")
            change.session.add(row)
            change.touch(self._host())
            return row

        return self.context.perform("flavor.create", act)

    def list(self) -> Sequence[Flavor]:
        """The flavors the caller may use, the smallest first."""
        with self.context.reading() as session:
            query = select(Flavor).order_by(col(Flavor.ram), col(Flavor.vcpus), col(Flavor.name))
            if not self.caller.admin:
                query = query.where(col(Flavor.is_public))
            return list(session.exec(query))

    def show(self, ref: str) -> Flavor:
        """One flavor by id or name. Raises NotFound `flavor.not_found`."""
        with self.context.reading() as session:
            return self.require(session, ref)

    def delete(self, ref: str) -> None:
        """Remove a flavor; instances keep their size."""
        self.caller.require_cloud_admin("delete a flavor")

        def act(change: Change) -> None:
            change.session.delete(self.require(change.session, ref))
            change.touch(self._host())

        self.context.perform("flavor.delete", act)

    def require(self, session: Session, ref: str) -> Flavor:
        """The flavor by id or name. Raises NotFound `flavor.not_found`."""
        ref = compose(ref)
        row = (
            session.get(Flavor, ref)
            or session.exec(select(Flavor).where(Flavor.name == ref)).first()
        )
        if row is None or not (row.is_public or self.caller.admin):
            raise NotFound("flavor.not_found", f"no flavor {ref!r}; see `quarterdeck flavor list`")
        return row

    def _host(self) -> Unit:
        return Unit(Kind.HOST, self.context.settings.host)


def check_fits_host(flavor: Flavor) -> None:
    """Raises Refused `flavor.too_large` for one that this host could not run even when idle."""
    memory = psutil.virtual_memory().total >> 20
    processors = os.cpu_count() or 1
    # Emulation can have more vCPUs than the host, but that many never helps.
    if flavor.ram > memory or flavor.vcpus > processors * 16:
        raise Refused(
            "flavor.too_large",
            f"flavor {flavor.name} wants {flavor.vcpus} vCPUs and {flavor.ram} MiB;"
            f" the host has {processors} and {memory} MiB",
        )
