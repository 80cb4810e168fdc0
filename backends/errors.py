"""Errors a person can act on: one line, one stable code, one exit status."""

from __future__ import annotations


class QuarterdeckError(Exception):
    """Base of every error that is shown to a person.

    `code` is stable (`network.subnet.overlap`); `message` is one line that says what is wrong and,
    where it can, what mends it. `exit_status` is what a command returns.
    """

    exit_status = 1

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = " ".join(message.split())

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class Refused(QuarterdeckError):
    """The request is understood and will not be done: right, quota, conflict, bad value."""


class NotFound(Refused):
    """No such thing, or none that the caller may see."""


class Usage(QuarterdeckError):
    """The command line itself is wrong."""

    exit_status = 2


class MachineFailed(QuarterdeckError):
    """A real system (libvirt, Open vSwitch, a disk) did not do what was asked."""

    exit_status = 3


class HalfDone(MachineFailed):
    """What was begun cannot be taken back: the record keeps the wish, and a converge goes on."""


class Cancelled(QuarterdeckError):
    """Somebody cancelled the operation before it was done."""

    def __init__(self, verb: str) -> None:
        super().__init__("operation.cancelled", f"{verb} was cancelled")
