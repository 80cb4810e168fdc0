"""What a filter asks of the machine itself, apart from what it asks of the rows. Pure."""

from __future__ import annotations

from collections.abc import Collection


def asked(text: str, names: Collection[str]) -> tuple[dict[str, str], str]:
    """The `name=value` words of a filter whose name is known, and the rest of it.

    >>> asked("zone=5 tcp", ["zone"])
    ({'zone': '5'}, 'tcp')
    """
    found, rest = {}, []
    for word in text.split():
        name, equals, value = word.partition("=")
        if equals and name in names:
            if value:
                found[name] = value
        else:
            rest.append(word)
    return found, " ".join(rest)


def number(value: str | None) -> int | None:
    """A number that is typed, also in hexadecimal; None where it is none (yet)."""
    try:
        return None if value is None else int(value, 0)
    except ValueError:
        return None
