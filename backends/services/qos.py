"""QoS policies: how fast networks and ports may be, and how their packets are marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlmodel import Session, col, delete, select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.plan.qos import BANDWIDTH, DSCP
from backends.records.identity import Role
from backends.records.network import Network, Port
from backends.records.qos import QosPolicy, QosRule
from backends.records.unit import Kind, Unit
from backends.services.base import Service, compose, find, good_name, good_text, is_id, redescribe

T = TypeVar("T")

DIRECTIONS = ("egress", "ingress")
# Those that Neutron takes (RFC 2474, RFC 2597, RFC 3246): class selectors, assured, expedited.
MARKS = (0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 46, 48, 56)
# OpenFlow's rates and bursts have 32 bits (TS-020, 7.3.4.4).
_MOST = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class NewQosRule:
    """A rule of a policy: a `bandwidth_limit` (kbit/s, kbit) or a `dscp_marking`."""

    policy: str
    type: str
    direction: str = "egress"
    max_kbps: int = 0
    max_burst_kbits: int = 0
    dscp_mark: int = 0


@dataclass(frozen=True, slots=True)
class QosView:
    """A policy with its rules."""

    policy: QosPolicy
    rules: tuple[QosRule, ...]


class QosPolicies(Service):
    """Policies of the caller's project and the shared ones.

    As in Neutron, the cloud's admin makes and changes them, and members put them on what is theirs.
    """

    def create(
        self, name: str, description: str = "", *, shared: bool = False, default: bool = False
    ) -> QosPolicy:
        """A new policy without rules. Raises Refused `qos.default.exists`."""

        def act(change: Change) -> QosPolicy:
            row = QosPolicy(
                project_id=self.caller.project_id,
                name=good_name(name),
                description=good_text(description, "description"),
                shared=shared,
            )
            change.session.add(row)
            change.session.flush()
            _set_default(change.session, row, default)
            return self._touch(change, row)

        return self._change("create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[QosView]:
        """The policies that the caller may use, by name."""
        with self.context.reading() as session:
            query = select(QosPolicy)
            if not (all_projects and self.caller.admin):
                mine = col(QosPolicy.project_id) == self.caller.project_id
                query = query.where(mine | col(QosPolicy.shared))
            rows = session.exec(query.order_by(col(QosPolicy.name), col(QosPolicy.id))).all()
            return [_view(session, row) for row in rows]

    def show(self, ref: str) -> QosView:
        """One policy by id or name. Raises NotFound `qos.not_found`."""
        with self.context.reading() as session:
            return _view(session, usable(session, ref, self))

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        shared: bool | None = None,
        default: bool | None = None,
    ) -> QosPolicy:
        """Change a policy. Raises Refused `qos.default.exists`, `qos.in_use`."""

        def act(change: Change) -> QosPolicy:
            row = usable(change.session, ref, self)
            redescribe(row, name, description)
            if shared is not None:
                if row.shared and not shared:
                    _check_unused(change.session, row, others=True)
                row.shared = shared
            if default is not None:
                _set_default(change.session, row, default)
            return self._touch(change, row)

        return self._change("set", act)

    def delete(self, ref: str) -> None:
        """Remove a policy with its rules. Raises Refused `qos.in_use`."""

        def act(change: Change) -> None:
            row = usable(change.session, ref, self)
            _check_unused(change.session, row)
            self._touch(change, row)
            change.session.execute(delete(QosRule).where(col(QosRule.policy_id) == row.id))
            change.session.delete(row)

        self._change("delete", act)

    def add_rule(self, new: NewQosRule) -> QosRule:
        """Add a rule; what has the policy follows at once, and no connection is cut.

        Raises Refused `qos.rule.invalid`, `qos.rule.exists`.
        """

        def act(change: Change) -> QosRule:
            session = change.session
            policy = usable(session, new.policy, self)
            row = QosRule(
                policy_id=policy.id,
                type=new.type,
                direction=new.direction,
                max_kbps=new.max_kbps,
                max_burst_kbits=new.max_burst_kbits,
                dscp_mark=new.dscp_mark,
            )
            _check(row)
            same = select(QosRule).where(
                QosRule.policy_id == policy.id,
                QosRule.type == row.type,
                QosRule.direction == row.direction,
            )
            if session.exec(same).first() is not None:
                raise Refused(
                    "qos.rule.exists", f"policy {policy.name} has such a rule; change that one"
                )
            session.add(row)
            self._touch(change, policy)
            return row

        return self._change("add_rule", act)

    def set_rule(
        self,
        policy: str,
        rule_id: str,
        *,
        max_kbps: int | None = None,
        max_burst_kbits: int | None = None,
        dscp_mark: int | None = None,
    ) -> QosRule:
        """Change a rule's values. Raises NotFound `qos.rule.not_found`."""

        def act(change: Change) -> QosRule:
            found = usable(change.session, policy, self)
            row = _rule(change.session, found, rule_id)
            row.max_kbps = row.max_kbps if max_kbps is None else max_kbps
            if max_burst_kbits is not None:
                row.max_burst_kbits = max_burst_kbits
            row.dscp_mark = row.dscp_mark if dscp_mark is None else dscp_mark
            _check(row)
            self._touch(change, found)
            return row

        return self._change("set_rule", act)

    def remove_rule(self, policy: str, rule_id: str) -> None:
        """Remove a rule. Raises NotFound `qos.rule.not_found`."""

        def act(change: Change) -> None:
            found = usable(change.session, policy, self)
            change.session.delete(_rule(change.session, found, rule_id))
            self._touch(change, found)

        self._change("remove_rule", act)

    def _change(self, verb: str, act: Callable[[Change], T]) -> T:
        self.caller.require_cloud_admin("change QoS policies")
        return self.context.perform(f"qos.{verb}", act)

    def _touch(self, change: Change, row: QosPolicy) -> QosPolicy:
        unit = Unit(Kind.PROJECT, row.project_id)
        change.about(unit, row.name)
        change.touch(unit, Unit(Kind.FIREWALL, self.context.settings.host))
        return row


