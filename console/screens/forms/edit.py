"""A form that begins with what a thing is, and asks only for what was changed of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from backends.cloud import Cloud
from backends.errors import Refused
from console.screens.panel import OneByOne
from console.widgets.fields import Loaded
from console.widgets.form import Form, Request, Values

# What was changed, by field.
Changes = Mapping[str, str]


class EditForm(Form):
    """The form of one thing that is there. `chosen` has its `id`.

    Subclasses say how the fields `begin` (in a thread) and the verb that a `change` is.
    """

    does = "Change"

    def __init__(self, cloud: Cloud, chosen: Values | None = None) -> None:
        given = dict(chosen or {})
        self.subject = given.pop("id", "")
        self._before: dict[str, str] = {}
        super().__init__(cloud, given)

    def begin(self) -> dict[str, Loaded]:
        """Each field as it is now. Runs in a thread. Raises NotFound."""
        raise NotImplementedError

    def change(self, changes: Changes) -> Callable[[Cloud], object]:
        """The verb for these changes. Raises QuarterdeckError."""
        raise NotImplementedError

    def load(self) -> dict[str, Loaded]:
        found = self.begin() if self.subject else {}
        self._before = {name: loaded.value for name, loaded in found.items()}
        return found

    def request(self, values: Values) -> Request:
        changes = {
            name: value
            for name, value in values.items()
            if name in self._before and value != self._before[name]
        }
        if not changes:
            raise Refused("form.unchanged", "nothing was changed; esc leaves it as it is")
        return Request(self.heading, self.change(changes))


class ManyForm(Form):
    """A form about things that are there. `chosen` has their `ids`, with spaces between them."""

    def __init__(self, cloud: Cloud, chosen: Values | None = None) -> None:
        given = dict(chosen or {})
        self.subjects = given.pop("ids", "").split()
        super().__init__(cloud, given)

    def each(self, verb: Callable[[Cloud, str], object]) -> OneByOne:
        """The verb for each of them, as one."""
        return OneByOne([lambda cloud, id_=id_: verb(cloud, id_) for id_ in self.subjects])


def flag(value: bool) -> Loaded:
    """A toggle as it is."""
    return Loaded("yes" if value else "")


def listed(text: str) -> list[str]:
    """Words with commas or spaces between them."""
    return text.replace(",", " ").split()


def named(text: str) -> list[str]:
    """Names with commas between them; they may have spaces."""
    return [name.strip() for name in text.split(",") if name.strip()]


def given(changes: Changes, name: str) -> bool | None:
    """A toggle that was changed; None where it was not."""
    return bool(changes[name]) if name in changes else None
