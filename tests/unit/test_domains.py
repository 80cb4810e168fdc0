"""Two of the same name in two domains are two; others' things are counted, not named."""

from __future__ import annotations

import pytest

from backends.access import Access
from backends.cloud import Cloud
from backends.errors import NotFound, Refused
from backends.records.identity import Domain
from backends.records.image import Image, Visibility
from backends.records.instance import Instance
from tests.unit.shelf import Shelf

PASSWORD = "a long password"


@pytest.fixture
def shelf_of_two(shelf: Shelf) -> Shelf:
    """Domains `Default` and `sea`, each with a user `kim` and a project `docks`."""
    cloud = shelf.open()
    identity = cloud.identity
    with cloud.context.store.write() as session:
        session.add(Domain(name="sea"))
    for domain, password in (("Default", PASSWORD), ("sea", "another password")):
        project = identity.create_project("docks", domain=domain)
        user = identity.create_user("kim", password=password, domain=domain)
        identity.assign("member", user=user.id, project=project.id)
    return shelf


def enter(
    shelf: Shelf,
    password: str,
    *,
    user_domain: str | None = None,
    project_domain: str | None = None,
) -> Cloud:
    return Cloud.open(
        Access(
            store=shelf.path, user="kim", password=password, project="docks",
            user_domain=user_domain, project_domain=project_domain,
        )
    )  # fmt: skip


def test_the_default_domain_is_meant_where_none_is_said(shelf_of_two: Shelf) -> None:
    cloud = enter(shelf_of_two, PASSWORD)
    assert cloud.identity.project(cloud.caller.project_id).domain_id == "default"
    cloud.close()
    with pytest.raises(Refused) as refusal:
        enter(shelf_of_two, "another password")
    assert refusal.value.code == "caller.denied"


@pytest.mark.parametrize("domain", ["sea", "Default"])
def test_a_user_is_looked_for_in_the_domain_that_is_said(shelf_of_two: Shelf, domain: str) -> None:
    right, wrong = PASSWORD, "another password"
    if domain == "sea":
        right, wrong = wrong, right
    cloud = enter(shelf_of_two, right, user_domain=domain, project_domain=domain)
    home = cloud.identity.project(cloud.caller.project_id)
    assert (home.domain_id == "default") == (domain == "Default")
    cloud.close()
    with pytest.raises(Refused) as refusal:
        enter(shelf_of_two, wrong, user_domain=domain, project_domain=domain)
    assert refusal.value.code == "caller.denied"


def test_a_project_of_the_other_domain_is_not_the_users(shelf_of_two: Shelf) -> None:
    with pytest.raises(Refused) as refusal:
        enter(shelf_of_two, PASSWORD, project_domain="sea")
    assert refusal.value.code == "caller.denied"
    with pytest.raises(NotFound) as missing:
        enter(shelf_of_two, PASSWORD, user_domain="moon")
    assert missing.value.code == "domain.not_found"


def test_an_image_in_use_names_only_what_the_caller_may_see(shelf: Shelf) -> None:
    alpha, beta = shelf.member("alpha"), shelf.member("beta")
    with alpha.context.store.write() as session:
        image = Image(project_id=alpha.caller.project_id, name="lab", disk_format="raw",
                      visibility=Visibility.PUBLIC, imported=True)  # fmt: skip
        session.add(image)
        session.flush()
        id_ = image.id
        for cloud, name in ((alpha, "mine"), (beta, "secret")):
            session.add(
                Instance(project_id=cloud.caller.project_id, name=name, hostname=name, host="deck",
                         flavor_id="f", flavor_name="f", vcpus=1, ram=1, disk=1, image_id=id_)
            )  # fmt: skip
    with pytest.raises(Refused) as refusal:
        alpha.images.delete(id_)
    assert refusal.value.code == "image.in_use"
    assert refusal.value.message == "image lab is stood on by mine, 1 of other projects"
    with pytest.raises(Refused) as everything:
        shelf.open().images.delete(id_)
    assert "secret" in everything.value.message
