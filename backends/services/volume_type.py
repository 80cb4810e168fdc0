"""Volume types and the limits (QoS) that go with them. For the cloud's admin to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from backends.context import Change
from backends.drivers.libvirt.spec import TUNES
from backends.errors import NotFound, Refused
from backends.records.pool import QosSpec, VolumeType
from backends.records.tables import Attachment, Volume
from backends.records.unit import Kind, Unit
from backends.services import storage
from backends.services.base import Service, compose, find, good_name, good_properties, good_text

BACKEND = "volume_backend_name"
MULTIATTACH = "multiattach"
CONSUMERS = ("front-end", "back-end", "both")
_LIMIT_MOST = 1 << 50


class VolumeTypes(Service):
    """Kinds of volumes: where they lie, who may share one, whether they are encrypted."""

    def list(self) -> Sequence[VolumeType]:
        """The types that the caller may use, by name."""
        with self.context.reading() as session:
            query = select(VolumeType).order_by(col(VolumeType.name))
            if not self.caller.admin:
                query = query.where(col(VolumeType.public))
            return list(session.exec(query))

    def show(self, ref: str) -> VolumeType:
        """One by id or name. Raises NotFound `volume_type.not_found`."""
        with self.context.reading() as session:
            return self._find(session, ref)

    def create(
        self,
        name: str,
        *,
        description: str = "",
        public: bool = True,
        specs: Mapping[str, str] | None = None,
        encryption: str = "",
    ) -> VolumeType:
        """A new type. Raises Refused `volume_type.exists`, `volume_type.encryption`."""
        self.caller.require_cloud_admin("make a volume type")

        def act(change: Change) -> VolumeType:
            good = good_name(name)
            _check_new(change.session, VolumeType, good, "volume_type")
            row = VolumeType(
                name=good,
                description=good_text(description, "description"),
                public=public,
                specs=_specs(self, change.session, specs),
                encryption=_encryption(encryption),
            )
            change.session.add(row)
            self._host(change, row.name)
            return row

        return self.context.perform("volume_type.create", act)

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        public: bool | None = None,
        specs: Mapping[str, str] | None = None,
        unset: Sequence[str] = (),
        encryption: str | None = None,
    ) -> VolumeType:
        """Change a type; volumes that are there keep what they were made with.

        Raises Refused `volume_type.in_use` where the encryption of a used one is to change.
        """
        self.caller.require_cloud_admin("change a volume type")

        def act(change: Change) -> VolumeType:
            row = self._find(change.session, ref)
            if name is not None and name != row.name:
                good = good_name(name)
                _check_new(change.session, VolumeType, good, "volume_type")
                row.name = good
            if description is not None:
                row.description = good_text(description, "description")
            row.public = row.public if public is None else public
            kept = {key: text for key, text in row.specs.items() if key not in unset}
            row.specs = kept | _specs(self, change.session, specs)
            if encryption is not None and encryption != row.encryption:
                _check_unused(change.session, row)
                row.encryption = _encryption(encryption)
            self._host(change, row.name)
            return row

        return self.context.perform("volume_type.set", act)

    def delete(self, *refs: str) -> None:
        """Remove types. Raises Refused `volume_type.in_use`."""
        self.caller.require_cloud_admin("delete a volume type")

        def act(change: Change) -> None:
            for ref in refs:
                row = self._find(change.session, ref)
                _check_unused(change.session, row)
                change.session.delete(row)
                self._host(change, row.name)

        self.context.perform("volume_type.delete", act)

    def qos_list(self) -> Sequence[QosSpec]:
        """All QoS specs, by name."""
        with self.context.reading() as session:
            return list(session.exec(select(QosSpec).order_by(col(QosSpec.name))))

    def qos_show(self, ref: str) -> tuple[QosSpec, Sequence[VolumeType]]:
        """A QoS spec and the types that have it. Raises NotFound `qos.not_found`."""
        with self.context.reading() as session:
            row = find(session, QosSpec, ref, "qos", self.caller)
            query = select(VolumeType).where(VolumeType.qos_id == row.id)
            return row, list(session.exec(query.order_by(col(VolumeType.name))))

    def qos_create(
        self, name: str, limits: Mapping[str, str], *, consumer: str = "front-end"
    ) -> QosSpec:
        """New limits. Raises Refused `qos.exists`, `qos.limit`, `qos.consumer`."""
        self.caller.require_cloud_admin("make QoS specs")
        if consumer not in CONSUMERS:
            raise Refused("qos.consumer", f"a consumer is one of {', '.join(CONSUMERS)}")

        def act(change: Change) -> QosSpec:
            good = good_name(name)
            _check_new(change.session, QosSpec, good, "qos")
            row = QosSpec(name=good, consumer=consumer, specs=_limits(limits))
            change.session.add(row)
            self._host(change, row.name)
            return row

        return self.context.perform("qos.create", act)

    def qos_set(
        self, ref: str, limits: Mapping[str, str] | None = None, *, unset: Sequence[str] = ()
    ) -> QosSpec:
        """Change limits; running guests have them at once. Raises Refused `qos.limit`."""
        self.caller.require_cloud_admin("change QoS specs")

        def act(change: Change) -> QosSpec:
            row = find(change.session, QosSpec, ref, "qos", self.caller)
            kept = {key: text for key, text in row.specs.items() if key not in unset}
            row.specs = _limits(kept | dict(limits or {}))
            self._host(change, row.name)
            types = change.session.exec(select(VolumeType.id).where(VolumeType.qos_id == row.id))
            self._guests(change, list(types))
            return row

        return self.context.perform("qos.set", act)

    def qos_delete(self, *refs: str) -> None:
        """Remove QoS specs. Raises Refused `qos.in_use`."""
        self.caller.require_cloud_admin("delete QoS specs")

        def act(change: Change) -> None:
            for ref in refs:
                row = find(change.session, QosSpec, ref, "qos", self.caller)
                used = select(VolumeType).where(VolumeType.qos_id == row.id)
                first = change.session.exec(used).first()
                if first is not None:
                    text = f"QoS {row.name} is of type {first.name}; disassociate it first"
                    raise Refused("qos.in_use", text)
                change.session.delete(row)
                self._host(change, row.name)

        self.context.perform("qos.delete", act)

    def associate(self, qos: str, type_: str) -> None:
        """Let the volumes of a type have these limits, attached ones at once."""
        self._associate("qos.associate", qos, type_, True)

    def disassociate(self, qos: str, type_: str) -> None:
        """Take the limits from a type again."""
        self._associate("qos.disassociate", qos, type_, False)

    def _associate(self, verb: str, qos: str, type_: str, has: bool) -> None:
        self.caller.require_cloud_admin("change QoS specs")

        def act(change: Change) -> None:
            spec = find(change.session, QosSpec, qos, "qos", self.caller)
            row = self._find(change.session, type_)
            if not has and row.qos_id != spec.id:
                raise Refused("qos.not_associated", f"type {row.name} does not have {spec.name}")
            row.qos_id = spec.id if has else None
            self._host(change, spec.name)
            self._guests(change, [row.id])

        self.context.perform(verb, act)

    def _find(self, session: Session, ref: str) -> VolumeType:
        row = find(session, VolumeType, ref, "volume_type", self.caller)
        if not row.public and not self.caller.admin:
            raise NotFound("volume_type.not_found", f"no volume type {ref!r} here")
        return row

    def _host(self, change: Change, name: str) -> None:
        """The cloud's label carries them."""
        host = Unit(Kind.HOST, self.context.settings.host)
        change.about(host, name)
        change.touch(host)

    def _guests(self, change: Change, types: Sequence[str]) -> None:
        query = (
            select(Attachment.instance_id)
            .join(Volume, col(Volume.id) == col(Attachment.volume_id))
            .where(col(Volume.type_id).in_(types))
        )
        change.touch(*(Unit(Kind.INSTANCE, id_) for id_ in change.session.exec(query)))


