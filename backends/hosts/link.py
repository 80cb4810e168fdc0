"""One kept SSH connection to a host: made when needed, checked, given up on when it is gone."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import paramiko

from backends.errors import MachineFailed, Refused

# Seconds. A host that is cut off is noticed by the kernel, not by who waits for an answer; one
# that is only busy is given time.
CONNECT = 5.0
GREETING = 20.0
SILENCE = 20.0
RETRY = 3.0
# sshd takes ten sessions on a connection by default (sshd_config(5), MaxSessions).
SESSIONS = 8


class State(StrEnum):
    """What is known of a host's connection."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Address:
    """How a host is reached.

    `key_file` is our private key; `host_key` its public one as in known_hosts(5), type and base64.
    """

    host: str
    user: str
    key_file: Path
    host_key: str
    port: int = 22

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A connection's state, since when (seconds since the epoch), and why it is so."""

    state: State
    since: float
    reason: str = ""


class Link:
    """A connection that several threads share."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.condition = Condition(State.UNKNOWN, time.time())
        self._transport: paramiko.Transport | None = None
        self._connecting = threading.Lock()
        self._sessions = threading.BoundedSemaphore(SESSIONS)
        self._failed_at = float("-inf")

    @contextlib.contextmanager
    def session(self, deadline: float) -> Iterator[paramiko.Channel]:
        """A channel, whose every wait ends after `deadline` seconds.

        Raises MachineFailed `host.unreachable`, `host.key.changed`, `host.login.failed`.
        """
        if not self._sessions.acquire(timeout=deadline):
            raise MachineFailed("host.busy", f"{self.address} had no session free")
        try:
            channel = self._open()
            try:
                channel.settimeout(deadline)
                yield channel
            finally:
                channel.close()
        finally:
            self._sessions.release()

    def close(self) -> None:
        """End the connection; the next session makes another."""
        with self._connecting:
            if self._transport is not None:
                self._transport.close()
                self._transport = None

    def lost(self, error: BaseException) -> MachineFailed:
        """The error for a connection that went away while it was in use."""
        self.close()
        return self._down(f"{error or type(error).__name__}")

    def _open(self) -> paramiko.Channel:
        try:
            return self._connected().open_session(timeout=GREETING)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self.lost(error) from None

    def _connected(self) -> paramiko.Transport:
        with self._connecting:
            if self._transport is not None and self._transport.is_active():
                return self._transport
            # Who comes while a host is down is told so at once: no wait of one's own for each.
            if time.monotonic() - self._failed_at < RETRY:
                raise MachineFailed("host.unreachable", self._words(self.condition.reason))
            self._transport = self._connect()
            self._become(State.UP, "")
            return self._transport

    def _connect(self) -> paramiko.Transport:
        where = (self.address.host, self.address.port)
        try:
            wire = socket.create_connection(where, timeout=CONNECT)
        except OSError as error:
            raise self._down(error.strerror or str(error)) from None
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE * 1000))
        transport = paramiko.Transport(wire)
        transport.banner_timeout = transport.auth_timeout = GREETING
        try:
            transport.start_client(timeout=GREETING)
            self._check(transport.get_remote_server_key())
            transport.auth_publickey(self.address.user, load_key(self.address.key_file))
        except paramiko.AuthenticationException:
            transport.close()
            raise self._failed(
                "host.login.failed",
                f"{self.address} does not take {self.address.key_file}; "
                "add its public key to authorized_keys there",
            ) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            transport.close()
            raise self._down(str(error) or "no SSH server there") from None
        except (MachineFailed, Refused):
            transport.close()
            raise
        transport.set_keepalive(int(SILENCE / 2))
        return transport

    def _check(self, key: paramiko.PKey) -> None:
        if key_text(key) != " ".join(self.address.host_key.split()[:2]):
            raise self._failed(
                "host.key.changed",
                f"{self.address} shows a host key that is not the recorded one, {key.fingerprint}; "
                "if it was laid anew, record the new key",
            )

    def _down(self, reason: str) -> MachineFailed:
        return self._failed("host.unreachable", self._words(reason), reason)

    def _failed(self, code: str, message: str, reason: str = "") -> MachineFailed:
        self._failed_at = time.monotonic()
        self._become(State.DOWN, reason or message)
        return MachineFailed(code, message)

    def _words(self, reason: str) -> str:
        return f"{self.address} cannot be reached: {reason}"

    def _become(self, state: State, reason: str) -> None:
        since = self.condition.since if state is self.condition.state else time.time()
        self.condition = Condition(state, since, reason)


def load_key(path: Path) -> paramiko.PKey:
    """A private key. Raises Refused `host.key.unreadable`."""
    try:
        return paramiko.PKey.from_path(path)
    except (OSError, ValueError, paramiko.SSHException) as error:
        raise Refused("host.key.unreadable", f"{path} is no private key: {error}") from None


def key_text(key: paramiko.PKey) -> str:
    """A public key as in known_hosts(5)."""
    return f"{key.get_name()} {key.get_base64()}"


def scan(host: str, port: int = 22) -> paramiko.PKey:
    """The host key that a server shows now, for its operator to compare (ssh-keyscan(1)).

    Raises MachineFailed `host.unreachable`.
    """
    try:
        wire = socket.create_connection((host, port), timeout=CONNECT)
        with contextlib.closing(paramiko.Transport(wire)) as transport:
            transport.start_client(timeout=GREETING)
            return transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise MachineFailed("host.unreachable", f"{host}:{port}: {error}") from None
