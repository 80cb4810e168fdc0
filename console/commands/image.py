"""Images: listing, showing, changing, sharing. How they are made is in `image_create`."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

from console.commands import chain, image_create
from console.commands.command import ALL_PROJECTS, LONG, PROPERTIES, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Rows

if TYPE_CHECKING:
    from backends.records.image import Image


def create(job: Job) -> Fields:
    return fields(image_create.create(job))


def list_(job: Job) -> Rows:
    args = job.args
    rows = [
        row
        for row in job.cloud.images.list(
            all_projects=args.all_projects, membership=args.member_status
        )
        if args.visibility in (None, row.visibility.value) and args.name in (None, row.name)
    ]
    if not args.long:
        return Rows(("ID", "Name", "Status"), [(row.id, row.name, status(row)) for row in rows])
    return Rows(
        ("ID", "Name", "Disk Format", "Container Format", "Size", "Checksum", "Status",
         "Visibility", "Protected", "Project", "Tags"),
        [(row.id, row.name, row.disk_format, row.container_format, row.size, row.sha256,
          status(row), row.visibility.value, row.protected, row.project_id, [])
         for row in rows],
    )  # fmt: skip


def show(job: Job) -> Fields:
    return fields(job.cloud.images.show(job.args.name))


def set_(job: Job) -> None:
    args = job.args
    if args.answer is not None:
        job.cloud.images.answer(args.name, args.answer)
        return
    job.cloud.images.set(
        args.name,
        active=args.active,
        name=args.new_name,
        visibility=args.visibility,
        protected=args.protected,
        min_disk=args.min_disk,
        min_ram=args.min_ram,
        properties=dict(args.properties),
    )


def unset(job: Job) -> None:
    job.cloud.images.set(job.args.name, unset=tuple(job.args.unset))


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.images.delete)


def add_project(job: Job) -> Fields:
    args, images = job.args, job.cloud.images
    images.share(args.name, args.member)
    return Fields({"image_id": images.show(args.name).id, "member_id": args.member})


def remove_project(job: Job) -> None:
    job.cloud.images.share(job.args.name, job.args.member, member=False)


def members(job: Job) -> Rows:
    rows = [each[:3] for each in job.cloud.images.memberships(job.args.name)]
    return Rows(("Image ID", "Member ID", "Status"), rows)


def save(job: Job) -> None:
    args, images = job.args, job.cloud.images
    if args.file:
        images.save(args.name, args.file)
        return
    from backends.errors import Usage
    from backends.records.identity import Role

    if sys.stdout.isatty():
        raise Usage("usage", "an image is no text: name a --file, or pipe it somewhere")
    job.cloud.caller.require(Role.MEMBER, "save an image")
    with images.content(args.name) as file:
        shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)


def verify(job: Job) -> Fields:
    return fields(job.cloud.images.verify(job.args.name))


def repair(job: Job) -> Fields:
    return fields(job.cloud.images.repair(job.args.name, job.args.source))


def convert(job: Job) -> Fields:
    return fields(job.cloud.images.convert(job.args.name, job.args.to))


def catalog(job: Job) -> Rows:
    from backends.catalog import CATALOG

    columns = ("Name", "System", "Version", "Architecture", "Format", "User", "URL")
    return Rows(
        columns,
        [(each.name, each.system, each.version, each.architecture, each.disk_format, each.user,
          each.url) for each in CATALOG],
    )  # fmt: skip


def status(row: Image) -> str:
    """Glance's word for it."""
    if row.absent:
        return "pending_delete"
    if not row.ready:
        return "importing"
    if row.damaged:
        return "damaged"
    return "active" if row.active else "deactivated"