def require_type(session: Session, ref: str) -> VolumeType:
    """A type that anybody may use, by id or name. Raises NotFound `volume_type.not_found`."""
    ref = compose(ref)
    named = (col(VolumeType.id) == ref) | (col(VolumeType.name) == ref)
    row = session.exec(select(VolumeType).where(named)).first()
    if row is None or not row.public:
        text = f"no volume type {ref!r}; see `quarterdeck volume type list`"
        raise NotFound("volume_type.not_found", text)
    return row


def is_multiattach(kind: VolumeType | None) -> bool:
    """Whether several instances may have a volume of the type (Cinder's `<is> True`)."""
    words = (kind.specs.get(MULTIATTACH, "") if kind else "").split()
    return bool(words) and words[-1].lower() == "true"


def pool_of_type(kind: VolumeType) -> str:
    """The pool that the type names; empty where any will do."""
    return kind.specs.get(BACKEND, "")


def _specs(service: Service, session: Session, specs: Mapping[str, str] | None) -> dict[str, str]:
    good = good_properties(specs)
    if BACKEND in good:
        storage.find_pool(session, service.context.settings, good[BACKEND])
    return good


def _encryption(text: str) -> str:
    if text not in ("", "luks"):
        raise Refused("volume_type.encryption", f"the provider is luks, not {text!r}")
    return text


def _check_new(
    session: Session, table: type[VolumeType] | type[QosSpec], name: str, what: str
) -> None:
    if session.exec(select(table).where(table.name == name)).first() is not None:
        raise Refused(f"{what}.exists", f"there is one named {name!r} already")


def _check_unused(session: Session, row: VolumeType) -> None:
    used = session.exec(select(Volume).where(Volume.type_id == row.id)).first()
    if used is not None:
        text = f"volume {used.name or used.id} is of type {row.name}"
        raise Refused("volume_type.in_use", text)


def _limits(limits: Mapping[str, str]) -> dict[str, str]:
    for name, text in limits.items():
        if name not in TUNES:
            raise Refused("qos.limit", f"no limit {name!r}: there are {', '.join(TUNES)}")
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LIMIT_MOST):
            raise Refused("qos.limit", f"{name} is a number of bytes or operations, not {text!r}")
    for kind in ("bytes", "iops"):
        apart = any(f"{way}_{kind}_sec" in limits for way in ("read", "write"))
        if f"total_{kind}_sec" in limits and apart:
            text = f"total_{kind}_sec excludes read_{kind}_sec and write_{kind}_sec"
            raise Refused("qos.limit", text)
    return dict(limits)
