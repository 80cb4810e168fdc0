"""Defining and forgetting domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.drivers.libvirt import ownership, xml
from backends.drivers.libvirt.spec import DomainSpec
from backends.errors import MachineFailed

if TYPE_CHECKING:
    import libvirt


def define(connection: libvirt.virConnect, spec: DomainSpec) -> None:
    """Define or redefine; the generations of reboots that it carries stay.

    The running domain's metadata follows its definition, so that a kill in between leaves the old
    digest there and the definition is done again.
    """
    domain = ownership.find_own(connection, spec.id, spec.cloud)
    known = ownership.read(domain) if domain is not None else None
    defined = connection.defineXML(xml.domain_xml(spec, known))
    if defined.isActive():
        ownership.write(defined, xml.renewed(spec, known))


def undefine(connection: libvirt.virConnect, domain_id: str, cloud: str) -> None:
    """Forget a domain that is off, with all that libvirt keeps of it."""
    import libvirt

    domain = ownership.find_own(connection, domain_id, cloud)
    if domain is None:
        return
    if domain.isActive():
        raise MachineFailed(
            "libvirt.running", f"domain {domain_id} still runs; it is not forgotten until it is off"
        )
    domain.undefineFlags(
        libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    )