def fields(row: Image) -> Fields:
    from console.commands.values import stamp

    properties: dict[str, Any] = dict(row.properties)
    for key, value in (("kernel_id", row.kernel_id), ("ramdisk_id", row.ramdisk_id)):
        if value is not None:
            properties[key] = value
    for key, place in (("base_image_ref", row.parent_id), ("source", row.origin)):
        if place is not None:
            properties.setdefault(key, place)
    if row.sha512:
        properties |= {"os_hash_algo": "sha512", "os_hash_value": row.sha512}
    return Fields(
        {
            "checksum": row.sha256,
            "container_format": row.container_format,
            "created_at": stamp(row.created_at),
            "disk_format": row.disk_format,
            "id": row.id,
            "min_disk": row.min_disk,
            "min_ram": row.min_ram,
            "name": row.name,
            "owner": row.project_id,
            "properties": properties,
            "protected": row.protected,
            "size": row.size,
            "status": status(row),
            "virtual_size": row.virtual_size,
            "visibility": row.visibility.value,
        }
    )


COMMANDS = (
    Command(
        "image create", create, "Import an image from a file, a URL or the catalog.",
        image_create.ARGUMENTS,
        'image create "cirros" --file cirros-0.6.3-x86_64-disk.img --disk-format qcow2'
        " --container-format bare --public",
        "fields", writes=True,
    ),
    Command(
        "image list", list_, "List the images you may use.",
        (LONG, ALL_PROJECTS, *image_create.VISIBILITY, arg("--name", help="of this name alone"),
         arg("--member-status", default="accepted", metavar="STATUS",
             help="of those offered to this project: accepted, pending, rejected or all")),
        shows="rows",
    ),
    Command("image show", show, "Show an image.", (name("IMAGE"),), shows="fields"),
    Command(
        "image set", set_, "Change an image.",
        (name("IMAGE"), arg("--name", dest="new_name", help="a new name"), PROPERTIES,
         *image_create.VISIBILITY, *image_create.LIMITS, *image_create.ACTIVE,
         *image_create.ANSWERS),
        "image set --protected lab", writes=True,
    ),
    Command(
        "image unset", unset, "Take properties from an image.",
        (name("IMAGE"), arg("--property", dest="unset", action="append", default=[],
                            required=True, metavar="KEY", help="the property (repeat)")),
        writes=True,
    ),
    Command(
        "image delete", delete, "Delete images that nothing stands on.",
        (names("IMAGE"),), writes=True,
    ),
    Command(
        "image add project", add_project, "Let a project use a shared image.",
        (name("IMAGE"), arg("member", metavar="PROJECT", help="the project's id")),
        "image add project lab PROJECT_ID", "fields", writes=True,
    ),
    Command(
        "image remove project", remove_project, "Let a project use a shared image no longer.",
        (name("IMAGE"), arg("member", metavar="PROJECT", help="the project's id")), writes=True,
    ),
    Command(
        "image member list", members, "List the projects an image is shared with.",
        (name("IMAGE"),), shows="rows",
    ),
    Command(
        "image save", save, "Copy an image to a file, or to where the output is piped.",
        (name("IMAGE"), arg("--file", metavar="FILE", help="the file")),
        "image save --file lab.qcow2 lab", writes=True,
    ),
    Command(
        "image verify", verify, "Hold an image's file to the checksums it was imported with.",
        (name("IMAGE"),), "image verify lab", "fields", writes=True,
    ),
    Command(
        "image repair", repair, "Fetch an image's lost or damaged file again, by its checksum.",
        (name("IMAGE"),
         arg("--from", dest="source", metavar="SOURCE",
             help="a file or URL (an equal image, or where it came from)")),
        "image repair --from lab.qcow2 lab", "fields", writes=True,
    ),
    Command(
        "image convert", convert, "Put an image that nothing stands on into another format.",
        (name("IMAGE"),
         arg("--to", required=True, metavar="FORMAT", help="qcow2, raw, vdi, vhd, vhdx, vmdk")),
        "image convert --to qcow2 legacy", "fields", writes=True,
    ),
    *chain.COMMANDS,
    Command(
        "image catalog", catalog, "List public cloud images that `image create --catalog` knows.",
        (), "image create --catalog debian-12", "rows",
    ),
)  # fmt: skip
