"""Subnet pools, and the subnets that are cut from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from backends.caller import Caller
from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import Role
from backends.records.network import Network, Subnet
from backends.records.subnet_pool import SubnetPool
from backends.records.unit import Kind, Unit
from backends.services import quota, ranges
from backends.services.addresses import IPNetwork, parse_network
from backends.services.base import Service, compose, find, good_name, good_text, redescribe

# Neutron's: the shortest and the longest range that a pool gives unless it says otherwise.
_LENGTHS = {4: (8, 32), 6: (64, 128)}
UNLIMITED = -1


class SubnetPools(Service):
    """Subnet pools of the caller's project, and those that are shared with it."""

    def create(
        self,
        name: str,
        prefixes: Sequence[str],
        *,
        default_length: int | None = None,
        min_length: int | None = None,
        max_length: int | None = None,
        default_quota: int = UNLIMITED,
        shared: bool = False,
        is_default: bool = False,
        description: str = "",
    ) -> SubnetPool:
        """A new pool of these prefixes. Lengths in bits.

        `default_quota` is what each project may have of it, in addresses (IPv4) or in ranges of 64
        bits (IPv6). Raises Refused `network.subnet.invalid`, `subnet_pool.prefixes`, `.length`,
        `.quota.invalid`, `.default.exists`, `right.missing`.
        """
        self.caller.require(Role.MEMBER, "create a subnet pool")
        if shared or is_default:
            self.caller.require_cloud_admin("share a subnet pool, or make it the default one")
        name = good_name(name)
        merged = ranges.good_prefixes(prefixes)
        shortest, longest = _LENGTHS[merged[0].version]
        row = SubnetPool(
            project_id=self.caller.project_id,
            name=name,
            description=good_text(description, "description"),
            ip_version=merged[0].version,
            prefixes=[str(each) for each in merged],
            min_prefixlen=shortest if min_length is None else min_length,
            max_prefixlen=longest if max_length is None else max_length,
            default_quota=_good_quota(default_quota),
            shared=shared,
            is_default=is_default,
        )
        row.default_prefixlen = row.min_prefixlen if default_length is None else default_length
        _check_lengths(row)

        def act(change: Change) -> SubnetPool:
            quota.check(change.session, self.caller.project_id, {"subnetpools": 1})
            if is_default:
                _check_one_default(change.session, row)
            change.session.add(row)
            change.session.flush()
            _touch(change, row)
            return row

        return self.context.perform("subnet_pool.create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[SubnetPool]:
        """The caller's pools and the shared ones, by name."""
        with self.context.reading() as session:
            query = select(SubnetPool)
            if not (all_projects and self.caller.admin):
                mine = col(SubnetPool.project_id) == self.caller.project_id
                query = query.where(mine | col(SubnetPool.shared))
            return list(session.exec(query.order_by(col(SubnetPool.name), col(SubnetPool.id))))

    def show(self, ref: str) -> SubnetPool:
        """One pool by id or name. Raises NotFound `subnet_pool.not_found`."""
        with self.context.reading() as session:
            return require_pool(session, ref, self.caller)

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        prefixes: Sequence[str] | None = None,
        default_length: int | None = None,
        min_length: int | None = None,
        max_length: int | None = None,
        default_quota: int | None = None,
        is_default: bool | None = None,
    ) -> SubnetPool:
        """Change a pool; `prefixes` are all it is to have. What was cut from it stays.

        Raises Refused as `create` does, and `subnet_pool.prefix.in_use`.
        """
        self.caller.require(Role.MEMBER, "change a subnet pool")
        if is_default is not None:
            self.caller.require_cloud_admin("say which subnet pool is the default one")
        lengths = {
            "default_prefixlen": default_length,
            "min_prefixlen": min_length,
            "max_prefixlen": max_length,
        }

        def act(change: Change) -> SubnetPool:
            session = change.session
            row = find(session, SubnetPool, ref, "subnet_pool", self.caller)
            redescribe(row, name, description)
            if prefixes is not None:
                _give_prefixes(session, row, prefixes)
            for field, length in lengths.items():
                if length is not None:
                    setattr(row, field, length)
            _check_lengths(row)
            if default_quota is not None:
                row.default_quota = _good_quota(default_quota)
            if is_default is not None:
                row.is_default = is_default
                if is_default:
                    _check_one_default(session, row)
            _touch(change, row)
            return row

        return self.context.perform("subnet_pool.set", act)

    def delete(self, ref: str) -> None:
        """Remove a pool. Raises Refused `subnet_pool.in_use` while there are subnets of it."""
        self.caller.require(Role.MEMBER, "delete a subnet pool")

        def act(change: Change) -> None:
            session = change.session
            row = find(session, SubnetPool, ref, "subnet_pool", self.caller)
            cut = cut_from(session, row)
            if cut:
                said = ", ".join(str(each) for each in cut[:3])
                raise Refused("subnet_pool.in_use", f"pool {row.name} has subnets: {said}")
            _touch(change, row)
            session.delete(row)

        self.context.perform("subnet_pool.delete", act)


def require_pool(session: Session, ref: str, caller: Caller) -> SubnetPool:
    """A pool the caller may use: their own, or a shared one.

    Raises NotFound `subnet_pool.not_found`, Refused `subnet_pool.ambiguous`.
    """
    try:
        return find(session, SubnetPool, ref, "subnet_pool", caller)
    except NotFound:
        text = compose(ref)
        named = (col(SubnetPool.id) == text) | (col(SubnetPool.name) == text)
        rows = session.exec(select(SubnetPool).where(col(SubnetPool.shared), named)).all()
        if not rows:
            raise
        if len(rows) > 1:
            raise Refused(
                "subnet_pool.ambiguous", f"{len(rows)} shared pools are named {ref!r}; give the id"
            ) from None
        return rows[0]


