"""What the records learn once a unit is converged: that it is gone, made, imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from backends.drivers.machine import Machine
from backends.drivers.qemu_img.images import ImageDescription
from backends.drivers.qemu_img.steps import origin_of
from backends.drivers.volumes.pool import default_pool, pool_of
from backends.plan import chain
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
    QosPolicy,
    QosRule,
    Quota,
    RoleAssignment,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    StoragePool,
    Subnet,
    Volume,
    VolumeBackup,
    VolumeSnapshot,
    VolumeTransfer,
)
from backends.records.unit import Kind
from backends.settings import root_disk

_Handler = Callable[[Session, str, Machine], None]


def settle(session: Session, planned: UnitPlan, machine: Machine) -> None:
    """Bring the unit's rows up to what the machine now is. Part of the caller's transaction."""
    act = _REMOVED if planned.removes else _PRESENT
    handler = act.get(planned.unit.kind)
    if handler is not None:
        handler(session, planned.unit.id, machine)


def _image_present(session: Session, id_: str, machine: Machine) -> None:
    image = session.get(Image, id_)
    if image is None or image.ready:
        return
    found = learn_image(image, machine)
    if written := chain.taken_in(image):
        instance = session.get(Instance, written[0])
        if instance is not None:
            instance.leaving_id = None
    if not image.imported:
        # Where it can be fetched again: who piped it in has it, and no password is kept for it.
        image.origin = origin_of(image.source)
        image.imported, image.source, image.damaged = True, None, False
    elif found.format == image.convert_to:
        image.disk_format, image.convert_to, image.origin = found.format, None, None


def learn_image(image: Image, machine: Machine) -> ImageDescription:
    """What its file is. Raises MachineFailed `image.missing`."""
    found = machine.qemu_img.describe(image.id)
    image.size, image.virtual_size = found.size, found.virtual_size
    image.sha256, image.sha512 = found.sha256, found.sha512
    return found


def _volume_present(session: Session, id_: str, machine: Machine) -> None:
    volume = session.get(Volume, id_)
    if volume is None:
        return
    volume.made = True
    volume.revert_to = volume.restore_from = ""
    if volume.target_pool:
        pools = session.exec(select(StoragePool).where(StoragePool.name == volume.target_pool))
        pool = pools.first()
        target = pool_of(pool) if pool else default_pool(machine.settings)
        volume.pool, volume.driver, volume.target_pool = target.name, target.driver, ""


def _snapshot_present(session: Session, id_: str, machine: Machine) -> None:
    snapshot = session.get(VolumeSnapshot, id_)
    if snapshot is not None:
        snapshot.made = True


def _backup_present(session: Session, id_: str, machine: Machine) -> None:
    backup = session.get(VolumeBackup, id_)
    if backup is None or backup.made:
        return
    manifest = machine.volumes.backups.manifest(Path(backup.folder))
    backup.pieces, backup.stored = len(manifest.pieces), manifest.stored
    backup.made = True
    # A snapshot that was made for it alone has served.
    served = select(VolumeSnapshot).where(VolumeSnapshot.backup_id == id_)
    for snapshot in session.exec(served):
        snapshot.absent = True


def _instance_present(session: Session, id_: str, machine: Machine) -> None:
    instance = session.get(Instance, id_)
    if instance is None:
        return
    instance.made = True
    _learn_base(session, instance, machine)
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


def _learn_base(session: Session, instance: Instance, machine: Machine) -> None:
    """What its disk stands on by the disk's own word, once it is where it should be."""
    files = machine.qemu_img.files([instance.id]).get(instance.id)
    disk = root_disk(instance.disk_generation)
    if files is None or disk not in files.disks:
        return
    base = files.bases.get(disk)
    image = session.get(Image, base) if base and base == instance.leaving_id else None
    if image is not None and chain.taken_in(image):
        return
    if instance.leaving_id is None or base == instance.base_id:
        instance.base_id, instance.leaving_id = base, None


def _network_present(session: Session, id_: str, machine: Machine) -> None:
    floats = col(FloatingIp.network_id) == id_
    session.execute(delete(FloatingIp).where(floats, col(FloatingIp.absent)))
    gone = select(Port.id).where(Port.network_id == id_, col(Port.absent))
    _forget_ports(session, list(session.exec(gone)))


def _project_gone(session: Session, id_: str, machine: Machine) -> None:
    groups = select(SecurityGroup.id).where(SecurityGroup.project_id == id_)
    rules = delete(SecurityGroupRule).where(col(SecurityGroupRule.group_id).in_(groups))
    session.execute(rules)
    policies = select(QosPolicy.id).where(QosPolicy.project_id == id_)
    session.execute(delete(QosRule).where(col(QosRule.policy_id).in_(policies)))
    for limited in (Network, Port):
        # A shared one may be on what others own.
        used = update(limited).where(col(limited.qos_policy_id).in_(policies))
        session.execute(used.values(qos_policy_id=None))
    for table in (QosPolicy, SecurityGroup, AddressGroup, Quota, RoleAssignment, ImageMember):
        session.execute(delete(table).where(col(table.project_id) == id_))
    session.execute(delete(Project).where(col(Project.id) == id_))


def _image_gone(session: Session, id_: str, machine: Machine) -> None:
    made = update(Instance).where(col(Instance.image_id) == id_)
    session.execute(made.values(image_id=None))
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
    session.execute(delete(VolumeTransfer).where(col(VolumeTransfer.volume_id) == id_))
    session.execute(delete(VolumeSnapshot).where(col(VolumeSnapshot.volume_id) == id_))
    session.execute(delete(Volume).where(col(Volume.id) == id_))


def _backup_gone(session: Session, id_: str, machine: Machine) -> None:
    # What stood on it goes with it, in whatever order.
    standing = update(VolumeBackup).where(col(VolumeBackup.parent_id) == id_)
    session.execute(standing.values(parent_id=None))
    session.execute(delete(VolumeBackup).where(col(VolumeBackup.id) == id_))


def _row_gone(table: Any) -> _Handler:
    def gone(session: Session, id_: str, machine: Machine) -> None:
        session.execute(delete(table).where(col(table.id) == id_))

    return gone


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


_PRESENT: dict[Kind, _Handler] = {
    Kind.IMAGE: _image_present,
    Kind.VOLUME: _volume_present,
    Kind.SNAPSHOT: _snapshot_present,
    Kind.BACKUP: _backup_present,
    Kind.INSTANCE: _instance_present,
    Kind.NETWORK: _network_present,
}
_REMOVED: dict[Kind, _Handler] = {
    Kind.PROJECT: _project_gone,
    Kind.IMAGE: _image_gone,
    Kind.NETWORK: _network_gone,
    Kind.ROUTER: _router_gone,
    Kind.POOL: _row_gone(StoragePool),
    Kind.VOLUME: _volume_gone,
    Kind.SNAPSHOT: _row_gone(VolumeSnapshot),
    Kind.BACKUP: _backup_gone,
    Kind.INSTANCE: _instance_gone,
}
