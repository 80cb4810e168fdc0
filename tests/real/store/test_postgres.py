"""A cloud whose records are in PostgreSQL: the same verbs, the same locks, the same refusals."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from backends.access import Access
from backends.cloud import Cloud
from backends.destroy import destroy
from backends.errors import MachineFailed, QuarterdeckError, Refused
from backends.init import init
from backends.lab.image import RAM, LabImage
from backends.records.store import Store
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet
from tests.real.store.cluster import PASSWORD, server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server() as made:
        yield made


@pytest.fixture(scope="module")
def access(daemons: None, url: str) -> Iterator[Access]:
    found = Access(cloud=f"t-{secrets.token_hex(3)}", store=url)
    assert init(found)
    assert not init(found)
    yield found
    destroy(found)


@pytest.fixture
def cloud(access: Access) -> Iterator[Cloud]:
    opened = Cloud.open(access)
    yield opened
    opened.close()


def code(verb: object) -> str:
    with pytest.raises(QuarterdeckError) as error:
        verb()  # type: ignore[operator]
    assert PASSWORD not in str(error.value)
    assert str(error.value).isprintable()
    return error.value.code


def test_an_instance_lives_and_goes(cloud: Cloud, lab_image: LabImage) -> None:
    cloud.images.create("lab", str(lab_image.disk), min_ram=RAM)
    cloud.flavors.create("m1.lab", ram=RAM, disk=1)
    cloud.networks.create("net")
    cloud.networks.create_subnet(NewSubnet("net", "172.16.11.0/24"))
    cloud.volumes.create("cargo", 1)
    cloud.instances.create(NewInstance("anchor", "m1.lab", "lab", (Plug(network="net"),)))
    cloud.volumes.attach("cargo", "anchor")
    (row,) = cloud.instances.list()
    assert (row.status, row.addresses) == ("ACTIVE", ("172.16.11.3",))
    assert not cloud.drift.show()
    cloud.instances.delete("anchor")
    cloud.volumes.delete("cargo")
    cloud.networks.delete("net")
    assert cloud.instances.list() == []
    assert not cloud.drift.show()


def test_a_quota_is_exact_when_many_come_at_once(cloud: Cloud) -> None:
    cloud.quotas.set("admin", {"volumes": 2})
    outcomes: list[str] = []
    start = threading.Barrier(12)

    def create(number: int) -> None:
        start.wait()
        try:
            cloud.volumes.create(f"v{number}", 1)
            outcomes.append("made")
        except Refused as refusal:
            outcomes.append(refusal.code)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] * 2 + ["quota.exceeded"] * 10
    cloud.volumes.delete(*(row.volume.id for row in cloud.volumes.list()))


def test_what_the_database_cannot_hold_is_refused(cloud: Cloud) -> None:
    assert code(lambda: cloud.networks.show("a\0b")) == "record.invalid"
    assert code(lambda: cloud.flavors.create("big", ram=1, id_="x" * 40)) == "name.invalid"
    assert code(lambda: cloud.images.set("none", min_ram=2**40)) == "image.not_found"


def test_read_only_is_kept_by_the_server_itself(access: Access, url: str) -> None:
    looking = Cloud.open(Access(cloud=access.cloud, store=url, read_only=True))
    assert [row.name for row in looking.identity.projects()] == ["admin"]
    assert code(lambda: looking.volumes.create("v", 1)) == "readonly"
    assert code(lambda: looking.context.perform("x", lambda change: None)) == "store.readonly"
    for statement in ("INSERT INTO host VALUES ('x', '', true, 0)", "DROP TABLE host"):
        with pytest.raises(MachineFailed) as error, looking.context.store.read() as session:
            session.execute(text(statement))
        assert "read-only transaction" in error.value.message
    looking.close()


def test_a_wrong_password_is_told_without_it(url: str) -> None:
    store = Store(url.replace(PASSWORD, "wrong-Secret"))
    with pytest.raises(MachineFailed) as error:
        store.prepare()
    assert error.value.code == "store.unreachable"
    assert "wrong-Secret" not in str(error.value)
    assert "authentication failed" in error.value.message


def test_a_server_that_went_is_told_in_one_line() -> None:
    with server() as made:
        store = Store(made)
        store.prepare()
    with pytest.raises(MachineFailed) as error, store.read() as session:
        session.execute(text("SELECT 1"))
    assert error.value.code == "store.unreachable"
    assert PASSWORD not in str(error.value)
    store.close()
