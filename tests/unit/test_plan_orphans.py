"""Labelled things without a record, and the way to take a whole cloud away."""

from __future__ import annotations

from backends.drivers.libvirt.facts import State
from backends.drivers.ovs.facts import CLOUD, IFACE_ID, VM_ID, OvsPort
from backends.plan.orphans import orphans, record_of
from backends.records.snapshot import Records
from tests.machine_model import Model, converge
from tests.sample_records import SETTINGS, ident, records


def in_order() -> tuple[Model, Records]:
    model, found = Model(), records(2, volumes=1)
    while converge(model, found, SETTINGS):
        pass
    return model, found


def test_what_lost_its_record_is_an_orphan_with_its_evidence() -> None:
    model, found = in_order()
    instance = ident("instance", 0)
    del found.instances[instance]
    del found.volumes[ident("volume", 0)]
    seen = [(each.kind, each.id) for each in orphans(found, model.facts(), SETTINGS)]
    assert seen == [
        ("instance", instance),
        ("files", instance),
        ("volume", ident("volume", 0)),
    ]
    assert all(each.evidence for each in orphans(found, model.facts(), SETTINGS))


def test_taking_the_orphans_away_leaves_the_rest() -> None:
    model, found = in_order()
    network = ident("network", 0)
    for table in (found.networks, found.ports, found.instances):
        table.clear()
    before = dict(model.volumes)
    for orphan in list(orphans(found, model.facts(), SETTINGS)):
        for step in orphan.steps:
            model.apply(step)
    assert list(orphans(found, model.facts(), SETTINGS)) == []
    assert [model.domains, model.dhcp, model.namespaces, model.ports] == [{}] * 4
    assert ("network", network) not in model.labels
    assert model.volumes == before
    assert SETTINGS.bridge in model.bridges


def test_with_no_records_at_all_the_whole_cloud_goes() -> None:
    model, _ = in_order()
    steps = [step for each in orphans(None, model.facts(), SETTINGS) for step in each.steps]
    for step in steps:
        model.apply(step)
    assert model.facts() == Model().facts()


def test_a_domain_that_is_off_is_not_pulled_the_plug_of() -> None:
    model, _ = in_order()
    for id_ in model.domains:
        model.set_state(id_, State.SHUTOFF)
    names = [
        type(step).__name__
        for each in orphans(None, model.facts(), SETTINGS)
        if each.kind == "instance"
        for step in each.steps
    ]
    assert names == ["UndefineDomain"] * 2


def test_a_port_without_our_label_is_a_strangers() -> None:
    model, found = in_order()
    model.ports["tap-of-others"] = OvsPort("tap-of-others", "br-int", labels={CLOUD: "another"})
    model.ports["tap-of-nobody"] = OvsPort("tap-of-nobody", SETTINGS.bridge)
    assert list(orphans(found, model.facts(), SETTINGS)) == []
    steps = [step.text for each in orphans(None, model.facts(), SETTINGS) for step in each.steps]
    assert not any("tap-of" in text for text in steps)


def test_a_tap_that_libvirt_plugged_late_is_ours() -> None:
    model, found = in_order()
    late = ident("port", 99)
    name, plugged = f"tap{late[:11]}", {IFACE_ID: late, VM_ID: "gone"}
    model.ports[name] = OvsPort(name, SETTINGS.bridge, labels=plugged)
    elsewhere = OvsPort(f"x{name}", SETTINGS.bridge, labels=plugged)
    model.ports[elsewhere.name] = elsewhere
    (orphan,) = orphans(found, model.facts(), SETTINGS)
    assert (orphan.kind, orphan.id) == ("port", name)


def test_an_orphan_tells_what_record_it_had() -> None:
    model, found = in_order()
    network, port = ident("network", 0), next(iter(found.ports))
    whose = ident("instance", 0)
    for table in (found.networks, found.ports, found.instances, found.volumes):
        table.clear()
    facts = model.facts()
    told = {each.ref: record_of(each, facts) for each in orphans(found, facts, SETTINGS)}
    assert told[f"dhcp:{network}"] == ("network", network)
    assert told[f"namespace:qdhcp-{network}"] == ("network", network)
    assert told[f"label:port:{port}"] == ("port", port)
    assert told[f"instance:{whose}"] == told[f"files:{whose}"] == ("instance", whose)
    assert told[f"volume:{ident('volume', 0)}"] == ("volume", ident("volume", 0))
    assert ("port", port) in [told[ref] for ref in told if ref.startswith("port:")]


def test_an_orphan_whose_label_is_gone_tells_nothing() -> None:
    model, found = in_order()
    network = ident("network", 0)
    found.networks.clear()
    model.labels.clear()
    facts = model.facts()
    told = {each.ref: record_of(each, facts) for each in orphans(found, facts, SETTINGS)}
    assert told[f"dhcp:{network}"] is None
