"""Sharing an image: who it is offered to, and what they make of it (Glance's members)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import select

from backends.context import Change
from backends.errors import NotFound, Refused
from backends.records.identity import Project, Role
from backends.records.image import Image, ImageMember, Membership
from backends.records.unit import Kind, Unit
from backends.services.base import find
from backends.services.image_base import ImageService


class Member(NamedTuple):
    """A project that an image is shared with."""

    image_id: str
    project_id: str
    status: str
    created_at: float


class ImageMembers(ImageService):
    """Offering an image to projects, and answering."""

    def share(self, ref: str, project: str, member: bool = True) -> None:
        """Offer an image to a project, which may accept it; or take that back."""
        self.caller.require(Role.MEMBER, "share an image")

        def act(change: Change) -> None:
            session = change.session
            row = self.own(session, ref)
            # The other project is named by its id, as it is not the caller's to look up.
            other = session.get(Project, project) or find(
                session, Project, project, "project", self.caller
            )
            change.about(Unit(Kind.IMAGE, row.id), row.name)
            found = session.get(ImageMember, (row.id, other.id))
            if member and found is None:
                session.add(ImageMember(image_id=row.id, project_id=other.id))
            elif not member and found is not None:
                session.delete(found)

        self.context.perform("image.share", act)

    def answer(self, ref: str, membership: str) -> Image:
        """Accept an image that is offered to the caller's project, reject it, or think it over.

        An accepted one is listed and found by its name. Raises Refused `image.membership`, NotFound
        `image.not_offered`.
        """
        self.caller.require(Role.MEMBER, "answer for an image")
        try:
            wanted = Membership(membership)
        except ValueError:
            raise Refused("image.membership", "accepted, rejected or pending") from None

        def act(change: Change) -> Image:
            row = self.require(change.session, ref)
            found = change.session.get(ImageMember, (row.id, self.caller.project_id))
            if found is None:
                raise NotFound(
                    "image.not_offered", f"image {row.name} is not offered to this project"
                )
            found.status = wanted.value
            return row

        return self.context.perform("image.answer", act)

    def members(self, ref: str) -> Sequence[str]:
        """Ids of the projects that an image is shared with."""
        return [each.project_id for each in self.memberships(ref)]

    def memberships(self, ref: str) -> Sequence[Member]:
        """The projects that an image is shared with, and their answers; others see their own."""
        with self.context.reading() as session:
            row = self.require(session, ref)
            query = select(ImageMember).where(ImageMember.image_id == row.id)
            if not self.caller.sees(row.project_id):
                query = query.where(ImageMember.project_id == self.caller.project_id)
            return [
                Member(each.image_id, each.project_id, each.status, each.created_at)
                for each in session.exec(query)
            ]
