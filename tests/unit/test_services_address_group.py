"""Address groups, and the rules that name them."""

from __future__ import annotations

import pytest

from backends.cloud import Cloud
from backends.services.security_group import NewRule
from tests.unit.paper import on_paper, refused
from tests.unit.shelf import Shelf


@pytest.fixture
def cloud(shelf: Shelf) -> Cloud:
    made = on_paper(shelf)
    made.address_groups.create("offices", ["10.1.0.0/16", "10.2.0.7", "fd00::/64"])
    return made


def test_addresses_are_kept_in_one_form_and_order(cloud: Cloud) -> None:
    assert cloud.address_groups.show("offices").addresses == [
        "10.1.0.0/16", "10.2.0.7/32", "fd00::/64",
    ]  # fmt: skip
    row = cloud.address_groups.set("offices", name="desks", add=["9.0.0.1"], remove=["10.1.0.0/16"])
    assert (row.name, row.addresses) == ("desks", ["9.0.0.1/32", "10.2.0.7/32", "fd00::/64"])


def test_what_is_refused(shelf: Shelf, cloud: Cloud) -> None:
    groups = cloud.address_groups
    groups.create("empty")
    for verb, code in (
        (lambda: groups.create("offices"), "address_group.exists"),
        (lambda: groups.set("empty", name="offices"), "address_group.exists"),
        (lambda: groups.create("new", ["10.0.0.1/24"]), "address_group.address.invalid"),
        (lambda: groups.create("new", ["$(id)"]), "address_group.address.invalid"),
        (lambda: groups.create("new", [f"10.0.{n >> 8}.{n & 255}" for n in range(1001)]),
         "address_group.too_large"),
        (lambda: groups.set("offices", add=["10.2.0.7/32"]), "address_group.address.exists"),
        (lambda: groups.set("offices", remove=["9.9.9.9"]), "address_group.address.missing"),
        (lambda: groups.delete("none"), "address_group.not_found"),
    ):  # fmt: skip
        assert refused(verb) == code
    cloud.quotas.set("admin", {"address-groups": 2})
    assert refused(lambda: groups.create("more")) == "quota.exceeded"


def test_a_rule_holds_its_address_group(shelf: Shelf, cloud: Cloud) -> None:
    cloud.security_groups.create("web")
    new = NewRule("web", protocol="tcp", port_min=22, port_max=22, remote_address_group="offices")
    rule = cloud.security_groups.add_rule(new)
    assert rule.remote_address_group_id == cloud.address_groups.show("offices").id
    assert refused(lambda: cloud.security_groups.add_rule(new)) == "security_group.rule.exists"
    assert refused(lambda: cloud.address_groups.delete("offices")) == "address_group.in_use"
    both = NewRule("web", remote_address_group="offices", remote_prefix="10.0.0.0/8")
    assert refused(lambda: cloud.security_groups.add_rule(both)) == "security_group.rule.invalid"
    cloud.security_groups.remove_rule(rule.id)
    cloud.address_groups.delete("offices")


def test_a_group_of_another_project_is_not_found(shelf: Shelf, cloud: Cloud) -> None:
    id_ = cloud.address_groups.show("offices").id
    ships = on_paper(shelf, shelf.member("ships").caller)
    assert ships.address_groups.list(all_projects=True) == []
    for ref in ("offices", id_):
        new = NewRule("default", remote_address_group=ref)
        assert refused(lambda ref=ref: ships.address_groups.show(ref)) == "address_group.not_found"  # type: ignore[misc]
        assert refused(lambda new=new: ships.security_groups.add_rule(new)) == (  # type: ignore[misc]
            "address_group.not_found"
        )
    # Not even the admin mixes what belongs to two projects: labels are a project's own.
    theirs = on_paper(shelf).security_groups.list(all_projects=True)
    group = next(row.id for row in theirs if row.project_id != shelf.home)
    new = NewRule(group, remote_address_group=id_)
    assert refused(lambda: cloud.security_groups.add_rule(new)) == "address_group.not_found"
