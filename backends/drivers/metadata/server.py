"""The metadata server of one namespace: what guests read at 169.254.169.254 and fe80::a9fe:a9fe.

    python3 -I -S FOLDER/server FOLDER

A program by itself, of the standard library alone: it is copied beside what it serves, and runs
where the cloud's own packages are not. It listens as root, shuts itself into FOLDER, and goes on
as a user that nothing else belongs to. A guest is known by the interface it comes by and by its
address there; nothing that it sends is believed. For each interface FOLDER has a JSON file of that
name: `addresses` (address: instance), `instances` (instance: tree: path: body). A body that is no
text is given as JSON.

One thread, so that a flood costs little: a connection has few seconds and few bytes, a guest few
connections.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import time

# Without `dataclasses` and `typing` it takes half the memory; there may be a hundred of it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ADDRESS, ADDRESS6, PORT = "169.254.169.254", "fe80::a9fe:a9fe", 80
# Debian keeps these numbers for nobody (Debian Policy, 9.2.2), and systemd gives them to nobody.
USER = 65525
PID, LOG = "pid", "log"

SECONDS = 5.0  # that a connection may last
HEAD = 8192  # bytes that a request may have
CONNECTIONS, EACH = 256, 16  # at once, of all guests and of one
_LOG_BYTES = 1 << 16
_DESCRIPTORS = CONNECTIONS + 32
# Of Linux, and not in Python's socket module (linux/in.h).
_IP_PKTINFO, _IP_PKTOPTIONS, _IP_FREEBIND = 8, 9, 15
_CMSG_HEAD = 16

# As nova.api.metadata.base has them.
OPENSTACK = (
    "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06",
    "2017-02-22", "2018-08-27", "2020-10-14", "latest",
)  # fmt: skip
EC2 = (
    "1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01",
    "2008-09-01", "2009-04-04", "latest",
)  # fmt: skip

# Of EC2's second version (IMDSv2): a token may be asked for, and is needed for nothing.
TOKEN, TTL, TTL_MOST = "latest/api/token", "x-aws-ec2-metadata-token-ttl-seconds", 21600

_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
}


def body_of(trees: dict[str, dict[str, Any]], target: str) -> str | None:
    """What an instance's trees have at a path; None where that is nothing."""
    path = parts_of(target)
    if path == "":
        return "\n".join(EC2)
    if path == "openstack":
        return "\n".join(OPENSTACK)
    version, _, rest = path.removeprefix("openstack/").partition("/")
    tree, versions = ("openstack", OPENSTACK) if path[:10] == "openstack/" else ("ec2", EC2)
    if version not in versions:
        return None
    files = trees.get(tree, {})
    # A folder may have a listing of its own.
    body = files.get(rest, files.get(f"{rest}/"))
    if body is None:
        return listing(files, f"{rest}/" if rest else "")
    return body if isinstance(body, str) else json.dumps(body, sort_keys=True)


def parts_of(target: str) -> str:
    """Its path without what says nothing: a query, and slashes at ends or beside others."""
    return "/".join(part for part in target.partition("?")[0].split("/") if part)


def header(asked: bytes, name: str) -> str:
    """A header's value; empty where there is none."""
    for line in asked.decode("latin-1").splitlines()[1:]:
        found, colon, value = line.partition(":")
        if colon and found.strip().lower() == name:
            return value.strip()
    return ""


def listing(files: dict[str, Any], folder: str) -> str | None:
    """What is in a folder: a name a line, folders with a slash; None where there is no such."""
    names: dict[str, None] = {}
    for path in sorted(files):
        if path.startswith(folder):
            name, slash, _ = path[len(folder) :].partition("/")
            names[name + slash] = None
    return "\n".join(names) if names else None


