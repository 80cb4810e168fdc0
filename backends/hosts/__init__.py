"""Where commands run and files live: this machine, or another one."""

from backends.hosts.base import Host, Output
from backends.hosts.local import LocalHost

__all__ = ["Host", "LocalHost", "Output", "is_one_machine"]


def is_one_machine(one: Host, other: Host) -> bool:
    """Whether what one host has is the other one's too."""
    return one is other or (isinstance(one, LocalHost) and isinstance(other, LocalHost))
