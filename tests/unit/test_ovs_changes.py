"""Which operations change Open vSwitch's database, for what is wanted and what is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backends.drivers.ovs import changes
from backends.drivers.ovs.steps import AddBridge, AddPort
from backends.drivers.ovs.tables import BridgeRow, InterfaceRow, PortRow

LABELS = {"quarterdeck-cloud": "c", "quarterdeck-kind": "port"}
BRIDGE = BridgeRow(
    "b-1", "br-x", frozenset({"p-1"}), "netdev", "secure", {"disable-in-band": "true"}, LABELS
)
INTERFACE = InterfaceRow("i-1", "tap1", "internal", 3, "", "fa:16:3e:00:00:01", 1450, LABELS)
PORT = PortRow("p-1", "tap1", 7, INTERFACE, BRIDGE)
ADD_BRIDGE = AddBridge("br-x", "netdev", tuple(LABELS.items()))
ADD_PORT = AddPort(
    "br-x", "tap1", 7, tuple(LABELS.items()), internal=True, mac="fa:16:3e:00:00:01", mtu=1450
)


def _summary(operations: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["op"], each["table"]) for each in operations]


def _rows(operations: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["table"]: each["row"] for each in operations if "row" in each}


def test_a_new_bridge_is_secure_labelled_and_has_its_own_port() -> None:
    operations = changes.add_bridge(ADD_BRIDGE, None)
    assert _summary(operations) == [
        ("insert", "Interface"),
        ("insert", "Port"),
        ("insert", "Bridge"),
        ("mutate", "Open_vSwitch"),
    ]
    row = _rows(operations)["Bridge"]
    assert row["fail_mode"] == "secure"
    assert row["datapath_type"] == "netdev"
    assert row["other_config"] == ["map", [["disable-in-band", "true"]]]
    assert row["external_ids"] == ["map", [list(pair) for pair in LABELS.items()]]


def test_a_right_bridge_and_a_right_port_are_left_alone() -> None:
    assert changes.add_bridge(ADD_BRIDGE, BRIDGE) == []
    assert changes.add_port(ADD_PORT, BRIDGE, PORT) == []


@pytest.mark.parametrize(
    ("wrong", "row"),
    [
        ({"fail_mode": ""}, {"fail_mode": "secure"}),
        ({"datapath": "system"}, {"datapath_type": "netdev"}),
        (
            {"config": {"hwaddr": "x"}},
            {"other_config": ["map", [["hwaddr", "x"], ["disable-in-band", "true"]]]},
        ),
        (
            {"labels": {"quarterdeck-cloud": "c", "note": "kept"}},
            {
                "external_ids": [
                    "map",
                    [["quarterdeck-cloud", "c"], ["note", "kept"], ["quarterdeck-kind", "port"]],
                ]
            },
        ),
    ],
)
def test_only_what_is_wrong_with_a_bridge_is_changed(
    wrong: dict[str, Any], row: dict[str, Any]
) -> None:
    operations = changes.add_bridge(ADD_BRIDGE, replace(BRIDGE, **wrong))
    assert _summary(operations) == [("wait", "Bridge"), ("update", "Bridge")]
    assert _rows(operations)["Bridge"] == row


def test_a_new_port_has_its_tag_mac_mtu_and_labels() -> None:
    operations = changes.add_port(ADD_PORT, BRIDGE, None)
    rows = _rows(operations)
    assert rows["Port"]["tag"] == 7
    assert rows["Interface"] == {
        "name": "tap1",
        "type": "internal",
        "mac": "fa:16:3e:00:00:01",
        "mtu_request": 1450,
        "external_ids": ["map", [list(pair) for pair in LABELS.items()]],
    }
    assert operations[-1]["where"] == [["_uuid", "==", ["uuid", "b-1"]]]


def test_an_untagged_port_that_is_no_interface_of_the_switch_carries_labels_only() -> None:
    rows = _rows(changes.add_port(AddPort("br-x", "tap2", 0, ()), BRIDGE, None))
    assert "tag" not in rows["Port"]
    assert rows["Interface"] == {"name": "tap2", "type": "", "external_ids": ["map", []]}


def test_a_wrong_tag_is_put_right_and_guarded() -> None:
    operations = changes.add_port(ADD_PORT, BRIDGE, replace(PORT, vlan=4095))
    assert _summary(operations) == [("wait", "Interface"), ("update", "Port")]
    assert operations[1]["row"] == {"tag": 7}
    untagged = changes.add_port(replace(ADD_PORT, vlan=0), BRIDGE, PORT)
    assert untagged[1]["row"] == {"tag": ["set", []]}


def test_labels_are_added_to_what_libvirt_wrote() -> None:
    plugged = replace(INTERFACE, type="", labels={"iface-id": "x", "vm-uuid": "v"})
    step = AddPort("br-x", "tap1", 7, (("iface-id", "x"), ("quarterdeck-cloud", "c")))
    operations = changes.add_port(step, BRIDGE, replace(PORT, interface=plugged))
    assert _rows(operations)["Interface"] == {
        "external_ids": ["map", [["iface-id", "x"], ["vm-uuid", "v"], ["quarterdeck-cloud", "c"]]]
    }


def test_a_port_on_another_bridge_moves_in_one_transaction() -> None:
    other = replace(BRIDGE, uuid="b-2", name="br-y")
    operations = changes.add_port(ADD_PORT, BRIDGE, replace(PORT, bridge=other))
    assert [each["mutations"][0][1] for each in operations[1:]] == ["delete", "insert"]


def test_removal_takes_the_reference_away_and_is_guarded() -> None:
    assert _summary(changes.remove_port(PORT)) == [("wait", "Interface"), ("mutate", "Bridge")]
    assert changes.remove_port(replace(PORT, bridge=None)) == []
    assert _summary(changes.remove_bridge(BRIDGE)) == [
        ("wait", "Bridge"),
        ("mutate", "Open_vSwitch"),
    ]