def answer(status: int, body: str, target: str, *, head: bool, more: tuple[str, ...] = ()) -> bytes:
    """A whole response (HTTP/1.0: its end is the connection's)."""
    data = body.encode()
    kind = "application/json" if target.endswith(".json") else "text/plain; charset=utf-8"
    lines = (
        f"HTTP/1.0 {status} {_REASONS[status]}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(data)}",
        "Connection: close",
        *more,
        "\r\n",
    )
    return "\r\n".join(lines).encode() + (b"" if head else data)


class Connection:
    """A guest that asks. `interface` is where it came in, empty where that is no one's business."""

    __slots__ = ("address", "asked", "ends", "interface", "left", "socket")

    def __init__(
        self, accepted: socket.socket, interface: str, address: str, ends: float, asked: bytes = b""
    ) -> None:
        self.socket = accepted
        self.interface = interface
        self.address = address
        self.ends = ends
        self.asked = asked
        self.left = b""


class Server:
    """Guests' files, as they were last read, and who is connected. `log` is a descriptor."""

    def __init__(self, log: int) -> None:
        self.log = log
        self.connections: dict[int, Connection] = {}
        self.files: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}
        self.selector = selectors.DefaultSelector()

    def serve(self, *listeners: socket.socket) -> None:
        """For ever."""
        for listener in listeners:
            self.selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select(self._patience()):
                if isinstance(key.data, Connection):
                    self._go_on(key.data)
                elif isinstance(key.fileobj, socket.socket):
                    self._accept(key.fileobj)
            late = [each for each in self.connections.values() if each.ends < time.monotonic()]
            for each in late:
                self._end(each)

    def _patience(self) -> float | None:
        ends = min((each.ends for each in self.connections.values()), default=None)
        return None if ends is None else max(0.0, ends - time.monotonic())

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, peer = listener.accept()
        except OSError:
            return
        address = str(peer[0]).partition("%")[0]
        same = sum(each.address == address for each in self.connections.values())
        if len(self.connections) >= CONNECTIONS or same >= EACH:
            accepted.close()
            return
        accepted.setblocking(False)
        made = Connection(accepted, came_by(accepted), address, time.monotonic() + SECONDS)
        self.connections[accepted.fileno()] = made
        self.selector.register(accepted, selectors.EVENT_READ, made)

    def _go_on(self, one: Connection) -> None:
        try:
            if one.left:
                one.left = one.left[one.socket.send(one.left) :]
                if not one.left:
                    self._end(one)
                return
            data = one.socket.recv(HEAD)
            one.asked += data
            if b"\r\n\r\n" in one.asked or b"\n\n" in one.asked or len(one.asked) > HEAD:
                one.left = self._respond(one)
                self.selector.modify(one.socket, selectors.EVENT_WRITE, one)
            elif not data:
                self._end(one)
        except BlockingIOError:
            return
        except OSError:
            self._end(one)

    def _end(self, one: Connection) -> None:
        self.selector.unregister(one.socket)
        del self.connections[one.socket.fileno()]
        one.socket.close()

    def _respond(self, one: Connection) -> bytes:
        line = one.asked.partition(b"\n")[0].decode("latin-1").strip()
        method, target, *_ = (*line.split(), "", "")
        if len(one.asked) > HEAD or not target.startswith("/"):
            return answer(400, "no request\n", "", head=False)
        if method == "PUT" and parts_of(target) == TOKEN:
            return self._token(one, target)
        if method not in ("GET", "HEAD"):
            return answer(405, "GET and HEAD alone\n", "", head=False)
        status, body = self._find(one, target)
        if body is None:
            self._note(one, status, target)
            body, target = f"{_REASONS[status]}\n", ""
        return answer(status, body, target, head=method == "HEAD")

    def _token(self, one: Connection, target: str) -> bytes:
        """A new token, for who is known; its life is asked for in seconds, 1 to 21,600."""
        wanted = header(one.asked, TTL)
        life = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 0
        status, _ = self._find(one, "/")
        if status != 200:
            self._note(one, status, target)
        elif not 1 <= life <= TTL_MOST:
            status = 400
        if status != 200:
            return answer(status, f"{_REASONS[status]}\n", "", head=False)
        token = os.urandom(28).hex()
        return answer(200, token, "", head=False, more=(f"{TTL}: {life}",))

    def _find(self, one: Connection, target: str) -> tuple[int, str | None]:
        """Status and body; no body for who, or what, is not known."""
        if not one.interface:
            return 403, None
        try:
            file = self._read(one.interface)
        except (OSError, ValueError):
            return 500, None
        if file is None:
            return 403, None
        instance = file["addresses"].get(one.address)
        if instance is None:
            return 404, None
        body = body_of(file["instances"][instance], target)
        # That a guest asks for what it does not have is usual, and not worth a line.
        return (404, "Not Found\n") if body is None else (200, body)

    def _read(self, interface: str) -> dict[str, Any] | None:
        """The file of an interface; read again when it was replaced."""
        try:
            with open(f"{interface}.json", "rb") as file:
                found = os.fstat(file.fileno())
                mark = found.st_ino, found.st_mtime_ns
                known = self.files.get(interface)
                if known is None or known[0] != mark:
                    known = self.files[interface] = mark, json.load(file)
                return known[1]
        except FileNotFoundError:
            self.files.pop(interface, None)
            return None

    def _note(self, one: Connection, status: int, target: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = f"{stamp} {status} {one.address} {one.interface or '-'} {target[:200]!a}\n"
        if os.fstat(self.log).st_size > _LOG_BYTES:
            os.ftruncate(self.log, 0)
        os.write(self.log, line.encode())


def came_by(accepted: socket.socket) -> str:
    """The interface that the connection came in by; empty where it was not to our address."""
    own, *_ = accepted.getsockname()
    if accepted.family == socket.AF_INET6:
        index = accepted.getpeername()[3]
        wanted = ADDRESS6
    else:
        # The kernel keeps the index of the first packet's interface (ip(7), IP_PKTINFO).
        options = accepted.getsockopt(socket.IPPROTO_IP, _IP_PKTOPTIONS, 64)
        index = struct.unpack_from("@i", options, _CMSG_HEAD)[0] if len(options) > 20 else 0
        wanted = ADDRESS
    if own.partition("%")[0] != wanted or not index:
        return ""
    try:
        return socket.if_indextoname(index)
    except OSError:
        return ""


def listeners() -> list[socket.socket]:
    """For IPv4 also while no interface has the address yet; for IPv6 where the kernel has that."""
    four = socket.socket()
    four.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    four.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    made = [(four, (ADDRESS, PORT))]
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
        six = socket.socket(socket.AF_INET6)
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Bound to the address itself it would be bound to one interface, and go with it.
        made.append((six, ("::", PORT)))
    for each, place in made:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind(place)
        each.listen(EACH * 4)
        each.setblocking(False)
    return [each for each, _ in made]


def go_behind(folder: str) -> int:
    """Become a daemon without rights, shut into the folder; returns the log's descriptor."""
    log = os.open(f"{folder}/{LOG}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    pipe = os.pipe()
    if os.fork():
        # Whoever waits for us goes on when the pid is written.
        os.close(pipe[1])
        os._exit(0 if os.read(pipe[0], 1) else 1)
    os.setsid()
    draft = f"{folder}/.{PID}"
    with open(draft, "w") as file:
        file.write(f"{os.getpid()}\n")
    os.replace(draft, f"{folder}/{PID}")
    null = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.nice(5)
    for name, most in (("NOFILE", _DESCRIPTORS), ("CORE", 0), ("NPROC", 0), ("FSIZE", 1 << 20)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    os.chroot(folder)
    os.chdir("/")
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.write(pipe[1], b".")
    os.close(pipe[1])
    return log


def main() -> None:
    """Listen first: whoever starts us is told why that cannot be."""
    try:
        made = listeners()
        log = go_behind(sys.argv[1])
    except OSError as error:
        sys.exit(f"cannot serve metadata: {error}")
    Server(log).serve(*made)


if __name__ == "__main__":
    main()
