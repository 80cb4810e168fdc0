"""Forms for QoS policies: a policy and its rules at once."""

from __future__ import annotations

from collections.abc import Callable

from backends.cloud import Cloud
from backends.plan.qos import BANDWIDTH, DSCP
from backends.services.base import good_name
from backends.services.qos import MARKS, NewQosRule
from console.screens.forms.edit import Changes, EditForm, flag, given
from console.screens.forms.suggest import description, next_name, number
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values

_KBPS = number("a limit in kbit/s", 1, 999_999_999)
_RULES = (
    Text("egress", "Sends at most", _KBPS, optional=True, hint="kbit/s"),
    Text("ingress", "Gets at most", _KBPS, optional=True, hint="kbit/s"),
    Choice("mark", "DSCP mark", optional=True, hint="as the guest says"),
)
_MARKS = [(str(each), str(each)) for each in MARKS]


class QosForm(Form):
    """A new policy."""

    heading = "New QoS policy"
    fields = (
        Text("name", "Name", good_name),
        *_RULES,
        Toggle("shared", "Shared"),
        Toggle("default", "Default"),
        Text("description", "Description", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        taken = {each.policy.name for each in self.cloud.qos.list(all_projects=True)}
        return {"name": Loaded(next_name("qos", taken)), "mark": Loaded("", _MARKS)}

    def request(self, values: Values) -> Request:
        def create(cloud: Cloud) -> object:
            row = cloud.qos.create(
                values["name"],
                values["description"],
                shared=bool(values["shared"]),
                default=bool(values["default"]),
            )
            for rule in _wanted(row.id, values):
                cloud.qos.add_rule(rule)
            return row

        return Request(f"Create QoS policy {values['name']}", create)


class QosEdit(EditForm):
    """A policy and its rules; what has it follows at once."""

    heading = "Change QoS policy"
    fields = (
        Text("name", "Name", good_name),
        *_RULES,
        Toggle("shared", "Shared"),
        Toggle("default", "Default"),
        Text("description", "Description", description, optional=True),
    )

    def begin(self) -> dict[str, Loaded]:
        view = self.cloud.qos.show(self.subject)
        limits = {rule.direction: rule.max_kbps for rule in view.rules if rule.type == BANDWIDTH}
        mark = next((str(rule.dscp_mark) for rule in view.rules if rule.type == DSCP), "")
        return {
            "name": Loaded(view.policy.name),
            "egress": Loaded(str(limits.get("egress", ""))),
            "ingress": Loaded(str(limits.get("ingress", ""))),
            "mark": Loaded(mark, _MARKS),
            "shared": flag(view.policy.shared),
            "default": flag(view.policy.is_default),
            "description": Loaded(view.policy.description),
        }

    def change(self, changes: Changes) -> Callable[[Cloud], object]:
        id_ = self.subject

        def apply(cloud: Cloud) -> object:
            for name in ("egress", "ingress", "mark"):
                if name in changes:
                    _set_rule(cloud, id_, name, changes[name])
            return cloud.qos.set(
                id_,
                name=changes.get("name"),
                description=changes.get("description"),
                shared=given(changes, "shared"),
                default=given(changes, "default"),
            )

        return apply


def _wanted(policy: str, values: Values) -> list[NewQosRule]:
    rules = [
        NewQosRule(policy, BANDWIDTH, way, max_kbps=int(values[way]))
        for way in ("egress", "ingress")
        if values[way]
    ]
    if values["mark"]:
        rules.append(NewQosRule(policy, DSCP, dscp_mark=int(values["mark"])))
    return rules


def _set_rule(cloud: Cloud, policy: str, name: str, value: str) -> None:
    """Add, change or remove the rule that a field stands for."""
    kind, way = (DSCP, "egress") if name == "mark" else (BANDWIDTH, name)
    found = [
        rule for rule in cloud.qos.show(policy).rules if (rule.type, rule.direction) == (kind, way)
    ]
    key = "dscp_mark" if kind == DSCP else "max_kbps"
    if not value:
        for rule in found:
            cloud.qos.remove_rule(policy, rule.id)
    elif found:
        cloud.qos.set_rule(policy, found[0].id, **{key: int(value)})
    else:
        cloud.qos.add_rule(NewQosRule(policy, kind, way, **{key: int(value)}))
