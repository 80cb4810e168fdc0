"""Key pairs. A private key is shown or written once, and kept nowhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.command import Command, arg, name, names
from console.commands.job import Job
from console.commands.output import Fields, Output, Rows, Text

if TYPE_CHECKING:
    from backends.records.identity import KeyPair


def create(job: Job) -> Output:
    args = job.args
    if args.private_key:
        return _create_into(Path(args.private_key).expanduser(), job)
    made = job.cloud.keypairs.create(args.name, _read(args.public_key) if args.public_key else None)
    return _fields(made.keypair) if made.private_key is None else Text(made.private_key)


def _create_into(path: Path, job: Job) -> Fields:
    """The file is made first: a key that cannot be written would be lost."""
    from backends.errors import Refused

    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Refused("keypair.file", f"{str(path)!r} is not written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        try:
            made = job.cloud.keypairs.create(job.args.name)
        except BaseException:
            path.unlink()
            raise
        file.write(made.private_key or "")
    return _fields(made.keypair)


def list_(job: Job) -> Rows:
    rows = [(row.name, row.fingerprint, "ssh") for row in job.cloud.keypairs.list()]
    return Rows(("Name", "Fingerprint", "Type"), rows)


def show(job: Job) -> Output:
    row = job.cloud.keypairs.show(job.args.name)
    return Text(row.public_key + "\n") if job.args.public_key else _fields(row)


def delete(job: Job) -> None:
    job.each(job.args.names, job.cloud.keypairs.delete)


def _fields(row: KeyPair) -> Fields:
    from console.commands.values import stamp

    return Fields(
        {
            "created_at": stamp(row.created_at),
            "fingerprint": row.fingerprint,
            "id": row.name,
            "name": row.name,
            "type": "ssh",
            "user_id": row.user_id,
        }
    )


def _read(path: str) -> str:
    from backends.errors import Refused

    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("keypair.invalid", f"no public key in {path!r}: {error}") from None


COMMANDS = (
    Command(
        "keypair create", create,
        "Keep a public key; without one, make a pair and print the private key, this once.",
        (arg("name", metavar="NAME"),
         arg("--public-key", metavar="FILE", group="key", help="the public key to keep"),
         arg("--private-key", metavar="FILE", group="key",
             help="the private key goes here (0600)"),
         arg("--type", choices=("ssh",), default="ssh", metavar="ssh", help="accepted")),
        "keypair create --public-key ~/.ssh/id_ed25519.pub mykey", "fields", writes=True,
    ),
    Command("keypair list", list_, "List your key pairs.", shows="rows"),
    Command(
        "keypair show", show, "Show a key pair.",
        (name("KEY"), arg("--public-key", action="store_true", help="the public key alone")),
        shows="fields",
    ),
    Command("keypair delete", delete, "Forget key pairs.", (names("KEY"),), writes=True),
)  # fmt: skip
