"""The projects that an image is shared with, and what they answered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.panel import OneByOne
from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.image_member import Member

_TONES = {"accepted": "good", "rejected": "dim"}


class Item(NamedTuple):
    """A member, and its name where the caller may know it."""

    member: Member
    name: str


class Members(TablePanel):
    """The members of one image."""

    slug = "members"
    heading = "Members"
    kinds = ("member",)
    noun = "member"
    columns = (
        Column("project", "PROJECT", lambda i: i.name, 16, 36, "P"),
        Column("answer", "ANSWER", lambda i: i.member.status, 9, 10, "S",
               lambda i: _TONES.get(i.member.status, "warn")),
        Column("age", "AGE", lambda i: words.age(i.member.created_at), 4, 5, "A",
               order=lambda i: -i.member.created_at, right=True),
        Column("id", "PROJECT ID", lambda i: i.member.project_id, 36, 36, "I"),
    )  # fmt: skip

    @classmethod
    def actions(cls) -> Any:
        """A member is no record of its own: there is nothing more to describe."""
        return tuple(
            each for each in super().actions() if each.id not in ("view.describe", "view.yaml")
        )

    def __init__(self, image_id: str, name: str) -> None:
        super().__init__()
        self._image = image_id
        self._called = name

    @property
    def crumb(self) -> str:
        """The image's name."""
        return f"{self._called} › members"

    @property
    def nothing(self) -> str:
        """Who sees the image, and what shares it."""
        more = "; c shares it" if self.desk.writes else ""
        return super().nothing if self.filtered else f"shared with no project{more}"

    def key(self, item: Item) -> str:
        """The project's id."""
        return item.member.project_id

    def title(self, item: Item) -> str:
        """The project's name, or its id."""
        return item.name or item.member.project_id

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The members."""
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return [
            Item(each, projects.get(each.project_id, ""))
            for each in cloud.images.memberships(self._image)
        ]

    def describe(self) -> None:
        """There is no more to know."""

    def share(self) -> None:
        """Ask for a project."""
        self.desk.ask_form("member", {"image": self._image})

    def remove_selected(self) -> None:
        """Share it no more with those selected; their instances stay."""
        if ids := self.ids():
            steps = [partial(_withdraw, image=self._image, project=each) for each in ids]
            self.desk.perform(
                f"Share {self._called} no more with {self.names()}",
                OneByOne(steps),
                dangerous=True,
            )
            self.unmark()


def _withdraw(cloud: Cloud, image: str, project: str) -> None:
    cloud.images.share(image, project, member=False)
