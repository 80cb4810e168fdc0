"""Which form creates what."""

from __future__ import annotations

from collections.abc import Mapping

from backends.cloud import Cloud
from backends.errors import Usage
from console.screens.forms.addressing import AddressGroupForm, SubnetPoolForm
from console.screens.forms.compute import FlavorForm, InstanceForm, KeyPairForm
from console.screens.forms.edit_host import HostEdit
from console.screens.forms.edit_network import (
    FloatingIpEdit,
    NetworkEdit,
    PortEdit,
    RouterEdit,
    SubnetEdit,
)
from console.screens.forms.edit_security import (
    AddressGroupEdit,
    RuleEdit,
    SecurityGroupEdit,
    SubnetPoolEdit,
)
from console.screens.forms.edit_volume import DetachForm, MoveForm, VolumeEdit
from console.screens.forms.identity import ProjectForm, UserForm
from console.screens.forms.image import AnswerForm, ConvertForm, ImageEdit, RepairForm, ShareForm
from console.screens.forms.kept import BackupForm, RestoreForm, SnapshotForm
from console.screens.forms.network import NetworkForm, PortForm, SubnetForm
from console.screens.forms.plugging import PlugForm, UnplugForm
from console.screens.forms.pool import PoolEdit, PoolForm, VolumeTypeEdit, VolumeTypeForm
from console.screens.forms.qos import QosEdit, QosForm
from console.screens.forms.reshape import (
    CaptureForm,
    RebaseForm,
    RebuildForm,
    RescueForm,
    ResizeEndForm,
    ResizeForm,
)
from console.screens.forms.routing import (
    FloatingIpForm,
    GatewayForm,
    InterfaceForm,
    LendForm,
    RouterForm,
)
from console.screens.forms.security import RuleForm, SecurityGroupForm
from console.screens.forms.storage import ImageForm
from console.screens.forms.transfer import AcceptForm, OfferForm
from console.screens.forms.trunk import SubportForm, TrunkEdit, TrunkForm
from console.screens.forms.volume import AttachForm, ExtendForm, VolumeForm
from console.screens.forms.volume_group import (
    GroupSnapshotForm,
    GroupVolumeForm,
    IntoGroupForm,
    VolumeGroupEdit,
    VolumeGroupForm,
)
from console.screens.forms.volume_qos import VolumeQosEdit, VolumeQosForm
from console.widgets.form import Form, Request

FORMS: dict[str, type[Form]] = {
    "address_group": AddressGroupForm,
    "address_group edit": AddressGroupEdit,
    "floating_ip edit": FloatingIpEdit,
    "network edit": NetworkEdit,
    "port edit": PortEdit,
    "router edit": RouterEdit,
    "rule edit": RuleEdit,
    "security_group edit": SecurityGroupEdit,
    "subnet edit": SubnetEdit,
    "subnet_pool": SubnetPoolForm,
    "subnet_pool edit": SubnetPoolEdit,
    "backup": BackupForm,
    "backup restore": RestoreForm,
    "flavor": FlavorForm,
    "group_snapshot": GroupSnapshotForm,
    "image": ImageForm,
    "image answer": AnswerForm,
    "image convert": ConvertForm,
    "image edit": ImageEdit,
    "image repair": RepairForm,
    "member": ShareForm,
    "host edit": HostEdit,
    "instance": InstanceForm,
    "instance capture": CaptureForm,
    "instance plug": PlugForm,
    "instance rebase": RebaseForm,
    "instance rebuild": RebuildForm,
    "instance rescue": RescueForm,
    "instance resize": ResizeForm,
    "instance resize end": ResizeEndForm,
    "instance unplug": UnplugForm,
    "keypair": KeyPairForm,
    "network": NetworkForm,
    "pool": PoolForm,
    "pool edit": PoolEdit,
    "port": PortForm,
    "project": ProjectForm,
    "qos": QosForm,
    "qos edit": QosEdit,
    "router": RouterForm,
    "router gateway": GatewayForm,
    "router interface": InterfaceForm,
    "floating_ip": FloatingIpForm,
    "floating_ip lend": LendForm,
    "security_group": SecurityGroupForm,
    "rule": RuleForm,
    "snapshot": SnapshotForm,
    "subnet": SubnetForm,
    "subport": SubportForm,
    "transfer": OfferForm,
    "transfer accept": AcceptForm,
    "trunk": TrunkForm,
    "trunk edit": TrunkEdit,
    "user": UserForm,
    "volume": VolumeForm,
    "volume attach": AttachForm,
    "volume detach": DetachForm,
    "volume edit": VolumeEdit,
    "volume extend": ExtendForm,
    "volume into group": IntoGroupForm,
    "volume move": MoveForm,
    "volume_group": VolumeGroupForm,
    "volume_group edit": VolumeGroupEdit,
    "volume_group volume": GroupVolumeForm,
    "volume_qos": VolumeQosForm,
    "volume_qos edit": VolumeQosEdit,
    "volume_type": VolumeTypeForm,
    "volume_type edit": VolumeTypeEdit,
}


def form_for(kind: str, cloud: Cloud, chosen: Mapping[str, str] | None = None) -> Form:
    """The form that creates a thing of this kind; `chosen` are values of its fields.

    Raises Usage `form.unknown`.
    """
    if kind not in FORMS:
        raise Usage("form.unknown", f"nothing of the kind {kind!r} can be created here")
    return FORMS[kind](cloud, chosen)


__all__ = ["FORMS", "Form", "Request", "form_for"]
