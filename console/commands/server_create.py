"""Launching instances: one, or several at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.errors import QuarterdeckError, Refused, Usage
from console.commands.command import PROJECT, PROPERTIES, WAIT, arg, fields_of
from console.commands.job import Job

if TYPE_CHECKING:
    from backends.services.instance import NewInstance, Plug

_NIC = ("net-id", "port-id", "v4-fixed-ip", "v6-fixed-ip", "tag")


class Plugged(argparse.Action):
    """Keeps `--nic`, `--network` and `--port` in the order in which they were given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        namespace.plugs = [*(namespace.plugs or ()), (self.const, values)]


def create(job: Job) -> list[str]:
    """Launch what the arguments say; returns the ids. Raises what launching the first raises."""
    from backends.services.instance import NewInstance

    args = job.args
    volume = _volume(job)
    new = NewInstance(
        name=args.name,
        flavor=args.flavor,
        image="" if volume else args.image,
        volume=volume,
        plugs=plugs_of(args.plugs),
        groups=tuple(args.groups) or None,
        key=args.key_name,
        user_data=_user_data(args.user_data),
        config_drive=args.config_drive is not False,
        properties=dict(args.properties),
    )
    least = args.min or 1
    most = args.max or least
    if not 1 <= least <= most:
        raise Usage("usage", f"--min {least} to --max {most} is no number of instances")
    if most == 1:
        return [job.cloud.instances.create(new).id]
    return _several(job, new, least, most)


def _volume(job: Job) -> str:
    """The volume that is booted from; empty for none. Makes the one that is asked for."""
    args = job.args
    if bool(args.image) == bool(args.volume) or (args.boot_from_volume and args.volume):
        raise Usage("usage", "name what it boots: --image IMAGE (and --boot-from-volume GIB), "
                             "or --volume VOLUME")  # fmt: skip
    if not args.boot_from_volume:
        return args.volume or ""
    if job.args.dry_run or (args.max or args.min or 1) > 1:
        raise Usage("usage", "--boot-from-volume makes one volume for one instance, and no plan")
    from backends.services.volume import NewVolume

    new = NewVolume(f"{args.name}-root", args.boot_from_volume, image=args.image)
    return job.cloud.volumes.make(new).id


def _several(job: Job, new: NewInstance, least: int, most: int) -> list[str]:
    """`most` if it can be; fewer than `least` is none at all."""
    made: list[str] = []
    try:
        job.each(
            [f"{new.name}-{number}" for number in range(1, most + 1)],
            lambda name: made.append(job.cloud.instances.create(replace(new, name=name)).id),
        )
    except QuarterdeckError as error:
        if len(made) < least:
            if made:
                job.cloud.instances.delete(*made)
            raise
        job.say(f"{len(made)} of {most} instances: {error}")
    return made


def plugs_of(given: Sequence[tuple[str, str]] | None) -> tuple[Plug, ...] | None:
    """What `--nic`, `--network` and `--port` mean; None leaves the choice to the service.

    Raises Usage `usage`.
    """
    from backends.services.instance import Plug

    if not given or given == [("nic", "auto")]:
        return None
    if given == [("nic", "none")]:
        return ()
    plugs = []
    for kind, text in given:
        if kind == "network":
            plugs.append(Plug(network=text))
        elif kind == "port":
            plugs.append(Plug(port=text))
        else:
            nic = fields_of(text, _NIC)
            if ("net-id" in nic) == ("port-id" in nic):
                raise Usage("usage", f"--nic {text!r} names neither net-id= nor port-id=, or both")
            address = nic.get("v4-fixed-ip") or nic.get("v6-fixed-ip") or ""
            plugs.append(Plug(nic.get("net-id", ""), address, nic.get("port-id", "")))
    return tuple(plugs)


def console(job: Job) -> None:
    from console.commands.serial import attach

    attach(job)


def _user_data(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            "instance.user_data.unreadable", f"no user data in {path!r}: {error}"
        ) from None


def _plug(flag: str, kind: str, metavar: str, text: str) -> Any:
    return arg(flag, dest="plugs", action=Plugged, const=kind, default=None, metavar=metavar,
               help=text)  # fmt: skip


ARGUMENTS = (
    arg("name", metavar="NAME"),
    arg("--flavor", required=True, help="its size (name or id)"),
    arg("--image", help="what it boots (name or id)"),
    arg("--volume", help="a bootable volume that it boots instead (name or id)"),
    arg("--boot-from-volume", type=int, metavar="GIB",
        help="boot from a new volume of this size, made from the image"),
    _plug("--nic", "nic", "net-id=N|port-id=P[,v4-fixed-ip=A]", "a plug (repeat); auto, none"),
    _plug("--network", "network", "NETWORK", "a plug on this network (repeat)"),
    _plug("--port", "port", "PORT", "a port that is there (repeat)"),
    arg("--security-group", dest="groups", action="append", default=[], metavar="GROUP",
        help="a security group (repeat; default)"),
    arg("--key-name", metavar="KEY", help="a key pair of yours"),
    arg("--user-data", metavar="FILE", help="what cloud-init is told"),
    arg("--config-drive", "--use-config-drive", dest="config_drive", action="store_const",
        const=True, default=None, group="drive", help="with a config drive (default)"),
    arg("--no-config-drive", dest="config_drive", action="store_const", const=False, default=None,
        group="drive", help="without one"),
    PROPERTIES,
    arg("--min", type=int, metavar="N", help="the least number of instances (1)"),
    arg("--max", type=int, metavar="N", help="the most (the least)"),
    PROJECT,
    WAIT,
)  # fmt: skip
