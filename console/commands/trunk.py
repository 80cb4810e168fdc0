"""Trunks and their subports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.errors import Usage
from console.commands.command import (
    ALL_PROJECTS,
    DESCRIPTION,
    PROJECT,
    Command,
    arg,
    fields_of,
    name,
    names,
)
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp, up

if TYPE_CHECKING:
    from backends.services.trunk import NewSubport, TrunkView

_KEYS = ("port", "segmentation-type", "segmentation-id")


def create(job: Job) -> Fields:
    args, trunks = job.args, job.cloud.trunks
    row = trunks.create(
        args.name,
        args.parent,
        subports=_subports(args.subports),
        description=args.description or "",
        admin_state_up=args.up is not False,
    )
    return _fields(trunks.show(row.id))


def list_(job: Job) -> Rows:
    views = job.cloud.trunks.list(all_projects=job.args.all_projects)
    return Rows(
        ("ID", "Name", "Parent Port", "Description", "Subports"),
        [
            (each.trunk.id, each.trunk.name, each.trunk.port_id, each.trunk.description,
             [port.name or port.id for _, port in each.subports])
            for each in views
        ],
    )  # fmt: skip


def show(job: Job) -> Fields:
    return _fields(job.cloud.trunks.show(job.args.name))


def set_(job: Job) -> None:
    args, trunks = job.args, job.cloud.trunks
    if args.subports:
        trunks.add_subports(args.name, _subports(args.subports))
    if not args.subports or (args.new_name, args.description, args.up) != (None, None, None):
        trunks.set(
            args.name,
            name=args.new_name,
            description=args.description,
            admin_state_up=args.up,
        )


def unset(job: Job) -> None:
    job.cloud.trunks.remove_subports(job.args.name, job.args.subports)


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.trunks.delete)


def list_subports(job: Job) -> Rows:
    view = job.cloud.trunks.show(job.args.trunk)
    return Rows(
        ("Port", "Segmentation Type", "Segmentation ID"),
        [(row.port_id, "vlan", row.segmentation_id) for row, _ in view.subports],
    )


def _subports(texts: list[str]) -> list[NewSubport]:
    from backends.services.trunk import NewSubport

    found = []
    for text in texts:
        values = fields_of(text, _KEYS)
        number = values.get("segmentation-id", "")
        if "port" not in values or not number.isdecimal():
            raise Usage("usage", f"{text!r} is not port=PORT,segmentation-id=VLAN")
        if values.get("segmentation-type", "vlan") != "vlan":
            raise Usage("usage", "a subport's segmentation type is vlan")
        found.append(NewSubport(values["port"], int(number)))
    return found


def _fields(view: TrunkView) -> Fields:
    row = view.trunk
    return Fields(
        {
            "admin_state_up": up(row.admin_state_up),
            "created_at": stamp(row.created_at),
            "description": row.description,
            "id": row.id,
            "name": row.name,
            "port_id": row.port_id,
            "project_id": row.project_id,
            "status": "ACTIVE" if view.parent.device_id else "DOWN",
            "sub_ports": [
                {
                    "port_id": each.port_id,
                    "segmentation_id": each.segmentation_id,
                    "segmentation_type": "vlan",
                }
                for each, _ in view.subports
            ],
        }
    )


_SUBPORT = arg("--subport", dest="subports", action="append", default=[],
               metavar="port=P,segmentation-type=vlan,segmentation-id=N",
               help="a port that the guest has under VLAN N (repeat)")  # fmt: skip
_STATE = (
    arg("--enable", dest="up", action="store_true", default=None, group="state",
        help="let its subports pass traffic (so by default)"),
    arg("--disable", dest="up", action="store_false", default=None, group="state",
        help="let them pass nothing"),
)  # fmt: skip

COMMANDS = (
    Command(
        "network trunk create", create, "Let a port carry others, told apart by VLAN tags.",
        (arg("name", metavar="NAME"),
         arg("--parent-port", dest="parent", required=True, metavar="PORT",
             help="the port that is or will be plugged in (name or id)"),
         _SUBPORT, *_STATE, DESCRIPTION, PROJECT),
        "network trunk create --parent-port front"
        " --subport port=back,segmentation-type=vlan,segmentation-id=100 trunk1",
        "fields", writes=True,
    ),
    Command("network trunk list", list_, "List trunks.", (ALL_PROJECTS,), shows="rows"),
    Command("network trunk show", show, "Show a trunk.", (name("TRUNK"),), shows="fields"),
    Command(
        "network trunk set", set_, "Change a trunk, or give it more subports.",
        (name("TRUNK"), arg("--name", dest="new_name", help="a new name"), _SUBPORT, *_STATE,
         DESCRIPTION),
        "network trunk set --subport port=db,segmentation-id=200 trunk1", writes=True,
    ),
    Command(
        "network trunk unset", unset, "Take subports from a trunk.",
        (name("TRUNK"),
         arg("--subport", dest="subports", action="append", required=True, metavar="PORT",
             help="a subport (name or id; repeat)")),
        "network trunk unset --subport back trunk1", writes=True,
    ),
    Command("network trunk delete", delete, "Delete trunks; their ports stay.",
            (names("TRUNK"),), writes=True),
    Command(
        "network subport list", list_subports, "List the subports of a trunk.",
        (arg("--trunk", required=True, metavar="TRUNK", help="the trunk (name or id)"),),
        "network subport list --trunk trunk1", "rows",
    ),
)  # fmt: skip
