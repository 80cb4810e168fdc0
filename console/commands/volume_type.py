"""Volume types, and the limits (QoS) that go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import DESCRIPTION, LONG, PROPERTIES, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.tables import QosSpec, VolumeType


def create(job: Job) -> Fields:
    args, types = job.args, job.cloud.volume_types
    row = types.create(
        args.name,
        description=args.description or "",
        public=args.public is not False,
        specs=_specs(job),
        encryption=args.encryption_provider or "",
    )
    return _fields(types.show(row.id))


def list_(job: Job) -> Rows:
    rows = job.cloud.volume_types.list()
    if not job.args.long:
        return Rows(("ID", "Name", "Is Public"), [(row.id, row.name, row.public) for row in rows])
    return Rows(
        ("ID", "Name", "Is Public", "Description", "Properties", "Encryption"),
        [(row.id, row.name, row.public, row.description, row.specs, row.encryption or None)
         for row in rows],
    )  # fmt: skip


def show(job: Job) -> Fields:
    return _fields(job.cloud.volume_types.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    job.cloud.volume_types.set(
        args.name,
        name=args.new_name,
        description=args.description,
        public=args.public,
        specs=_specs(job),
        encryption=args.encryption_provider,
    )


def unset(job: Job) -> None:
    args = job.args
    encryption = "" if args.encryption_type else None
    job.cloud.volume_types.set(args.name, unset=args.keys, encryption=encryption)


def delete(job: Job) -> None:
    job.cloud.volume_types.delete(*job.args.names)


def qos_create(job: Job) -> Fields:
    args, types = job.args, job.cloud.volume_types
    row = types.qos_create(args.name, dict(args.properties), consumer=args.consumer)
    return _qos(job.cloud, row)


def qos_list(job: Job) -> Rows:
    types = job.cloud.volume_types
    found = [types.qos_show(row.id) for row in types.qos_list()]
    return Rows(
        ("ID", "Name", "Consumer", "Associations", "Properties"),
        [(row.id, row.name, row.consumer, [each.name for each in used], row.specs)
         for row, used in found],
    )  # fmt: skip


def qos_show(job: Job) -> Fields:
    return _qos(job.cloud, job.cloud.volume_types.qos_show(job.args.name)[0])


def qos_set(job: Job) -> None:
    job.cloud.volume_types.qos_set(job.args.name, dict(job.args.properties))


def qos_unset(job: Job) -> None:
    job.cloud.volume_types.qos_set(job.args.name, unset=job.args.keys)


def qos_delete(job: Job) -> None:
    job.cloud.volume_types.qos_delete(*job.args.names)


def associate(job: Job) -> None:
    job.cloud.volume_types.associate(job.args.name, job.args.type)


def disassociate(job: Job) -> None:
    job.cloud.volume_types.disassociate(job.args.name, job.args.type)


def _specs(job: Job) -> dict[str, str]:
    shared = {"multiattach": "<is> True"} if job.args.multiattach else {}
    return shared | dict(job.args.properties)


def _fields(row: VolumeType) -> Fields:
    return Fields(
        {
            "description": row.description or None,
            "encryption": row.encryption or None,
            "id": row.id,
            "is_public": row.public,
            "name": row.name,
            "properties": row.specs,
            "qos_specs_id": row.qos_id,
        }
    )


def _qos(cloud: Cloud, row: QosSpec) -> Fields:
    used = cloud.volume_types.qos_show(row.id)[1]
    return Fields(
        {
            "associations": [each.name for each in used],
            "consumer": row.consumer,
            "id": row.id,
            "name": row.name,
            "properties": row.specs,
        }
    )


_KEYS = arg(
    "--property", dest="keys", action="append", default=[], metavar="KEY", help="it (repeat)"
)
_KIND = (
    arg("--public", dest="public", action="store_true", default=None, group="who",
        help="for everybody (default)"),
    arg("--private", dest="public", action="store_false", group="who", help="for admins alone"),
    arg("--multiattach", action="store_true", help="several instances may have such a volume"),
    arg("--encryption-provider", metavar="luks", help="its content is encrypted"),
)  # fmt: skip

COMMANDS = (
    Command(
        "volume type create", create, "Make a volume type.",
        (arg("name", metavar="NAME"), *_KIND, DESCRIPTION, PROPERTIES),
        "volume type create --property volume_backend_name=fast fast", "fields", writes=True,
    ),
    Command("volume type list", list_, "List volume types.", (LONG,), shows="rows"),
    Command("volume type show", show, "Show a volume type.", (name("TYPE"),), shows="fields"),
    Command(
        "volume type set", set_, "Change a volume type; volumes keep what they are.",
        (name("TYPE"), arg("--name", dest="new_name", help="a new name"), *_KIND, DESCRIPTION,
         PROPERTIES),
        "volume type set --multiattach shared", writes=True,
    ),
    Command(
        "volume type unset", unset, "Take properties or the encryption from a volume type.",
        (name("TYPE"), _KEYS,
         arg("--encryption-type", action="store_true", help="encrypt no more")),
        writes=True,
    ),
    Command("volume type delete", delete, "Delete types of which no volume is.",
            (names("TYPE"),), writes=True),
    Command(
        "volume qos create", qos_create, "Make limits of input and output.",
        (arg("name", metavar="NAME"),
         arg("--consumer", default="front-end", choices=("front-end", "back-end", "both"),
             help="who keeps to them (front-end: the hypervisor)"), PROPERTIES),
        "volume qos create --property total_iops_sec=500 gentle", "fields", writes=True,
    ),
    Command("volume qos list", qos_list, "List limits and the types that have them.",
            shows="rows"),
    Command("volume qos show", qos_show, "Show limits.", (name("QOS"),), shows="fields"),
    Command("volume qos set", qos_set, "Change limits, of running guests at once.",
            (name("QOS"), PROPERTIES), "volume qos set --property total_iops_sec=900 gentle",
            writes=True),
    Command("volume qos unset", qos_unset, "Take limits away.", (name("QOS"), _KEYS),
            writes=True),
    Command("volume qos associate", associate, "Give a type's volumes these limits.",
            (name("QOS"), arg("type", metavar="TYPE", help="the volume type")),
            "volume qos associate gentle slow", writes=True),
    Command("volume qos disassociate", disassociate, "Take the limits from a type.",
            (name("QOS"), arg("--volume-type", dest="type", required=True, metavar="TYPE",
                              help="the volume type")),
            "volume qos disassociate --volume-type slow gentle", writes=True),
    Command("volume qos delete", qos_delete, "Delete limits that no type has.",
            (names("QOS"),), writes=True),
)  # fmt: skip
