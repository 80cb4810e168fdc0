"""What the records learn once a unit is converged: that it is gone, made, imported."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from backends.drivers.machine import Machine
from backends.plan.plan import UnitPlan
from backends.records.tables import (
    Address,
    AddressGroup,
    Attachment,
    FloatingIp,
    Image,
    ImageMember,
    Instance,
    LocalVlan,
    Network,
    Port,
    PortSecurityGroup,
    Project,
    Quota,
    RoleAssignment,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Volume,
)
from backends.records.unit import Kind


def settle(session: Session, planned: UnitPlan, machine: Machine) -> None:
    """Bring the unit's rows up to what the machine now is. Part of the caller's transaction."""
    act = _REMOVED if planned.removes else _PRESENT
    handler = act.get(planned.unit.kind)
    if handler is not None:
        handler(session, planned.unit.id, machine)


def _image_present(session: Session, id_: str, machine: Machine) -> None:
    image = session.get(Image, id_)
    if image is None or image.imported:
        return
    found = machine.qemu_img.describe(id_)
    image.size, image.virtual_size = found.size, found.virtual_size
    image.sha256, image.sha512 = found.sha256, found.sha512
    image.imported, image.source = True, None


def _volume_present(session: Session, id_: str, machine: Machine) -> None:
    volume = session.get(Volume, id_)
    if volume is not None and not volume.made:
        volume.made = bool(machine.volumes.facts([id_]))


def _instance_present(session: Session, id_: str, machine: Machine) -> None:
    instance = session.get(Instance, id_)
    if instance is None:
        return
    instance.made = True
    gone = select(Attachment).where(Attachment.instance_id == id_, col(Attachment.absent))
    for attachment in session.exec(gone):
        session.delete(attachment)
    left = select(Port).where(Port.device_id == id_, col(Port.leaving))
    for port in session.exec(left):
        port.leaving = False
        if port.made_for_device:
            port.absent = True
        else:
            port.device_id = port.device_owner = port.host = ""


def _network_present(session: Session, id_: str, machine: Machine) -> None:
    floats = col(FloatingIp.network_id) == id_
    session.execute(delete(FloatingIp).where(floats, col(FloatingIp.absent)))
    gone = select(Port.id).where(Port.network_id == id_, col(Port.absent))
    _forget_ports(session, list(session.exec(gone)))


def _project_gone(session: Session, id_: str, machine: Machine) -> None:
    groups = select(SecurityGroup.id).where(SecurityGroup.project_id == id_)
    rules = delete(SecurityGroupRule).where(col(SecurityGroupRule.group_id).in_(groups))
    session.execute(rules)
    for table in (SecurityGroup, AddressGroup, Quota, RoleAssignment, ImageMember):
        session.execute(delete(table).where(col(table.project_id) == id_))
    session.execute(delete(Project).where(col(Project.id) == id_))


def _image_gone(session: Session, id_: str, machine: Machine) -> None:
    session.execute(delete(ImageMember).where(col(ImageMember.image_id) == id_))
    session.execute(delete(Image).where(col(Image.id) == id_))


def _network_gone(session: Session, id_: str, machine: Machine) -> None:
    session.execute(delete(FloatingIp).where(col(FloatingIp.network_id) == id_))
    _forget_ports(session, list(session.exec(select(Port.id).where(Port.network_id == id_))))
    for table in (Subnet, LocalVlan):
        session.execute(delete(table).where(col(table.network_id) == id_))
    session.execute(delete(Network).where(col(Network.id) == id_))


def _router_gone(session: Session, id_: str, machine: Machine) -> None:
    lent = update(FloatingIp).where(col(FloatingIp.router_id) == id_)
    session.execute(lent.values(router_id=None, port_id=None, fixed_address=None))
    session.execute(delete(Router).where(col(Router.id) == id_))


def _volume_gone(session: Session, id_: str, machine: Machine) -> None:
    session.execute(delete(Volume).where(col(Volume.id) == id_))


def _instance_gone(session: Session, id_: str, machine: Machine) -> None:
    session.execute(delete(Attachment).where(col(Attachment.instance_id) == id_))
    # Ports that the instance was given stay, free; its own go with their network's converge.
    kept = select(Port).where(Port.device_id == id_, col(Port.made_for_device).is_(False))
    for port in session.exec(kept):
        port.device_id = port.device_owner = port.host = ""
    session.execute(delete(Instance).where(col(Instance.id) == id_))


def _forget_ports(session: Session, ids: list[str]) -> None:
    for table in (Address, PortSecurityGroup):
        session.execute(delete(table).where(col(table.port_id).in_(ids)))
    session.execute(delete(Port).where(col(Port.id).in_(ids)))


_Handler = Callable[[Session, str, Machine], None]
_PRESENT: dict[Kind, _Handler] = {
    Kind.IMAGE: _image_present,
    Kind.VOLUME: _volume_present,
    Kind.INSTANCE: _instance_present,
    Kind.NETWORK: _network_present,
}
_REMOVED: dict[Kind, _Handler] = {
    Kind.PROJECT: _project_gone,
    Kind.IMAGE: _image_gone,
    Kind.NETWORK: _network_gone,
    Kind.ROUTER: _router_gone,
    Kind.VOLUME: _volume_gone,
    Kind.INSTANCE: _instance_gone,
}
