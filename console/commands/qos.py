"""QoS policies and their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import ALL_PROJECTS, DESCRIPTION, PROJECT, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows

if TYPE_CHECKING:
    from backends.records.qos import QosRule
    from backends.services.qos import QosView


def create(job: Job) -> Fields:
    args, qos = job.args, job.cloud.qos
    row = qos.create(
        args.name, args.description or "", shared=bool(args.share), default=bool(args.default)
    )
    return _fields(qos.show(row.id))


def list_(job: Job) -> Rows:
    views = job.cloud.qos.list(all_projects=job.args.all_projects)
    return Rows(
        ("ID", "Name", "Shared", "Default", "Project"),
        [
            (each.policy.id, each.policy.name, each.policy.shared, each.policy.is_default,
             each.policy.project_id)
            for each in views
        ],
    )  # fmt: skip


def show(job: Job) -> Fields:
    return _fields(job.cloud.qos.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.qos.set(
        args.name,
        name=args.new_name,
        description=args.description,
        shared=args.share,
        default=args.default,
    )


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.qos.delete)


def create_rule(job: Job) -> Fields:
    from backends.services.qos import NewQosRule

    args = job.args
    row = job.cloud.qos.add_rule(
        NewQosRule(
            args.name,
            args.type.replace("-", "_"),
            args.direction or "egress",
            args.max_kbps or 0,
            args.max_burst_kbits or 0,
            args.dscp_mark or 0,
        )
    )
    return Fields(_rule(row))


def list_rules(job: Job) -> Rows:
    view = job.cloud.qos.show(job.args.name)
    return Rows(
        ("ID", "QoS Policy ID", "Type", "Max Kbps", "Max Burst Kbits", "DSCP mark", "Direction"),
        [
            (row.id, row.policy_id, row.type, row.max_kbps or "", row.max_burst_kbits or "",
             row.dscp_mark if row.type == "dscp_marking" else "", row.direction)
            for row in view.rules
        ],
    )  # fmt: skip


def show_rule(job: Job) -> Fields:
    from backends.errors import NotFound

    view = job.cloud.qos.show(job.args.name)
    for row in view.rules:
        if row.id == job.args.rule:
            return Fields(_rule(row))
    raise NotFound("qos.rule.not_found", f"policy {view.policy.name} has no rule {job.args.rule}")


def set_rule(job: Job) -> None:
    args = job.args
    job.cloud.qos.set_rule(
        args.name,
        args.rule,
        max_kbps=args.max_kbps,
        max_burst_kbits=args.max_burst_kbits,
        dscp_mark=args.dscp_mark,
    )


def delete_rule(job: Job) -> None:
    job.cloud.qos.remove_rule(job.args.name, job.args.rule)


def _fields(view: QosView) -> Fields:
    row = view.policy
    return Fields(
        {
            "description": row.description,
            "id": row.id,
            "is_default": row.is_default,
            "name": row.name,
            "project_id": row.project_id,
            "rules": [_rule(each) for each in view.rules],
            "shared": row.shared,
        }
    )


def _rule(row: QosRule) -> dict[str, object]:
    found: dict[str, object] = {"id": row.id, "qos_policy_id": row.policy_id, "type": row.type}
    if row.type == "dscp_marking":
        return found | {"dscp_mark": row.dscp_mark}
    return found | {
        "direction": row.direction,
        "max_kbps": row.max_kbps,
        "max_burst_kbits": row.max_burst_kbits,
    }


_POLICY = name("POLICY")
_RULE = arg("rule", metavar="RULE", help="the rule's id")
_SHARE = (
    arg("--share", dest="share", action="store_true", default=None, group="share",
        help="for all projects"),
    arg("--no-share", dest="share", action="store_false", default=None, group="share",
        help="for its project alone"),
    arg("--default", dest="default", action="store_true", default=None, group="default",
        help="for the project's new networks"),
    arg("--no-default", dest="default", action="store_false", default=None, group="default",
        help="for those alone that ask for it"),
)  # fmt: skip
_VALUES = (
    arg("--max-kbps", dest="max_kbps", type=int, metavar="KBPS", help="kilobits a second"),
    arg("--max-burst-kbits", dest="max_burst_kbits", type=int, metavar="KBITS",
        help="what may come at once (four fifths of a second's worth)"),
    arg("--dscp-mark", dest="dscp_mark", type=int, metavar="MARK", help="0 to 56 (RFC 2474)"),
)  # fmt: skip

COMMANDS = (
    Command(
        "network qos policy create", create, "Make a QoS policy, without rules yet (admin).",
        (arg("name", metavar="NAME"), *_SHARE, DESCRIPTION, PROJECT),
        "network qos policy create --share slow", "fields", writes=True,
    ),
    Command("network qos policy list", list_, "List QoS policies.", (ALL_PROJECTS,), shows="rows"),
    Command("network qos policy show", show, "Show a QoS policy and its rules.", (_POLICY,),
            shows="fields"),
    Command(
        "network qos policy set", set_, "Change a QoS policy (admin).",
        (_POLICY, arg("--name", dest="new_name", help="a new name"), *_SHARE, DESCRIPTION),
        writes=True,
    ),
    Command("network qos policy delete", delete, "Delete QoS policies that nothing has (admin).",
            (names("POLICY"),), writes=True),
    Command(
        "network qos rule create", create_rule,
        "Limit what ports send or get, or mark what they send (admin).",
        (_POLICY,
         arg("--type", required=True, metavar="TYPE",
             choices=("bandwidth-limit", "dscp-marking", "minimum-bandwidth"),
             help="bandwidth-limit or dscp-marking"),
         *_VALUES,
         arg("--egress", dest="direction", action="store_const", const="egress",
             group="direction", help="what ports send (default)"),
         arg("--ingress", dest="direction", action="store_const", const="ingress",
             group="direction", help="what ports get")),
        "network qos rule create --type bandwidth-limit --max-kbps 2000 --egress slow",
        "fields", writes=True,
    ),
    Command("network qos rule list", list_rules, "List a policy's rules.", (_POLICY,),
            shows="rows"),
    Command("network qos rule show", show_rule, "Show a rule.", (_POLICY, _RULE), shows="fields"),
    Command("network qos rule set", set_rule, "Change a rule's values (admin).",
            (_POLICY, _RULE, *_VALUES), "network qos rule set --max-kbps 500 slow RULE",
            writes=True),
    Command("network qos rule delete", delete_rule, "Delete a rule (admin).", (_POLICY, _RULE),
            writes=True),
)  # fmt: skip
