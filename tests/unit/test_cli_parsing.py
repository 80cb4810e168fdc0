"""Words to commands, options before and after the noun, the environment, mistakes."""

from __future__ import annotations

from argparse import Namespace

import pytest

from backends.errors import Usage
from backends.services.instance import Plug
from console import cli
from console.commands import options
from console.commands.command import ALIASES, NOUNS, commands_of, every_command
from console.commands.find import find
from console.commands.server_create import plugs_of

# The notes' commands, word for word but for the program's name.
NOTES = (
    "project create --domain default --description Demo demo",
    "user create --domain default --password secretsecret myuser",
    "user create --domain default --password-prompt myuser",
    "role add --project demo --user myuser member",
    "image create cirros --file F --disk-format qcow2 --container-format bare --public",
    "image list",
    "network create selfservice",
    "network create --disable selfservice",
    "port create --disable --network selfservice spare",
    "subnet create --network selfservice --dns-nameserver 8.8.8.8 --gateway 172.16.1.1"
    " --subnet-range 172.16.1.0/24 selfservice",
    "flavor create --id 0 --vcpus 1 --ram 64 --disk 1 m0.nano",
    "server create --flavor m0.nano --image cirros --nic net-id=ID --security-group default"
    " selfservice-instance",
    "volume create --size 1 volume1",
    "volume list",
    "server add volume selfservice-instance volume1 --device /dev/vdb",
)


def parsed(line: str, **environment: str) -> Namespace:
    args = Namespace()
    options.head_parser().parse_args(line.split(), args)
    command, rest = find(args.words)
    options.command_parser(command).parse_args(rest, args)
    options.complete(args, environment)
    args.command = command.words
    return args


@pytest.mark.parametrize("line", NOTES)
def test_the_notes_commands_parse(line: str) -> None:
    assert line.startswith(parsed(line).command)


@pytest.mark.parametrize("command", every_command(), ids=lambda each: str(each.words))
def test_every_command_has_help_and_an_example_that_parses(command) -> None:  # type: ignore[no-untyped-def]
    assert options.command_parser(command).format_help().startswith("usage: quarterdeck")
    assert command.help.endswith(".")
    assert command.shows in ("", "rows", "fields")
    if command.example:
        assert parsed(command.example.replace('"', "")).command


def test_every_noun_has_commands_and_no_words_twice() -> None:
    assert all(commands_of(noun) for noun in NOUNS)
    assert set(ALIASES.values()) <= set(NOUNS)
    words = [each.words for each in every_command()]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("line", "environment", "dest", "value"),
    [
        ("--cloud a server list", {}, "os_cloud", "a"),
        ("server list --cloud a", {}, "os_cloud", "a"),
        ("--cloud a server list --cloud b", {}, "os_cloud", "b"),
        ("server list", {"QUARTERDECK_CLOUD": "e"}, "os_cloud", "e"),
        ("--cloud a server list", {"QUARTERDECK_CLOUD": "e"}, "os_cloud", "a"),
        ("server list", {}, "os_cloud", None),
        ("server list", {"QUARTERDECK_CLOUD": ""}, "os_cloud", None),
        ("--os-project-name p network list", {}, "os_project", "p"),
        ("network create --project p n", {}, "os_project", "p"),
        ("--os-project-id q network create n", {}, "os_project", "q"),
        ("network list", {"OS_PROJECT_NAME": "p", "OS_PROJECT_ID": "q"}, "os_project", "p"),
        ("server list", {"OS_USERNAME": "u"}, "os_username", "u"),
        ("server list", {"OS_PASSWORD": "w"}, "os_password", "w"),
        ("--os-user-domain-name Default --os-auth-url http://x server list", {}, "os_cloud", None),
        ("--read-only server list", {}, "read_only", True),
        ("server list --read-only", {}, "read_only", True),
        ("server list", {"QUARTERDECK_READ_ONLY": "1"}, "read_only", True),
        ("server list", {"QUARTERDECK_READ_ONLY": "0"}, "read_only", False),
        ("--dry-run server delete a", {}, "dry_run", True),
        ("server delete a --dry-run", {}, "dry_run", True),
        ("instance list", {}, "command", "server list"),
        ("server delete a b --wait", {}, "names", ["a", "b"]),
        ("server list -f json -c ID -c Name", {}, "columns", ["ID", "Name"]),
        ("console log show --lines 3 s", {}, "lines", 3),
        ("security group rule create --protocol tcp --dst-port 22 g", {}, "dst_port", "22"),
        ("image set --property a=b=c i", {}, "properties", [("a", "b=c")]),
        ("quota set --secgroup-rules 5 p", {}, "limit_security_group_rules", 5),
        ("server reboot --hard s", {}, "hard", True),
    ],
)
def test_options(line: str, environment: dict[str, str], dest: str, value: object) -> None:
    assert getattr(parsed(line, **environment), dest) == value


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("srver list", "usage.noun", "`server`"),
        ("server lst", "usage.verb", "`server list`"),
        ("server", "usage.verb", "create, list"),
        ("security group rle list", "usage.verb", "`security group rule list`"),
        ("server create x", "usage", "--flavor"),
        ("server list -f xml", "usage", "invalid choice"),
        ("server list --nonsense", "usage", "--nonsense"),
        ("volume create --size big v", "usage", "invalid int"),
        ("image set --property ab i", "usage", "KEY=VALUE"),
        ("image create --public --private i", "usage", "not allowed"),
    ],
)
def test_mistakes(line: str, code: str, said: str) -> None:
    with pytest.raises(Usage) as caught:
        parsed(line)
    assert caught.value.code == code
    assert said in caught.value.message
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "plugs"),
    [
        (None, None),
        ([("nic", "auto")], None),
        ([("nic", "none")], ()),
        ([("nic", "net-id=n")], (Plug("n"),)),
        ([("nic", "net-id=n,v4-fixed-ip=10.0.0.9")], (Plug("n", "10.0.0.9"),)),
        ([("nic", "port-id=p")], (Plug(port="p"),)),
        ([("port", "p"), ("network", "n")], (Plug(port="p"), Plug("n"))),
    ],
)
def test_plugs(given, plugs) -> None:  # type: ignore[no-untyped-def]
    assert plugs_of(given) == plugs


@pytest.mark.parametrize("text", ["n", "net-id=", "net-id=n,port-id=p", "v4-fixed-ip=1.2.3.4"])
def test_bad_plugs(text: str) -> None:
    with pytest.raises(Usage):
        plugs_of([("nic", text)])


def test_help_and_version_need_no_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["help", "server", "create"]) == 0
    assert "--security-group" in capsys.readouterr().out
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("quarterdeck ")
    assert cli.main(["server", "create", "--help"]) == 0
    assert "example: quarterdeck server create" in capsys.readouterr().out
    assert cli.main(["nonsense"]) == 2
    assert capsys.readouterr().err.startswith("quarterdeck: no command 'nonsense'")


def test_without_a_terminal_the_console_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "[usage.terminal]" in capsys.readouterr().err
