"""Address groups: prefixes that security group rules name as one."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from sqlmodel import Session, select

from backends.context import Change
from backends.errors import Refused
from backends.records.identity import Role
from backends.records.security import AddressGroup, SecurityGroupRule
from backends.records.unit import Kind, Unit
from backends.services import quota
from backends.services.base import Service, find, good_name, good_text, own

# Each is a flow or two in every network that has a rule with the group.
_MOST = 1000


class AddressGroups(Service):
    """Address groups of the caller's project."""

    def create(
        self, name: str, addresses: Sequence[str] = (), *, description: str = ""
    ) -> AddressGroup:
        """A new group of addresses and prefixes.

        Raises Refused `address_group.exists`, `.address.invalid`, `.too_large`.
        """
        self.caller.require(Role.MEMBER, "create an address group")
        row = AddressGroup(
            project_id=self.caller.project_id,
            name=good_name(name),
            description=good_text(description, "description"),
            addresses=good_addresses(addresses),
        )

        def act(change: Change) -> AddressGroup:
            quota.check(change.session, self.caller.project_id, {"address-groups": 1})
            _check_free(change.session, row)
            change.session.add(row)
            change.session.flush()
            self._touch(change, row)
            return row

        return self.context.perform("address_group.create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[AddressGroup]:
        """The caller's groups, by name."""
        with self.context.reading() as session:
            return own(session, AddressGroup, self.caller, all_projects)

    def show(self, ref: str) -> AddressGroup:
        """One group by id or name. Raises NotFound `address_group.not_found`."""
        with self.context.reading() as session:
            return find(session, AddressGroup, ref, "address_group", self.caller)

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> AddressGroup:
        """Change a group; connections with addresses that it keeps go on.

        Raises Refused `address_group.address.exists`, `.address.missing` and as `create` does.
        """
        self.caller.require(Role.MEMBER, "change an address group")
        new, gone = good_addresses(add), good_addresses(remove)

        def act(change: Change) -> AddressGroup:
            session = change.session
            row = find(session, AddressGroup, ref, "address_group", self.caller)
            if name is not None and (wanted := good_name(name)) != row.name:
                row.name = wanted
                _check_free(session, row)
            if description is not None:
                row.description = good_text(description, "description")
            there = set(row.addresses)
            _check_none(there & set(new), "exists", f"are in group {row.name} already")
            _check_none(set(gone) - there, "missing", f"are not in group {row.name}")
            row.addresses = good_addresses((there - set(gone)) | set(new))
            self._touch(change, row)
            return row

        return self.context.perform("address_group.set", act)

    def delete(self, ref: str) -> None:
        """Remove a group. Raises Refused `address_group.in_use` while rules name it."""
        self.caller.require(Role.MEMBER, "delete an address group")

        def act(change: Change) -> None:
            session = change.session
            row = find(session, AddressGroup, ref, "address_group", self.caller)
            naming = select(SecurityGroupRule.id).where(
                SecurityGroupRule.remote_address_group_id == row.id
            )
            used = len(session.exec(naming).all())
            if used:
                raise Refused(
                    "address_group.in_use",
                    f"group {row.name} is named by {used} rule{'s' if used > 1 else ''}",
                )
            self._touch(change, row)
            session.delete(row)

        self.context.perform("address_group.delete", act)

    def _touch(self, change: Change, row: AddressGroup) -> None:
        unit = Unit(Kind.PROJECT, row.project_id)
        change.about(unit, row.name)
        change.touch(unit, Unit(Kind.FIREWALL, self.context.settings.host))


def good_addresses(texts: Iterable[str]) -> list[str]:
    """Addresses and prefixes in canonical form, each once, sorted.

    Raises Refused `address_group.address.invalid` (also where host bits are set), `.too_large`.
    """
    found = set()
    for text in texts:
        try:
            found.add(ipaddress.ip_network(text))
        except ValueError as error:
            raise Refused(
                "address_group.address.invalid", f"no address or prefix {text!r}: {error}"
            ) from None
    if len(found) > _MOST:
        raise Refused("address_group.too_large", f"a group has at most {_MOST} addresses")
    return [str(each) for each in sorted(found, key=_order)]


def _order(found: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[int, int, int]:
    return found.version, int(found.network_address), found.prefixlen


def _check_none(found: set[str], code: str, said: str) -> None:
    if found:
        raise Refused(f"address_group.address.{code}", f"{', '.join(sorted(found)[:3])} {said}")


def _check_free(session: Session, row: AddressGroup) -> None:
    same = select(AddressGroup).where(
        AddressGroup.project_id == row.project_id,
        AddressGroup.name == row.name,
        AddressGroup.id != row.id,
    )
    with session.no_autoflush:
        other = session.exec(same).first()
    if other is not None:
        raise Refused("address_group.exists", f"there is an address group {row.name} already")
