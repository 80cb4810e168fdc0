"""In read-only mode, and by the reader role, nothing changes: all verbs, commands, actions."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from collections.abc import Iterator

import libvirt
import pytest
from sqlalchemy import text

from backends.access import Access
from backends.cloud import Cloud
from backends.destroy import destroy
from backends.drivers.labels.steps import WriteLabel
from backends.errors import QuarterdeckError, Refused
from backends.init import init
from backends.rescue import rescue
from console.actions import REGISTRY, offered
from console.cli import main
from console.commands.command import NOUNS, Command, commands_of
from tests.real.lab import Lab
from tests.real.picture import difference, picture
from tests.real.verbs import Verb, furnish, verbs

# Commands that go on until they are interrupted, or that take the terminal.
_ENDLESS = {"agent", "server console", "operation watch", "trace"}


@pytest.fixture(scope="module")
def furnished(shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    furnish(shared_lab, tmp_path_factory.mktemp("sources"))
    return shared_lab


@pytest.fixture(scope="module", params=["--read-only", "the admin's --read-only", "reader role"])
def looker(request: pytest.FixtureRequest, furnished: Lab) -> Iterator[Cloud]:
    """Somebody who may only look."""
    who = {
        "--read-only": Access(
            cloud=furnished.name, user="ships-user", project="ships", read_only=True
        ),
        "the admin's --read-only": Access(cloud=furnished.name, read_only=True),
        "reader role": Access(cloud=furnished.name, user="eye", project="ships"),
    }
    cloud = Cloud.open(who[request.param])
    yield cloud
    cloud.close()


def test_every_verb_looks_or_is_refused_and_nothing_changes(furnished: Lab, looker: Cloud) -> None:
    before = picture(furnished)
    for verb in verbs():
        code = _code(verb, looker)
        if str(verb) == "drift.recover":
            assert code == ""
        elif verb.looks:
            # What the reader may not see, or a verb for the admin alone.
            assert code in ("", "right.missing") or code.endswith(".not_found"), f"{verb}: {code}"
        else:
            assert code == "readonly", (
                f"{verb}: {code or 'was done; if it only looks, LOOKS has to say so'}"
            )
    assert difference(before, picture(furnished)) == []


def test_the_same_verbs_are_done_by_who_may(furnished: Lab) -> None:
    """Else the refusals above would show nothing: they could be of the arguments."""
    cloud = furnished.open()
    refused = {}
    for verb in verbs():
        if verb.looks or verb.service == "drift":
            continue
        try:
            cloud.preview(lambda verb=verb: verb.call(cloud))  # type: ignore[misc]
        except QuarterdeckError as error:
            refused[str(verb)] = error.code
    assert {name: code for name, code in refused.items() if code.startswith("right")} == {}


def test_no_action_of_the_console_is_offered_or_done(furnished: Lab, looker: Cloud) -> None:
    before = picture(furnished)
    for action in REGISTRY.values():
        if action.verb is None:
            continue
        assert action.writes, f"{action.id} changes something and does not say so"
        assert not offered(action, writes=False)
        with pytest.raises(Refused) as refusal:
            action.verb(looker, ["anchor"])
        assert refusal.value.code == "readonly", action.id
    assert difference(before, picture(furnished)) == []


def _commands() -> list[Command]:
    return [command for noun in NOUNS for command in commands_of(noun)]


# In an example, but not here: what does nothing anyway, and what asks a person.
_LEFT_OUT = ("--dry-run", "--password-prompt")
# Options of which a command takes at least one, and what has to be a real file.
_NEEDED = {
    "image create": ["new", "--file", __file__],
    "keypair create": ["--public-key", __file__],
    "orphan adopt": ["--all"],
    "orphan remove": ["--all"],
    "port set": ["plug"],
    "port unset": ["plug"],
    "quota set": ["--volumes", "3"],
    "role add": ["--user", "eye", "--project", "ships"],
    "role remove": ["--user", "eye", "--project", "ships"],
    "router unset": ["gate", "--external-gateway"],
    "router add route": ["gate", "--route", "destination=10.0.0.0/8,gateway=172.16.9.5"],
    "router remove route": ["gate", "--route", "destination=10.0.0.0/8,gateway=172.16.9.5"],
    "security group rule create": ["--protocol", "tcp"],
    "server create": ["--image", "lab"],
    "server resize": ["--flavor", "m1.lab"],
    "subnet unset": ["net", "--dns-nameserver", "9.9.9.9"],
    "user create": ["--password", "a long password"],
    "user set": ["--email", "eye@example.org"],
    "user password set": ["--password", "a long password"],
}


def _argv(command: Command) -> list[str]:
    """The command with as many arguments as it takes at least."""
    argv, more = command.words.split(), _NEEDED.get(command.words, [])
    groups = set()
    for each in command.arguments:
        flag, options = each.flags[0], each.options
        value = options.get("choices", ["1" if options.get("type") is int else "anchor"])[0]
        if not flag.startswith("-"):
            left_out = options.get("nargs") in ("?", "*") or (more and more[0][0] != "-")
            argv += [] if left_out else [value]
        elif options.get("required") and flag not in more:
            argv += [flag, value]
        elif each.group and each.group not in groups and not more:
            groups.add(each.group)
            argv += [flag] if options.get("action", "").startswith("store_") else [flag, value]
    return argv + more


def test_no_command_changes_anything(furnished: Lab) -> None:
    before = picture(furnished)
    head = ["--cloud", furnished.name, "--read-only"]
    for command in _commands():
        if command.words in _ENDLESS:
            continue
        example = [word for word in shlex.split(command.example) if word not in _LEFT_OUT]
        for argv in (_argv(command), example):
            if not argv or "--cloud" in argv:
                continue
            status, said = _run([*head, *argv])
            assert "internal" not in said, f"{argv}: {said}"
            assert status != 0 or not command.writes, f"{argv} was done: {said}"
    assert difference(before, picture(furnished)) == []


def test_every_writing_command_says_that_it_is_read_only(furnished: Lab) -> None:
    otherwise = {}
    for command in _commands():
        if command.writes:
            status, said = _run(["--cloud", furnished.name, "--read-only", *_argv(command)])
            if (status, "[readonly]" in said) != (1, True):
                otherwise[command.words] = f"{status} {said}"
    for words, said in otherwise.items():
        print(words, said)
    assert list(otherwise) == []


@pytest.mark.parametrize("name", ["init", "rescue", "destroy"])
def test_a_whole_cloud_is_neither_made_nor_taken_away(furnished: Lab, name: str) -> None:
    before = picture(furnished)
    here = Access(cloud=furnished.name, read_only=True)
    fresh = Access(cloud="t-never-made", read_only=True)
    verb = {"init": init, "rescue": rescue, "destroy": destroy}[name]
    for access in (here, fresh):
        with pytest.raises(Refused) as refusal:
            verb(access)
        assert refusal.value.code == "readonly"
    assert not (fresh.state_root / fresh.cloud).exists()
    assert difference(before, picture(furnished)) == []


# Each of the three levels alone


def test_the_store_itself_refuses(looker: Cloud) -> None:
    store = looker.context.store
    assert store.read_only
    with pytest.raises(QuarterdeckError) as error, store.read() as session:
        session.execute(text("UPDATE instance SET name = 'changed'"))
    assert "readonly" in error.value.message


def test_libvirt_itself_refuses(furnished: Lab, looker: Cloud) -> None:
    connection = looker.machine.libvirt.connection()
    domain = connection.lookupByUUIDString(furnished.cloud.instances.show("anchor").id)
    for change in (domain.destroy, domain.suspend, domain.undefine):
        with pytest.raises(libvirt.libvirtError) as error:
            change()
        assert error.value.get_error_code() == libvirt.VIR_ERR_OPERATION_DENIED


def test_the_host_itself_refuses(looker: Cloud) -> None:
    machine = looker.machine
    marker = machine.settings.state / "written"
    for change in (
        lambda: machine.host.run(["touch", str(marker)]),
        lambda: machine.host.write_text(marker, "x"),
        lambda: machine.host.make_dir(marker),
        lambda: machine.host.remove(machine.settings.state / "store.db"),
        lambda: machine.host.remove_tree(machine.settings.state),
        lambda: machine.apply(WriteLabel("project", "x", "{}"), lambda share: None),
        lambda: machine.labels.apply(WriteLabel("project", "x", "{}"), lambda share: None),
    ):
        with pytest.raises(Refused) as refusal:
            change()
        assert refusal.value.code == "host.readonly"
    assert not marker.exists()
    assert (machine.settings.state / "store.db").exists()


def _code(verb: Verb, cloud: Cloud) -> str:
    """How it was refused; empty where it was done."""
    try:
        verb.call(cloud)
    except Refused as refusal:
        return refusal.code
    return ""


def _run(argv: list[str]) -> tuple[int, str]:
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        status = main(argv)
    return status, json.dumps(told.getvalue()[-400:])
