"""Where commands run and files live: this machine, or another one."""

from backends.hosts.base import Host, Output
from backends.hosts.local import LocalHost

__all__ = ["Host", "LocalHost", "Output"]
