"""Ask ovs-vswitchd over its control socket, as ovs-appctl(8) does, without starting a process.

The socket speaks JSON-RPC: a method with words as its parameters, text as its result.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

from backends.errors import MachineFailed
from backends.settings import OVS_RUN

_CHUNK = 1 << 20


def ask(method: str, *words: str, run: Path = OVS_RUN, timeout: float = 30.0) -> str:
    """What ovs-vswitchd answers; `timeout` in seconds for each part of the answer.

    Raises MachineFailed `ovs.switch.unreachable`, `ovs.switch.refused`.
    """
    request = json.dumps({"id": 0, "method": method, "params": list(words)}).encode()
    try:
        pid = (run / "ovs-vswitchd.pid").read_text().strip()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
            opened.settimeout(timeout)
            opened.connect(str(run / f"ovs-vswitchd.{pid}.ctl"))
            opened.sendall(request)
            answer = _answer(opened)
    except (OSError, ValueError) as error:
        raise MachineFailed(
            "ovs.switch.unreachable", f"ovs-vswitchd does not answer ({error}); start Open vSwitch"
        ) from None
    if answer.get("error") is not None:
        raise MachineFailed("ovs.switch.refused", f"ovs-vswitchd: {answer['error']}".strip())
    return str(answer["result"] or "")


def _answer(opened: socket.socket) -> dict[str, str | None]:
    """One whole JSON object. Raises ValueError where the connection ends before."""
    parts: list[bytes] = []
    while part := opened.recv(_CHUNK):
        parts.append(part)
        # What does not end like an object is not whole: parsing would be for nothing.
        if part.endswith(b"}"):
            try:
                answer: dict[str, str | None] = json.loads(b"".join(parts))
            except json.JSONDecodeError:
                continue
            return answer
    raise ValueError("it closed the connection")
