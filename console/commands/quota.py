"""Quotas: how much a project may have."""

from __future__ import annotations

from console.commands.command import Command, arg
from console.commands.job import Job
from console.commands.output import Rows

# The option: the resource it limits, in the words of the services behind it in OpenStack.
_OPTIONS = {
    "--instances": "instances",
    "--cores": "cores",
    "--ram": "ram",
    "--volumes": "volumes",
    "--gigabytes": "gigabytes",
    "--networks": "networks",
    "--subnets": "subnets",
    "--ports": "ports",
    "--routers": "routers",
    "--floating-ips": "floatingips",
    "--secgroups": "security-groups",
    "--secgroup-rules": "security-group-rules",
    "--subnetpools": "subnetpools",
    "--address-groups": "address-groups",
}


def show(job: Job) -> Rows:
    found = job.cloud.quotas.show(job.args.project)
    if not job.args.usage:
        return Rows(("Resource", "Limit"), [(name, limit) for name, (limit, _) in found.items()])
    rows = [(name, limit, used, 0) for name, (limit, used) in found.items()]
    return Rows(("Resource", "Limit", "In Use", "Reserved"), rows)


def set_(job: Job) -> None:
    from backends.errors import Usage

    limits = {
        resource: value
        for resource in _OPTIONS.values()
        if (value := getattr(job.args, _dest(resource))) is not None
    }
    if not limits:
        raise Usage("usage", f"say what to limit: {', '.join(_OPTIONS)}")
    job.cloud.quotas.set(job.args.project, limits)


def _dest(resource: str) -> str:
    return f"limit_{resource.replace('-', '_')}"


COMMANDS = (
    Command(
        "quota show", show, "Show a project's limits, by default your project's.",
        (arg("project", nargs="?", metavar="PROJECT"),
         arg("--usage", action="store_true", help="also what is in use")),
        "quota show --usage demo", "rows",
    ),
    Command(
        "quota set", set_, "Limit a project; -1 is no limit.",
        (arg("project", metavar="PROJECT"),
         *(arg(flag, dest=_dest(resource), type=int, default=None, metavar="N", help=resource)
           for flag, resource in _OPTIONS.items())),
        "quota set --instances 20 --ram 8192 demo", writes=True,
    ),
)  # fmt: skip
