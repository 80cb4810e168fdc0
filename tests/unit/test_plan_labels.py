"""Labels hold what the records can be made from again, and no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.plan import guest, labels
from backends.records.tables import Attachment, Image, Instance, Network, Port, Project, Volume
from tests.sample_records import PROJECT, SETTINGS, ident, records

SECRET = "correct-horse"


def all_labels() -> dict[str, dict[str, Any]]:
    found = records(1, volumes=1)
    instance = next(iter(found.instances.values()))
    instance.user_data = SECRET
    image = next(iter(found.images.values()))
    image.source = f"https://user:{SECRET}@example.org/lab"
    network = next(iter(found.networks.values()))
    texts = {
        "cloud": labels.cloud(found),
        "project": labels.project(found, found.projects[PROJECT]),
        "image": labels.image(image),
        "network": labels.network(found, network),
        "port": labels.port(found, found.ports_of[instance.id][0]),
        "volume": labels.volume(found.volumes[ident("volume", 0)]),
        "instance": labels.instance(found, instance),
    }
    assert not any(SECRET in text for text in texts.values())
    return {kind: json.loads(text) for kind, text in texts.items()}


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        ("project", Project),
        ("image", Image),
        ("network", Network),
        ("port", Port),
        ("volume", Volume),
        ("instance", Instance),
    ],
)
def test_a_row_can_be_made_from_its_label_again(kind: str, table: Any) -> None:
    label = all_labels()
    row = table.model_validate(label[kind][kind])
    assert labels.fields(row) == label[kind][kind]


def test_a_label_says_what_hangs_on_the_row() -> None:
    found = all_labels()
    assert found["network"]["vlan"] == 1
    assert [each["cidr"] for each in found["network"]["subnets"]] == ["10.0.0.0/16"]
    assert found["port"]["addresses"] == [[ident("subnet", 0), "10.0.0.10"]]
    assert found["port"]["groups"] == [ident("group")]
    assert [each["device"] for each in found["instance"]["attachments"]] == ["vdb"]
    assert [each["name"] for each in found["project"]["groups"]] == ["default"]
    assert [each["name"] for each in found["cloud"]["flavors"]] == ["m1.tiny"]


def test_what_the_machine_itself_tells_is_not_in_a_label() -> None:
    fields = all_labels()["instance"]["instance"]
    assert not {"power", "boots", "soft_reboots", "made", "absent"} & fields.keys()


def test_a_volume_that_is_let_go_is_not_in_the_label() -> None:
    found = records(1, volumes=1)
    instance = found.instances[ident("instance", 0)]
    found.attachments[instance.id][0].absent = True
    assert json.loads(labels.instance(found, instance))["attachments"] == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_the_same_value_is_the_same_text_in_whatever_order_it_comes(value: dict[str, Any]) -> None:
    swapped = dict(reversed(value.items()))
    assert labels.dump(value) == labels.dump(swapped)
    assert json.loads(labels.dump(value)) == value
    assert "\n" not in labels.dump(value)


def test_the_domain_follows_every_part_of_its_records() -> None:
    found = records(1, volumes=1)
    instance = found.instances[ident("instance", 0)]

    def digest() -> str:
        return guest.spec(instance, "", found, SETTINGS).digest

    seen = [digest()]
    for name, value in (("name", "new"), ("ram", 1024), ("vcpus", 2), ("properties", {"a": "b"})):
        setattr(instance, name, value)
        seen.append(digest())
    port = found.ports_of[instance.id][0]
    port.mac = "fa:16:3e:ff:ff:ff"
    seen.append(digest())
    found.vlans[port.network_id] = 77
    seen.append(digest())
    found.networks[port.network_id].mtu = 1400
    seen.append(digest())
    found.attachments[instance.id] = [
        Attachment(volume_id=ident("volume", 0), instance_id=instance.id, device="vdc")
    ]
    seen.append(digest())
    assert len(set(seen)) == len(seen)
    assert digest() == seen[-1]
    assert len(digest()) == 16


def test_the_config_drive_follows_its_files() -> None:
    found = records(1)
    instance = found.instances[ident("instance", 0)]
    first = guest.config_digest(guest.config_files(instance))
    instance.user_data = "#!/bin/sh"
    instance.public_key, instance.key_name = "ssh-ed25519 AAAA", "mine"
    files = dict(guest.config_files(instance))
    assert guest.config_digest(guest.config_files(instance)) != first
    meta = json.loads(files["openstack/latest/meta_data.json"])
    assert meta["uuid"] == instance.id
    assert meta["public_keys"] == {"mine": "ssh-ed25519 AAAA"}
    assert meta["keys"] == [{"name": "mine", "type": "ssh", "data": "ssh-ed25519 AAAA"}]
    assert files["openstack/latest/user_data"] == "#!/bin/sh"
