"""What the instances panel does to what an instance is made of."""

from __future__ import annotations

from typing import Any

_MISSING = "choose an instance first"


class Reshaping:
    """Actions of a panel whose items have an instance's `row`."""

    desk: Any
    item: Any

    def capture(self) -> None:
        """Ask for the name of an image of it."""
        self._ask("instance capture")

    def rebuild(self) -> None:
        """Ask for the image of its new root disk."""
        self._ask("instance rebuild")

    def rebase(self) -> None:
        """Ask for the image that its root disk is to stand on."""
        self._ask("instance rebase")

    def rescue(self) -> None:
        """Boot it from an image; one that is rescued boots from its own disk again."""
        item = self.item
        if item is not None and item.row.rescue_image_id:
            id_ = item.row.id
            self.desk.perform(
                f"Unrescue {item.row.name}", lambda cloud: cloud.reshape.unrescue(id_)
            )
        else:
            self._ask("instance rescue")

    def resize(self) -> None:
        """Ask for a flavor; of one that is resized, whether that is kept."""
        resized = self.item is not None and bool(self.item.row.previous)
        self._ask("instance resize end" if resized else "instance resize")

    def plug(self) -> None:
        """Ask for a port that it gets, running or not."""
        self._ask("instance plug")

    def unplug(self) -> None:
        """Ask for a port that it loses."""
        self._ask("instance unplug")

    def shelve(self) -> None:
        """Put it on the shelf, or take it off."""
        item = self.item
        if item is None:
            return
        id_, name = item.row.id, item.row.name
        if item.row.shelved:
            self.desk.perform(f"Unshelve {name}", lambda cloud: cloud.reshape.unshelve(id_))
        else:
            self.desk.perform(
                f"Shelve {name}", lambda cloud: cloud.reshape.shelve(id_), dangerous=True
            )

    def _ask(self, form: str) -> None:
        if self.item is None:
            self.desk.say(_MISSING, "warn")
        else:
            self.desk.ask_form(form, {"instance": self.item.row.id})
