"""What inspecting services have in common: the names of what is found, read afresh."""

from __future__ import annotations

from backends.inspect.names import Names, names
from backends.records import snapshot
from backends.services.base import Service


class Inspection(Service):
    """What the switch and the kernel have. A project sees its own; the cloud's admin sees all."""

    def names(self) -> Names:
        """What numbers and addresses stand for just now.

        Raises MachineFailed `ovs.unreachable`.
        """
        with self.context.reading() as session:
            records = snapshot.read(session, self.context.settings.host)
        return names(records, self.context.machine.ovs.facts(), self.context.settings)
