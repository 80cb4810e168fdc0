"""Forms for volumes on their way to another project: offered with a key, and taken by it."""

from __future__ import annotations

from typing import Any

from backends.errors import Refused
from backends.services.base import good_name, is_id
from console.screens.offered import Offered
from console.widgets.fields import Choice, Loaded, Text
from console.widgets.form import Form, Request, Values


class OfferForm(Form):
    """A volume is offered to whoever knows the key, which is shown once."""

    heading = "Offer a volume"
    does = "Offer"
    fields = (
        Choice("volume", "Volume"),
        Text("name", "Name", good_name, optional=True, hint="of the offer; none"),
    )

    def load(self) -> dict[str, Loaded]:
        rows = self.cloud.volumes.list(all_projects=bool(self.chosen))
        free = [row for row in rows if row.status == "available" and not row.volume.group_id]
        options = [(row.volume.name or row.volume.id, row.volume.id) for row in free]
        chosen = self.chosen.get("volume") or (options[0][1] if options else "")
        return {"volume": Loaded(chosen, options)}

    def request(self, values: Values) -> Request:
        volume, name = values["volume"], values["name"]
        return Request("Offer a volume", lambda cloud: cloud.transfers.create(volume, name), _shown)


class AcceptForm(Form):
    """A volume that another project offers is taken into this one."""

    heading = "Accept a volume"
    does = "Accept"
    fields = (
        Text("transfer", "Offer", lambda text: _id(text), hint="its id"),
        Text("key", "Key", secret=True, hint="as its owner told it"),
    )

    def request(self, values: Values) -> Request:
        transfer, key = values["transfer"], values["key"].strip()
        return Request("Accept a volume", lambda cloud: cloud.transfers.accept(transfer, key))


def _shown(made: Any) -> Offered:
    return Offered(made.transfer.id, made.key)


def _id(text: str) -> str:
    """Raises Refused `transfer.id`."""
    if not is_id(text):
        raise Refused("transfer.id", "an offer's id has 36 characters")
    return text
