"""Volumes on their way to another project."""

from __future__ import annotations

from console.commands.command import ALL_PROJECTS, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows
from console.commands.values import stamp


def create(job: Job) -> Fields:
    made = job.cloud.transfers.create(job.args.volume, job.args.new_name or "")
    row = made.transfer
    return Fields(
        {
            "auth_key": made.key,
            "created_at": stamp(row.created_at),
            "id": row.id,
            "name": row.name or None,
            "volume_id": row.volume_id,
        }
    )


def accept(job: Job) -> Fields:
    row = job.cloud.transfers.accept(job.args.name, job.args.auth_key)
    return Fields({"id": job.args.name, "name": row.name, "volume_id": row.id})


def list_(job: Job) -> Rows:
    found = job.cloud.transfers.list(all_projects=job.args.all_projects)
    return Rows(
        ("ID", "Name", "Volume"), [(row.id, row.name or None, row.volume_id) for row in found]
    )


def show(job: Job) -> Fields:
    row = job.cloud.transfers.show(job.args.name)
    return Fields(
        {
            "created_at": stamp(row.created_at),
            "id": row.id,
            "name": row.name or None,
            "volume_id": row.volume_id,
        }
    )


def delete(job: Job) -> None:
    job.cloud.transfers.delete(*job.args.names)


COMMANDS = (
    Command(
        "volume transfer request create", create, "Offer a volume; its key is shown this once.",
        (arg("volume", metavar="VOLUME", help="the volume (name or id)"),
         arg("--name", dest="new_name", help="what the offer is called")),
        "volume transfer request create volume1", "fields", writes=True,
    ),
    Command(
        "volume transfer request accept", accept, "Take a volume that is offered, by its key.",
        (arg("name", metavar="TRANSFER", help="the offer's id"),
         arg("--auth-key", required=True, metavar="KEY", help="the key that its owner told")),
        shows="fields", writes=True,
    ),
    Command("volume transfer request list", list_, "List what the project offers.",
            (ALL_PROJECTS,), shows="rows"),
    Command("volume transfer request show", show, "Show an offer.", (name("TRANSFER"),),
            shows="fields"),
    Command("volume transfer request delete", delete, "Take offers back.", (names("TRANSFER"),),
            writes=True),
)  # fmt: skip
