"""Which domains are this cloud's: those whose metadata says so. Nothing else is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.drivers.libvirt import xml
from backends.errors import MachineFailed, Refused

if TYPE_CHECKING:
    import libvirt


def find(connection: libvirt.virConnect, domain_id: str) -> libvirt.virDomain | None:
    """The domain with this UUID, whoever it belongs to, or None."""
    import libvirt

    try:
        return connection.lookupByUUIDString(domain_id)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def find_own(
    connection: libvirt.virConnect, domain_id: str, cloud: str
) -> libvirt.virDomain | None:
    """This cloud's domain with this UUID, or None. Raises Refused `libvirt.foreign`."""
    domain = find(connection, domain_id)
    if domain is not None:
        require_own(domain, domain_id, cloud)
    return domain


def get_own(connection: libvirt.virConnect, domain_id: str, cloud: str) -> libvirt.virDomain:
    """As `find_own`, for what needs the domain. Raises MachineFailed `libvirt.missing` too."""
    domain = find_own(connection, domain_id, cloud)
    if domain is None:
        raise MachineFailed(
            "libvirt.missing", f"libvirt has no domain {domain_id}; converge the instance"
        )
    return domain


def require_own(domain: libvirt.virDomain, domain_id: str, cloud: str) -> xml.Metadata:
    """The domain's metadata. Raises Refused `libvirt.foreign` where it is not this cloud's."""
    metadata = read(domain)
    if metadata is None or metadata.cloud != cloud:
        raise Refused(
            "libvirt.foreign",
            f"domain {domain_id} does not carry the label of cloud {cloud}; it is left alone",
        )
    return metadata


def read(domain: libvirt.virDomain) -> xml.Metadata | None:
    """The domain's metadata (live where it runs), None where it has none of ours."""
    import libvirt

    try:
        text = domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, xml.NAMESPACE)
    except libvirt.libvirtError as error:
        # A domain that went between two calls is nobody's.
        if error.get_error_code() in (
            libvirt.VIR_ERR_NO_DOMAIN_METADATA,
            libvirt.VIR_ERR_NO_DOMAIN,
        ):
            return None
        raise
    return xml.parse_metadata(text)


def write(domain: libvirt.virDomain, metadata: xml.Metadata) -> None:
    """Put the metadata into the definition, and into the running domain where it runs."""
    import libvirt

    affect = 0
    if domain.isPersistent():
        affect |= libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if domain.isActive():
        affect |= libvirt.VIR_DOMAIN_AFFECT_LIVE
    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT,
        xml.metadata_xml(metadata),
        xml.PREFIX,
        xml.NAMESPACE,
        affect,
    )