def usable(session: Session, ref: str, service: Service) -> QosPolicy:
    """A policy that the caller may use, their own first. Raises NotFound `qos.not_found`."""
    named = (col(QosPolicy.id) == ref) | (col(QosPolicy.name) == compose(ref))
    shared = session.exec(select(QosPolicy).where(col(QosPolicy.shared), named)).all()
    try:
        return find(session, QosPolicy, ref, "qos", service.caller)
    except NotFound:
        if len(shared) != 1:
            text = f"no QoS policy {ref!r} here; see `network qos policy list`"
            raise NotFound("qos.not_found", text) from None
        return shared[0]


def put_on(session: Session, row: Network | Port, ref: str | None, service: Service) -> None:
    """Have a network or port this policy, or none. Raises NotFound `qos.not_found`."""
    service.caller.require(Role.MEMBER, "limit what is yours")
    row.qos_policy_id = usable(session, ref, service).id if ref else None


def default_of(session: Session, project_id: str) -> str | None:
    """The id of the policy that a project's new networks have."""
    query = select(QosPolicy.id).where(
        QosPolicy.project_id == project_id, col(QosPolicy.is_default)
    )
    return session.exec(query).first()


def _set_default(session: Session, row: QosPolicy, wanted: bool) -> None:
    if wanted and default_of(session, row.project_id) not in (None, row.id):
        raise Refused("qos.default.exists", "the project has a default policy already; unset it")
    row.is_default = wanted


def _check(rule: QosRule) -> None:
    if rule.type == BANDWIDTH:
        if rule.direction not in DIRECTIONS:
            raise Refused("qos.rule.invalid", f"a direction is one of {', '.join(DIRECTIONS)}")
        if not 1 <= rule.max_kbps <= _MOST or not 0 <= rule.max_burst_kbits <= _MOST:
            raise Refused(
                "qos.rule.invalid", f"a limit is 1 to {_MOST} kbit/s, a burst 0 to {_MOST} kbit"
            )
    elif rule.type == DSCP:
        rule.direction = "egress"
        if rule.dscp_mark not in MARKS:
            raise Refused("qos.rule.invalid", f"a DSCP mark is one of {', '.join(map(str, MARKS))}")
    else:
        raise Refused(
            "qos.rule.invalid",
            f"a rule is {BANDWIDTH} or {DSCP}, not {rule.type!r}: no bandwidth is promised here",
        )


def _check_unused(session: Session, policy: QosPolicy, *, others: bool = False) -> None:
    """Nothing has it, or nothing of `others`' projects."""
    for table in (Network, Port):
        query = select(table).where(col(table.qos_policy_id) == policy.id)
        if others:
            query = query.where(col(table.project_id) != policy.project_id)
        row: Any = session.exec(query).first()
        if row is not None:
            what = f"{table.__name__.lower()} {row.name or row.id}"
            raise Refused("qos.in_use", f"QoS policy {policy.name} is on {what}")


def _rule(session: Session, policy: QosPolicy, rule_id: str) -> QosRule:
    row = session.get(QosRule, rule_id) if is_id(rule_id) else None
    if row is None or row.policy_id != policy.id:
        raise NotFound("qos.rule.not_found", f"policy {policy.name} has no rule {rule_id!r}")
    return row


def _view(session: Session, row: QosPolicy) -> QosView:
    query = select(QosRule).where(QosRule.policy_id == row.id)
    rules = session.exec(query.order_by(col(QosRule.type), col(QosRule.direction)))
    return QosView(row, tuple(rules))
