"""Servers (instances): listing, showing and the verbs of their life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.commands import chain, floating_ip, server_create, server_plug, server_reshape
from console.commands.command import ALL_PROJECTS, LONG, PROPERTIES, WAIT, Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Output, Rows

if TYPE_CHECKING:
    from backends.cloud import Cloud

_POWER = {
    "ACTIVE": "Running",
    "PAUSED": "Paused",
    "SHUTOFF": "Shutdown",
    "SUSPENDED": "Suspended",
    "CRASHED": "Crashed",
}


def create(job: Job) -> Output:
    made = server_create.create(job)
    if len(made) == 1:
        return _fields(job.cloud, made[0])
    listed = [row for row in job.cloud.instances.list() if row.id in made]
    return Rows(("ID", "Name", "Status"), [(row.id, row.name, row.status) for row in listed])


def list_(job: Job) -> Rows:
    args, cloud = job.args, job.cloud
    found = [
        row
        for row in cloud.instances.list(all_projects=args.all_projects)
        if args.status in (None, row.status) and (args.name is None or args.name in row.name)
    ]
    images = {row.id: row.name for row in cloud.images.list(all_projects=True)}
    addresses = cloud.ports.of_instances(all_projects=args.all_projects)
    if not args.long:
        return Rows(
            ("ID", "Name", "Status", "Networks", "Image", "Flavor"),
            [(row.id, row.name, row.status, addresses.get(row.id, {}),
              images.get(row.image_id or "", ""), row.flavor) for row in found],
        )  # fmt: skip
    return Rows(
        ("ID", "Name", "Status", "Power State", "Networks", "Image Name", "Image ID", "Flavor",
         "Host", "Project ID", "Wanted"),
        [(row.id, row.name, row.status, _POWER.get(row.status, "NOSTATE"),
          addresses.get(row.id, {}), images.get(row.image_id or "", ""), row.image_id, row.flavor,
          row.host, row.project_id, row.power.value) for row in found],
    )  # fmt: skip


def show(job: Job) -> Fields:
    return _fields(job.cloud, job.args.name)


def reboot(job: Job) -> None:
    job.cloud.instances.reboot(*job.args.names, hard=job.args.hard)


def set_(job: Job) -> None:
    args = job.args
    job.cloud.instances.set(
        args.name, name=args.new_name, hostname=args.hostname, properties=dict(args.properties)
    )


def add_volume(job: Job) -> Fields:
    args = job.args
    row = job.cloud.volumes.attach(
        args.volume, args.name, device=args.device, read_only=args.mode == "ro"
    )
    return Fields(
        {
            "Server ID": row.instance_id,
            "Volume ID": row.volume_id,
            "Device": f"/dev/{row.device}",
            "Delete On Termination": False,
        }
    )


def remove_volume(job: Job) -> None:
    job.each(job.args.volumes, lambda volume: job.cloud.volumes.detach(volume, job.args.name))


def _verb(verb: str, text: str, example: str = "", *more: Any) -> Command:
    """A verb that takes several servers at once, in one operation."""

    def run(job: Job) -> None:
        getattr(job.cloud.instances, verb)(*job.args.names)

    arguments = (names("SERVER"), WAIT, *more)
    return Command(f"server {verb}", run, text, arguments, example, writes=True)


def _fields(cloud: Cloud, ref: str) -> Fields:
    from console.commands.values import stamp

    row = cloud.instances.show(ref)
    now = cloud.instances.row(row.id)
    views = cloud.ports.list(device=row.id, all_projects=True)
    image = next(
        (each for each in cloud.images.list(all_projects=True) if each.id == row.image_id), None
    )
    return Fields(
        {
            "OS-EXT-SRV-ATTR:host": row.host,
            "OS-EXT-SRV-ATTR:hostname": row.hostname,
            "OS-EXT-STS:power_state": _POWER.get(now.status, "NOSTATE"),
            "OS-EXT-STS:vm_state": "stopped" if now.status == "SHUTOFF" else now.status.lower(),
            "addresses": cloud.ports.of_instances(all_projects=True).get(row.id, {}),
            "config_drive": row.config_drive,
            "created": stamp(row.created_at),
            "description": row.description or None,
            "flavor": f"{row.flavor_name} ({row.flavor_id})",
            "id": row.id,
            "image": f"{image.name} ({image.id})" if image else row.image_id,
            "key_name": row.key_name,
            "name": row.name,
            "project_id": row.project_id,
            "properties": row.properties,
            "security_groups": sorted({group for view in views for group in view.groups}),
            "status": now.status,
            "user_id": row.user_id,
            "volumes_attached": cloud.volumes.of_instance(row.id),
            "wanted": row.power.value,
        }
    )


COMMANDS = (
    Command(
        "server create", create, "Launch an instance; returns once it runs.",
        server_create.ARGUMENTS,
        "server create --flavor m0.nano --image cirros --nic net-id=NETWORK"
        " --security-group default selfservice-instance",
        "fields", writes=True,
    ),
    Command(
        "server list", list_, "List instances with their state.",
        (LONG, ALL_PROJECTS, arg("--name", help="with this in the name"),
         arg("--status", help="of this status alone")),
        shows="rows",
    ),
    Command("server show", show, "Show an instance.", (name("SERVER"),), shows="fields"),
    _verb("start", "Run stopped instances."),
    _verb("stop", "Shut instances down; after a while the plug is pulled."),
    _verb("pause", "Stop the processors; memory stays."),
    _verb("unpause", "Let paused instances go on."),
    _verb("suspend", "Save memory to disk and free it."),
    _verb("resume", "Let suspended instances go on."),
    Command(
        "server reboot", reboot, "Reboot: the guest is asked, or (hard) its reset button pressed.",
        (names("SERVER"),
         arg("--hard", dest="hard", action="store_true", group="how", help="press reset"),
         arg("--soft", dest="hard", action="store_false", group="how", help="ask (default)"), WAIT),
        "server reboot --hard selfservice-instance", writes=True,
    ),
    Command(
        "server set", set_, "Rename an instance or give it properties.",
        (name("SERVER"), arg("--name", dest="new_name", help="a new name"),
         arg("--hostname", metavar="NAME", help="what DNS and its guest call it"), PROPERTIES),
        "server set --name web selfservice-instance", writes=True,
    ),
    _verb(
        "delete", "Delete instances with their disks; volumes stay.", "server delete web db",
        arg("--force", action="store_true", help="accepted"),
    ),
    Command(
        "server add volume", add_volume, "Attach a volume, to a running instance too.",
        (name("SERVER"), arg("volume", metavar="VOLUME", help="the volume (name or id)"),
         arg("--device", metavar="/dev/vdX", help="where, as a hint"),
         arg("--mode", choices=("rw", "ro"), default="rw", help="ro: it may not write to it")),
        "server add volume selfservice-instance volume1 --device /dev/vdb", "fields", writes=True,
    ),
    Command(
        "server remove volume", remove_volume, "Detach volumes; returns once the guest let go.",
        (name("SERVER"), arg("volumes", nargs="+", metavar="VOLUME", help="volumes (name or id)")),
        "server remove volume selfservice-instance volume1", writes=True,
    ),
    Command(
        "server console", server_create.console,
        "Type into an instance's serial console; ctrl-] leaves it.",
        (name("SERVER"),), "server console selfservice-instance",
    ),
    *server_plug.COMMANDS,
    *server_reshape.COMMANDS,
    *chain.DISKS,
    *floating_ip.OF_SERVERS,
)  # fmt: skip