def default_pool(session: Session, version: int, caller: Caller) -> SubnetPool:
    """The default pool of an IP version. Raises NotFound `subnet_pool.not_found`."""
    query = select(SubnetPool).where(
        col(SubnetPool.is_default), col(SubnetPool.ip_version) == version
    )
    row = session.exec(query).first()
    if row is None or not (row.shared or caller.sees(row.project_id)):
        raise NotFound(
            "subnet_pool.not_found",
            f"there is no default pool of IPv{version}; the admin makes one by"
            " `subnet pool create --share --default`",
        )
    return row


def cut(
    session: Session,
    pool: SubnetPool,
    network: Network,
    wanted: IPNetwork | None,
    length: int | None,
) -> IPNetwork:
    """The range of a new subnet: the one that is wanted, or the lowest free one.

    Within a write transaction, thus exactly once. Raises Refused `subnet_pool.length`, `.range`,
    `.taken`, `.exhausted`, `.quota`, `.mixed`.
    """
    _check_one_pool(session, pool, network)
    length = wanted.prefixlen if wanted is not None else (length or pool.default_prefixlen)
    if not pool.min_prefixlen <= length <= pool.max_prefixlen:
        raise Refused(
            "subnet_pool.length",
            f"pool {pool.name} gives /{pool.min_prefixlen} to /{pool.max_prefixlen}, not /{length}",
        )
    prefixes = [parse_network(text) for text in pool.prefixes]
    taken = cut_from(session, pool)
    found = wanted or ranges.first_free(prefixes, taken, length)
    if found is None:
        raise Refused("subnet_pool.exhausted", f"pool {pool.name} has no /{length} left")
    if wanted is not None and not ranges.is_inside(wanted, prefixes):
        raise Refused("subnet_pool.range", f"{wanted} is no part of pool {pool.name}")
    for other in taken if wanted is not None else ():
        if other.overlaps(wanted):  # type: ignore[arg-type]
            raise Refused("subnet_pool.taken", f"{other} was cut from pool {pool.name} already")
    _check_quota(session, pool, network.project_id, found)
    # Too small, or of a kind that no guest can have: as when it is given without a pool.
    return parse_network(str(found))


def cut_from(session: Session, pool: SubnetPool, project: str | None = None) -> list[IPNetwork]:
    """The ranges that were cut from a pool, by all projects or by one."""
    query = select(Subnet.cidr).where(Subnet.subnetpool_id == pool.id)
    if project is not None:
        query = query.where(Subnet.project_id == project)
    return [parse_network(text) for text in session.exec(query)]


def _check_quota(session: Session, pool: SubnetPool, project: str, more: IPNetwork) -> None:
    if pool.default_quota is None:
        return
    used, wanted = ranges.units(cut_from(session, pool, project)), ranges.units([more])
    if used + wanted > pool.default_quota:
        what = "addresses" if pool.ip_version == 4 else "ranges of 64 bits"
        raise Refused(
            "subnet_pool.quota",
            f"pool {pool.name} gives a project {pool.default_quota} {what}: {used:g} are used and"
            f" {wanted:g} more do not fit",
        )


def _check_one_pool(session: Session, pool: SubnetPool, network: Network) -> None:
    """All subnets of a network that have one IP version come from one pool (Neutron's rule)."""
    others = select(Subnet).where(
        Subnet.network_id == network.id, Subnet.ip_version == pool.ip_version
    )
    for other in session.exec(others):
        if other.subnetpool_id not in (None, pool.id):
            raise Refused(
                "subnet_pool.mixed",
                f"network {network.name} has {other.cidr} from another pool of that IP version",
            )


def _check_lengths(row: SubnetPool) -> None:
    most = _LENGTHS[row.ip_version][1]
    low, usual, high = row.min_prefixlen, row.default_prefixlen, row.max_prefixlen
    if not 0 < low <= usual <= high <= most:
        raise Refused(
            "subnet_pool.length",
            f"lengths go from the least by the default to the most, at most {most}:"
            f" not {low}, {usual}, {high}",
        )


def _check_one_default(session: Session, row: SubnetPool) -> None:
    query: Any = select(SubnetPool).where(
        col(SubnetPool.is_default),
        SubnetPool.ip_version == row.ip_version,
        SubnetPool.id != row.id,
    )
    other = session.exec(query).first()
    if other is not None:
        raise Refused(
            "subnet_pool.default.exists",
            f"pool {other.name} is the default one of IPv{row.ip_version}",
        )


def _give_prefixes(session: Session, row: SubnetPool, prefixes: Sequence[str]) -> None:
    merged = ranges.good_prefixes(prefixes)
    if merged[0].version != row.ip_version:
        raise Refused("subnet_pool.prefixes", f"pool {row.name} is of IPv{row.ip_version}")
    for each in cut_from(session, row):
        if not ranges.is_inside(each, merged):
            raise Refused("subnet_pool.prefix.in_use", f"a subnet has {each} of pool {row.name}")
    row.prefixes = [str(each) for each in merged]


def _good_quota(number: int) -> int | None:
    if not UNLIMITED <= number < 1 << 31:
        raise Refused("subnet_pool.quota.invalid", f"a quota is 0 or more, -1 for none: {number}")
    return None if number == UNLIMITED else number


def _touch(change: Change, row: SubnetPool) -> None:
    unit = Unit(Kind.PROJECT, row.project_id)
    change.about(unit, row.name)
    change.touch(unit)
