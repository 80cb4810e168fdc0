"""Tempest's `test_security_groups_basic_ops`, from its docstrings: between two projects.

Both have the same range, a router of their own, and a server that the other reaches by its floating
IP alone, where a rule lets it in.
"""

from __future__ import annotations

import pytest

from tests.real.routing.town import Town
from tests.real.scenarios.tenant import Server, Tenant, icmp, ssh


def _access(town: Town, name: str, folder: pytest.TempPathFactory) -> tuple[Tenant, Server]:
    tenant = Tenant(town, name, folder.mktemp("keys"))
    tenant.network("home", "10.77.40.0/24")
    tenant.router("gate", "home")
    tenant.group("access", ssh("access"))
    tenant.group("general")
    server = tenant.boot("access", "home", groups=["access", "general"])
    tenant.lend(server)
    return tenant, server


def test_another_project_is_let_in_one_way_at_a_time(
    town: Town, tmp_path_factory: pytest.TempPathFactory
) -> None:
    primary, here = _access(town, "primary", tmp_path_factory)
    other, there = _access(town, "other", tmp_path_factory)
    assert here.address == there.address, "the same range, and nobody minds"
    for source, target in ((here, there), (there, here)):
        assert not source.pings(target.floating)
    other.cloud.security_groups.add_rule(icmp("general"))
    assert here.reaches(there.floating)
    assert not there.pings(here.floating), "a rule lets in, and not out of the way back"
    primary.cloud.security_groups.add_rule(icmp("general"))
    assert there.reaches(here.floating)
    # Each is who its key says.
    assert here.key.opens(here.floating)
    assert not here.key.opens(there.floating)
