"""What a caller may do: every role against every right, and never anything in read-only mode."""

from __future__ import annotations

import pytest

from backends.caller import Caller
from backends.errors import NotFound, Refused
from backends.records.identity import Role


def caller(role: Role, *, admin: bool = False, read_only: bool = False) -> Caller:
    return Caller("kim", "u", "mine", role, admin=admin, read_only=read_only)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.READER, {Role.READER}),
        (Role.MEMBER, {Role.READER, Role.MEMBER}),
        (Role.ADMIN, {Role.READER, Role.MEMBER, Role.ADMIN}),
    ],
)
def test_a_role_implies_the_lower_ones(role: Role, allowed: set[Role]) -> None:
    for wanted in Role:
        if wanted in allowed:
            caller(role).require(wanted, "sail")
        else:
            with pytest.raises(Refused) as refusal:
                caller(role).require(wanted, "sail")
            assert refusal.value.code == "right.missing"


@pytest.mark.parametrize("role", list(Role))
def test_the_admin_of_a_project_is_not_the_clouds(role: Role) -> None:
    with pytest.raises(Refused) as refusal:
        caller(role).require_cloud_admin("sail")
    assert refusal.value.code == "right.missing"
    caller(role, admin=True).require_cloud_admin("sail")
    caller(role, admin=True).require(Role.ADMIN, "sail")


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("admin", [False, True])
def test_read_only_refuses_every_change_of_anybody(role: Role, admin: bool) -> None:
    reader = caller(role, admin=admin, read_only=True)
    assert not reader.writes
    reader.require(Role.READER, "look")
    for wanted in (Role.MEMBER, Role.ADMIN):
        with pytest.raises(Refused) as refusal:
            reader.require(wanted, "sail")
        assert refusal.value.code == "readonly"
    with pytest.raises(Refused) as refusal:
        reader.require_cloud_admin("sail")
    assert refusal.value.code == "readonly"


def test_who_writes() -> None:
    assert not caller(Role.READER).writes
    assert caller(Role.MEMBER).writes
    assert caller(Role.ADMIN).writes
    assert caller(Role.READER, admin=True).writes


def test_what_is_anothers_looks_as_if_it_were_not_there() -> None:
    kim = caller(Role.MEMBER)
    kim.check_sees("mine", "volume")
    with pytest.raises(NotFound) as missing:
        kim.check_sees("yours", "volume")
    assert missing.value.code == "volume.not_found"
    caller(Role.MEMBER, admin=True).check_sees("yours", "volume")
