"""Verbs on a real store in a folder: what they write, refuse, and leave alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select

from backends.cloud import Cloud
from backends.errors import NotFound, QuarterdeckError, Refused
from backends.records.identity import Role
from backends.records.operation import Operation, Outcome
from backends.records.tables import User, Volume
from backends.services import quota
from backends.services.keypair import fingerprint_of
from backends.services.user import hash_password, verify_password
from tests.unit.shelf import Shelf

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDkuCWFq5lGUFLK6YjlVHeUSlSHYDVqUmNaYjsAYvAUj kim@deck"


def refused(verb: Callable[[], object]) -> str:
    """The code with which a verb is refused."""
    with pytest.raises(QuarterdeckError) as refusal:
        verb()
    assert str(refusal.value).isprintable()
    return refusal.value.code


# Identity


def test_a_project_has_its_default_group_and_its_label(shelf: Shelf) -> None:
    cloud = shelf.open()
    project = cloud.identity.create_project("ships", description="All of them")
    assert [row.name for row in cloud.identity.projects()] == ["admin", "ships"]
    groups = cloud.security_groups.list(all_projects=True)
    assert {(group.project_id, group.name) for group in groups} >= {(project.id, "default")}
    label = shelf.settings.labels / "project" / f"{project.id}.json"
    assert '"name":"ships"' in label.read_text()
    cloud.identity.set_project("ships", name="boats")
    assert '"name":"boats"' in label.read_text()
    cloud.identity.delete_project("boats")
    assert not label.exists()
    assert [row.name for row in cloud.identity.projects()] == ["admin"]


def test_names_are_taken_once(shelf: Shelf) -> None:
    cloud = shelf.open()
    cloud.identity.create_project("ships")
    cloud.identity.create_user("kim")
    cloud.identity.create_group("crew")
    cloud.keypairs.create("mine", KEY)
    assert refused(lambda: cloud.identity.create_project("ships")) == "project.exists"
    assert refused(lambda: cloud.identity.create_user("kim")) == "user.exists"
    assert refused(lambda: cloud.identity.create_group("crew")) == "group.exists"
    assert refused(lambda: cloud.keypairs.create("mine", KEY)) == "keypair.exists"
    assert refused(lambda: cloud.identity.set_user("kim", name="admin")) == "user.exists"
    assert refused(lambda: cloud.identity.set_project("ships", name="admin")) == "project.exists"


def test_the_same_name_typed_in_two_ways_is_one(shelf: Shelf) -> None:
    identity = shelf.open().identity
    made = identity.create_project("Cafe\u0301")
    assert made.name == "Café"
    assert identity.project("Cafe\u0301").id == identity.project("Café").id == made.id
    assert refused(lambda: identity.create_project("Café")) == "project.exists"


def test_roles_are_given_and_taken(shelf: Shelf) -> None:
    identity = shelf.open().identity
    identity.create_project("ships")
    identity.create_user("kim")
    identity.create_group("crew")
    identity.assign("member", user="kim", project="ships")
    identity.assign("member", user="kim", project="ships")
    identity.set_member("crew", "kim", True)
    identity.assign("reader", group="crew", project="ships")
    assert len(identity.assignments(project="ships")) == 2
    identity.withdraw("member", user="kim", project="ships")
    assert refused(lambda: identity.withdraw("member", user="kim", project="ships")) == (
        "role.not_assigned"
    )
    assert refused(lambda: identity.assign("captain", user="kim")) == "role.not_found"
    assert refused(lambda: identity.assign("member")) == "role.who"
    identity.delete_user("kim")
    identity.delete_group("crew")
    assert identity.assignments(project="ships") == []


def test_a_member_sees_only_their_own(shelf: Shelf) -> None:
    ships, docks = shelf.member("ships"), shelf.member("docks")
    ships.volumes.create("cargo", 1)
    volume = ships.volumes.show("cargo").volume.id
    assert docks.volumes.list(all_projects=True) == []
    assert refused(lambda: docks.volumes.show(volume)) == "volume.not_found"
    assert refused(lambda: docks.volumes.show("cargo")) == "volume.not_found"
    assert refused(lambda: docks.volumes.delete(volume)) == "volume.not_found"
    assert refused(lambda: docks.identity.project("ships")) == "project.not_found"
    assert refused(lambda: docks.identity.user("ships-member")) == "user.not_found"
    assert refused(lambda: docks.quotas.show("ships")) in ("project.not_found", "right.missing")
    assert [row.name for row in docks.identity.projects()] == ["docks"]
    assert [row.verb for row in docks.operations.list()] == []
    (operation,) = ships.operations.list()
    assert refused(lambda: docks.operations.show(operation.id)) == "operation.not_found"


@pytest.mark.parametrize(
    "verb",
    [
        lambda cloud: cloud.identity.create_project("x"),
        lambda cloud: cloud.identity.create_domain("x"),
        lambda cloud: cloud.identity.create_user("x"),
        lambda cloud: cloud.identity.create_group("x"),
        lambda cloud: cloud.identity.assign("admin", user="ships-member"),
        lambda cloud: cloud.identity.set_user("ships-member", name="boss"),
        lambda cloud: cloud.quotas.set("ships", {"instances": 99}),
        lambda cloud: cloud.flavors.create("x", ram=1),
        lambda cloud: cloud.drift.repair(),
    ],
)
def test_a_member_is_not_the_clouds_admin(shelf: Shelf, verb: Callable[[Cloud], object]) -> None:
    member = shelf.member("ships")
    assert refused(lambda: verb(member)) == "right.missing"


def test_a_reader_only_reads(shelf: Shelf) -> None:
    reader = shelf.member("ships", Role.READER)
    assert reader.volumes.list() == []
    assert refused(lambda: reader.volumes.create("cargo", 1)) == "right.missing"
    assert refused(lambda: reader.keypairs.create("mine", KEY)) == "right.missing"


def test_a_name_that_two_have_takes_the_id(shelf: Shelf) -> None:
    cloud = shelf.open()
    first = cloud.volumes.create("twin", 1)
    cloud.volumes.create("twin", 1)
    assert refused(lambda: cloud.volumes.delete("twin")) == "volume.ambiguous"
    cloud.volumes.delete(first.id)
    cloud.volumes.delete("twin")
    assert cloud.volumes.list() == []


# Passwords and keys


def test_passwords_are_hashed_by_argon2id(shelf: Shelf) -> None:
    shelf.open().identity.create_user("kim", password="correct horse")
    with shelf.open().context.store.read() as session:
        hashed = session.exec(select(User.password_hash).where(User.name == "kim")).one()
    assert hashed is not None
    assert hashed.startswith("$argon2id$")
    assert verify_password(hashed, "correct horse")
    assert not verify_password(hashed, "correct horsf")
    assert not verify_password(None, "")
    assert not verify_password("no hash", "x")
    assert refused(lambda: hash_password("short")) == "user.password.short"


def test_a_fingerprint_is_ssh_keygens(tmp_path: Path) -> None:
    import subprocess

    path = tmp_path / "key.pub"
    path.write_text(KEY + "\n")
    said = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True)
    assert fingerprint_of(KEY) == said.stdout.split()[1]


@pytest.mark.parametrize(
    "text",
    [
        "", "ssh-ed25519", "ssh-ed25519 not-base64!", "ssh-rsa " + KEY.split()[1],
        KEY + "\nssh-ed25519 AAAA", "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----",
        "ssh-ed25519 " + "A" * 20000, "\u00fc " + KEY.split()[1],
    ],
)  # fmt: skip
def test_what_is_no_public_key(shelf: Shelf, text: str) -> None:
    assert refused(lambda: shelf.open().keypairs.create("mine", text)) == "keypair.invalid"


def test_a_made_key_pair_is_handed_out_once(shelf: Shelf) -> None:
    keypairs = shelf.open().keypairs
    made = keypairs.create("mine")
    assert made.private_key is not None
    assert made.private_key.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert keypairs.show("mine").fingerprint == fingerprint_of(made.keypair.public_key)
    assert made.private_key.encode() not in Path(shelf.path).read_bytes()
    keypairs.delete("mine")
    assert refused(lambda: keypairs.show("mine")) == "keypair.not_found"


# Quotas


def test_quotas_have_openstacks_defaults_and_can_be_set(shelf: Shelf) -> None:
    quotas = shelf.open().quotas
    assert quotas.show()["instances"] == (10, 0)
    quotas.set("admin", {"volumes": 1, "gigabytes": -1})
    assert quotas.show("admin")["volumes"] == (1, 0)
    assert quotas.show("admin")["gigabytes"] == (-1, 0)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"sails": 1}, "quota.unknown"),
        ({"volumes": -2}, "quota.invalid"),
        ({"volumes": 2**80}, "quota.invalid"),
    ],
)
def test_bad_quotas(shelf: Shelf, limits: dict[str, int], code: str) -> None:
    cloud = shelf.open()
    before = cloud.quotas.show()
    assert refused(lambda: cloud.quotas.set("admin", limits)) == code
    assert cloud.quotas.show() == before


@pytest.mark.parametrize(("limit", "used", "more", "fits"), [
    (0, 0, 1, False), (1, 0, 1, True), (1, 1, 1, False), (-1, 9, 9, True), (3, 2, 2, False),
])  # fmt: skip
def test_what_a_quota_lets_through(
    shelf: Shelf, limit: int, used: int, more: int, fits: bool
) -> None:
    cloud = shelf.open()
    cloud.quotas.set("admin", {"volumes": limit, "gigabytes": -1})
    with cloud.context.store.write() as session:
        session.add_all(
            Volume(project_id=shelf.home, size=1, driver="file", host="deck") for _ in range(used)
        )
        if fits:
            quota.check(session, shelf.home, {"volumes": more})
        else:
            assert refused(lambda: quota.check(session, shelf.home, {"volumes": more})) == (
                "quota.exceeded"
            )


def test_fifty_at_once_get_what_the_quota_allows(shelf: Shelf) -> None:
    shelf.open().quotas.set("admin", {"volumes": 7})
    cloud, outcomes = shelf.open(), []
    start = threading.Barrier(50)

    def create(number: int) -> None:
        start.wait()
        try:
            cloud.volumes.create(f"v{number}", 1)
            outcomes.append("made")
        except Refused as refusal:
            outcomes.append(refusal.code)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] * 7 + ["quota.exceeded"] * 43
    assert len(cloud.volumes.list()) == 7
    files = [path for path in shelf.settings.volumes.iterdir() if path.suffix != ".json"]
    assert len(files) == 7


# Operations


def test_a_verb_is_journaled_with_its_steps(shelf: Shelf) -> None:
    cloud = shelf.open()
    begun: list[str] = []
    with cloud.context.on_start(begun.append):
        cloud.volumes.create("cargo", 2)
    operation, steps = cloud.operations.show(begun[0])
    assert (operation.verb, operation.target_name) == ("volume.create", "cargo")
    assert operation.outcome is Outcome.DONE
    assert operation.user == "admin"
    assert operation.ended_at is not None
    assert [step.outcome for step in steps] == [Outcome.DONE]
    assert steps[0].text.startswith("create volume")
    assert refused(lambda: cloud.operations.cancel(operation.id)) == "operation.ended"
    assert refused(lambda: cloud.operations.show("none")) == "operation.not_found"


def test_a_preview_tells_the_steps_and_does_none(shelf: Shelf) -> None:
    cloud = shelf.open()
    planned = cloud.preview(lambda: cloud.volumes.create("cargo", 2))
    assert [step.text.split()[:2] for step in planned.steps] == [["create", "volume"]]
    assert cloud.volumes.list() == []
    assert cloud.operations.list() == []
    assert not shelf.settings.volumes.exists()
    cloud.volumes.create("cargo", 2)
    gone = cloud.preview(lambda: cloud.volumes.delete("cargo"))
    assert [step.text.split()[:2] for step in gone.steps] == [["remove", "volume"]]
    assert [row.volume.name for row in cloud.volumes.list()] == ["cargo"]


def test_what_a_failed_verb_made_is_taken_away_again(shelf: Shelf) -> None:
    cloud = shelf.open()
    # A file where the folder of the volumes should be: the first step fails.
    shelf.settings.volumes.write_text("in the way")
    assert refused(lambda: cloud.volumes.create("cargo", 1)).startswith("disk.")
    with cloud.context.store.read() as session:
        assert session.exec(select(Volume)).all() == []
        (operation,) = session.exec(select(Operation)).all()
    assert operation.outcome is Outcome.UNDONE
    assert operation.error_code.startswith("disk.")


# Read-only


def test_read_only_is_refused_by_the_service_the_store_and_the_host(shelf: Shelf) -> None:
    shelf.open().volumes.create("cargo", 1)
    cloud = shelf.open(read_only=True)
    assert [row.volume.name for row in cloud.volumes.list()] == ["cargo"]
    assert refused(lambda: cloud.volumes.create("more", 1)) == "readonly"
    assert refused(lambda: cloud.context.perform("x", lambda change: None)) == "store.readonly"
    machine = cloud.machine
    assert refused(lambda: machine.host.run(["touch", "x"])) == "host.readonly"
    assert refused(lambda: machine.host.write_text(Path("x"), "")) == "host.readonly"
    assert refused(lambda: machine.host.remove(Path("x"))) == "host.readonly"
    assert refused(lambda: machine.host.remove_tree(Path("x"))) == "host.readonly"
    assert refused(lambda: machine.host.make_dir(Path("x"))) == "host.readonly"


def test_not_found_is_a_refusal() -> None:
    assert issubclass(NotFound, Refused)
    assert NotFound("a.b", "c").exit_status == 1
