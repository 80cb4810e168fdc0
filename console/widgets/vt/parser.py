"""Takes a guest's output apart: text, controls and sequences (ECMA-48, xterm's ctlseqs).

pyte's own parser prints what it does not know (device control strings, `CSI ! p`, colons) and takes
`CSI > 4 m` for an underline. This one swallows unknown sequences whole.
"""

from __future__ import annotations

import codecs
import re
from typing import Protocol

# A string (OSC, DCS, ...) that is longer is read to its end and not kept, in characters.
_STRING_LIMIT = 64 * 1024

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f-\x9f])"
    r"|\x1b\[(?P<parameters>[\x07-\x0d\x20-\x3f]*)(?P<final>[@-~])"
    # A line's end also ends a string: noise then hides one line and not all that follow.
    r"|\x1b(?P<kind>[\]PX^_])(?P<body>[^\x07\n\x18\x1a\x1b\x9c]*)(?:[\x07\n\x18\x1a\x9c]|\x1b\\|(?=\x1b[^\\]))"
    r"|\x1b(?P<escape>[ -/]*[0-OQ-WYZ\\`-~])"
)
_BEGUN = re.compile(
    r"\x1b(?:\[[\x07-\x0d\x20-\x3f]*|[\]PX^_][^\x07\n\x18\x1a\x1b\x9c]*\x1b?|[ -/]*)\Z"
)
_STRING_END = re.compile(r"[\x07\n\x18\x1a\x9c]|(?=\x1b)")
_CONTROLS = re.compile(r"[\x07-\x0d]")


class Listener(Protocol):
    """What the parser calls, in the order of the output."""

    def draw(self, data: str) -> None:
        """Printable text."""

    def control(self, character: str) -> None:
        """A C0 or C1 control."""

    def sequence(self, name: str, parameters: str) -> None:
        """A control sequence. `name` is its private prefix, intermediates and final (`?h`)."""

    def escape(self, name: str) -> None:
        """A short escape: intermediates and final (`(0`, `7`)."""

    def string(self, kind: str, body: str) -> None:
        """A control string; `kind` is `]` (OSC), `P` (DCS), `X`, `^` or `_`."""


class Parser:
    """Feeds a listener from bytes that come in pieces of any size."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._skipping = False

    def feed(self, data: bytes) -> None:
        """Parse a piece. What is incomplete at its end waits for the next."""
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        position, end = self._skip(text), len(text)
        listener, match = self._listener, _TOKEN.match
        while position < end:
            token = match(text, position)
            if token is None:
                position = self._unmatched(text, position)
                continue
            position = token.end()
            if token.lastgroup == "text":
                listener.draw(token[0])
            elif token.lastgroup == "control":
                listener.control(token[0])
            elif token.lastgroup == "final":
                self._sequence(token["parameters"], token["final"])
            elif token.lastgroup == "escape":
                listener.escape(token["escape"])
            else:
                listener.string(token["kind"], token["body"])

    def _sequence(self, parameters: str, final: str) -> None:
        if _CONTROLS.search(parameters):
            # Controls within a sequence are done at once (DEC STD 070).
            for control in _CONTROLS.findall(parameters):
                self._listener.control(control)
            parameters = _CONTROLS.sub("", parameters)
        prefix = parameters[:1] if parameters[:1] in tuple("<=>?") else ""
        digits = parameters[len(prefix) :].rstrip(" !\"#$%&'()*+,-./")
        intermediates = parameters[len(prefix) + len(digits) :]
        self._listener.sequence(f"{prefix}{intermediates}{final}", digits)

    def _unmatched(self, text: str, position: int) -> int:
        """A sequence that has not ended, or was broken off: where to go on."""
        if not _BEGUN.match(text, position):
            # Broken off by something else: the sequence's beginning is dropped.
            position += 1
            if text[position : position + 1] == "[":
                position += 1
                while position < len(text) and "\x20" <= text[position] <= "\x3f":
                    position += 1
            return position
        if len(text) - position > _STRING_LIMIT:
            self._skipping = text[position + 1] != "["
        else:
            self._rest = text[position:]
        return len(text)

    def _skip(self, text: str) -> int:
        """Where the string ends that is too long to be kept; 0 where there is none."""
        if not self._skipping:
            return 0
        found = _STRING_END.search(text)
        if found is None:
            return len(text)
        self._skipping = False
        return found.end()
