"""Commands against a real store whose cloud has no machine: who may do what, and exit statuses."""

from __future__ import annotations

import gc
import json
import os
from functools import cache
from pathlib import Path

import pytest

from backends.init import add_cloud
from backends.records.identity import Project, Role, RoleAssignment, User
from backends.records.store import Store
from backends.services.user import hash_password
from console import cli

PASSWORD = "correct horse"


@cache
def _hashed() -> str:
    return hash_password(PASSWORD)


@pytest.fixture(autouse=True)
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cloud `lab` with an admin, and a reader in its project; the environment points at it."""
    store = Store(str(tmp_path / "lab" / "store.db"))
    store.prepare()
    hashed = _hashed()
    with store.write() as session:
        add_cloud(session, "lab", "")
        session.add(project := Project(name="admin"))
        session.flush()
        for name, role in (("admin", Role.ADMIN), ("eve", Role.READER)):
            session.add(user := User(name=name, password_hash=hashed))
            session.flush()
            session.add(RoleAssignment(role=role, user_id=user.id, project_id=project.id))
            if role is Role.ADMIN:
                session.add(RoleAssignment(role=role, user_id=user.id))
    store.close()
    for name, value in (
        ("QUARTERDECK_CLOUD", "lab"),
        ("QUARTERDECK_STATE_ROOT", str(tmp_path)),
        ("QUARTERDECK_RUN_ROOT", str(tmp_path / "run")),
        ("OS_USERNAME", "admin"),
        ("OS_PASSWORD", PASSWORD),
    ):
        monkeypatch.setenv(name, value)
    return tmp_path / "lab"


def run(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str, str]:
    status = cli.main(line.split())
    said = capsys.readouterr()
    return status, said.out, said.err


def listed(capsys: pytest.CaptureFixture[str], line: str) -> list[dict[str, object]]:
    status, out, err = run(capsys, f"{line} -f json")
    assert (status, err) == (0, "")
    found: list[dict[str, object]] = json.loads(out)
    return found


def test_users_groups_and_roles(capsys: pytest.CaptureFixture[str]) -> None:
    made = run(capsys, "user create --domain default --password secretsecret myuser -f json")
    assert made[0] == 0
    assert json.loads(made[1])["name"] == "myuser"
    assert run(capsys, "group create crew -f value -c name")[1] == "crew\n"
    assert run(capsys, "group add user crew myuser") == (0, "", "")
    assert run(capsys, "role add --project admin --group crew member") == (0, "", "")
    roles = listed(capsys, "role assignment list --group crew")
    assert [(each["Role"], each["Project"]) for each in roles] == [("member", "admin")]
    assert run(capsys, "role remove --project admin --group crew member")[0] == 0
    assert run(capsys, "user delete myuser eve") == (0, "", "")
    assert [each["Name"] for each in listed(capsys, "user list")] == ["admin"]


def test_quotas(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "quota set --instances 3 --secgroups 4 admin") == (0, "", "")
    found = {each["Resource"]: each["Limit"] for each in listed(capsys, "quota show admin")}
    assert (found["instances"], found["security-groups"], found["cores"]) == (3, 4, 20)


def test_a_private_key_is_printed_once_or_written_for_its_owner_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, _ = run(capsys, "keypair create first")
    assert status == 0
    assert out.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    path = tmp_path / "key"
    status, out, _ = run(capsys, f"keypair create --private-key {path} second")
    assert status == 0
    assert "PRIVATE" not in out
    assert path.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_text()
    assert run(capsys, f"keypair create --private-key {path} third")[0] == 1
    assert path.read_text() == before
    gone = tmp_path / "none"
    assert run(capsys, f"keypair create --private-key {gone} second")[0] == 1
    assert not gone.exists()


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("user create --password short x", 1, "user.password.short"),
        ("user create admin", 1, "user.exists"),
        ("user show nobody", 1, "user.not_found"),
        ("role add --user admin member", 2, "usage"),
        ("role add --project admin --user admin captain", 1, "role.not_found"),
        ("quota set admin", 2, "usage"),
        ("flavor create --ram 0 x", 1, "flavor.invalid"),
        ("keypair create --public-key /dev/null k", 1, "keypair.invalid"),
        ("image create x", 2, "usage"),
        ("image create --catalog debian12", 1, "image.catalog.unknown"),
        ("operation show x", 1, "operation.not_found"),
        ("user create $(id)", 1, "name.invalid"),
        ("user create " + "x" * 300, 1, "name.invalid"),
        ("--cloud other user list", 1, "cloud.missing"),
        ("--cloud ../lab user list", 1, "cloud.name.invalid"),
        ("--os-password wrong user list", 1, "caller.denied"),
        ("--os-project-name none user list", 1, "project.not_found"),
        ("--read-only user create x", 1, "readonly"),
        ("--os-username eve user create x", 1, "readonly"),
    ],
)
def test_refusals_are_one_line_with_a_code(
    capsys: pytest.CaptureFixture[str], line: str, status: int, code: str
) -> None:
    found, out, err = run(capsys, line)
    assert (found, out) == (status, "")
    assert err.startswith("quarterdeck: ")
    assert err.endswith(f"[{code}]\n")
    assert err.count("\n") == 1


def test_a_dry_run_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--dry-run user delete admin eve")
    assert (status, out) == (0, "Nothing on the machine would change.\n")
    assert run(capsys, "user create new --dry-run -f json")[:2] == (0, "[]\n")
    assert len(listed(capsys, "user list")) == 2


def test_a_reader_sees(capsys: pytest.CaptureFixture[str]) -> None:
    assert [each["Name"] for each in listed(capsys, "--os-username eve user list")] == ["eve"]
    assert listed(capsys, "--read-only project list")[0]["Name"] == "admin"


def test_clouds_are_listed_by_their_stores(capsys: pytest.CaptureFixture[str]) -> None:
    assert [each["Name"] for each in listed(capsys, "cloud list")] == ["lab"]


def test_who_is_refused_leaves_no_hold_of_the_store(
    capsys: pytest.CaptureFixture[str], cloud: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_PASSWORD", "wrong")
    gc.disable()
    try:
        assert run(capsys, "user list")[0] != 0
        held = [os.path.realpath(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")]
    finally:
        gc.enable()
    assert not [each for each in held if each.startswith(str(cloud))]


def test_what_nobody_expected_leaves_a_trace_without_values(
    capsys: pytest.CaptureFixture[str], cloud: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("backends.services.identity.Identity.users", fail)
    status, out, err = run(capsys, "user list")
    assert (status, out) == (3, "")
    assert err.count("\n") == 1
    assert err.endswith("[internal]\n")
    (trace,) = (cloud / "errors").iterdir()
    assert str(trace) in err
    assert trace.stat().st_mode & 0o777 == 0o600
    assert "ZeroDivisionError" in trace.read_text()
    assert PASSWORD not in trace.read_text()
    with pytest.raises(ZeroDivisionError):
        cli.main(["user", "list", "--debug"])
