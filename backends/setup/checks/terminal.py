"""The terminal of the caller: what the console can draw in it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from backends.hosts import Host
from backends.setup.check import Check, Finding, fail, ok, skip, warn


def encoding_in(environment: Mapping[str, str]) -> Finding:
    """locale(7): the first of LC_ALL, LC_CTYPE and LANG that is set decides."""
    chosen = next(
        (value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := environment.get(name))), ""
    )
    if chosen.lower().replace("-", "").endswith("utf8"):
        return ok(chosen)
    return warn(
        f"locale {chosen or '(none)'} is not UTF-8: lines and Hangul may be garbled",
        "export LANG=C.UTF-8",
    )


def colours_in(environment: Mapping[str, str]) -> Finding:
    """COLORTERM and TERM, as terminals set them."""
    term = environment.get("TERM", "")
    if not term:
        return skip("TERM is not set: this is no terminal")
    if term == "dumb":
        return fail("TERM=dumb cannot show the console", "export TERM=xterm-256color")
    if environment.get("COLORTERM", "") in ("truecolor", "24bit"):
        return ok(f"{term}, 16 million colours")
    if "256color" in term or term.startswith(("tmux", "xterm-kitty", "foot", "alacritty")):
        return ok(f"{term}, 256 colours")
    return warn(f"{term}: few colours", "export TERM=xterm-256color")


def encoding(host: Host) -> Finding:
    return encoding_in(os.environ)


def colours(host: Host) -> Finding:
    return colours_in(os.environ)


CHECKS = (
    Check("terminal.encoding", "Terminal's encoding", encoding),
    Check("terminal.colours", "Terminal's colours", colours),
)
