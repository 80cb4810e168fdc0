"""Fetching by HTTP: few redirects, only to HTTP again, ranges of a file that is still the same."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import urllib.error
import urllib.request
from email.message import Message
from typing import IO, Any

from backends.errors import MachineFailed, Refused

_SECONDS = 30.0
_REDIRECTS = 5
_PARTIAL = 206


def get(url: str, *, own: bool, start: int = 0, same: str = "") -> http.client.HTTPResponse:
    """The response to a GET, from byte `start` on where the file is still the `same`.

    Unless `own` is true this machine itself and its link are out of reach: what listens there
    often trusts whoever comes from there. Raises Refused `image.source.invalid`; MachineFailed
    `image.source.failed`, `image.source.changed`.
    """
    opener = _opener(own)
    headers = {"User-Agent": "quarterdeck", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": same}
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310
        response: http.client.HTTPResponse = opener.open(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        raise MachineFailed(
            "image.source.failed", f"the server answered {error.code} {error.reason}"
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, _Forbidden):
            raise Refused("image.source.invalid", str(reason)) from error
        raise MachineFailed("image.source.failed", f"cannot fetch the image: {reason}") from error
    if start and not _goes_on(response, start):
        response.close()
        raise MachineFailed(
            "image.source.changed", "the file at the URL is another by now; try again"
        )
    return response


def length(response: http.client.HTTPResponse) -> int | None:
    """How many bytes the whole file has; None where the server does not say."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def identity(response: http.client.HTTPResponse) -> str:
    """What a range is held to (RFC 9110, 13.1.5): a strong validator; empty where there is none."""
    tag: str = response.headers.get("ETag", "")
    if tag.startswith('"') and response.headers.get("Accept-Ranges", "") != "none":
        return tag
    return ""


def _goes_on(response: http.client.HTTPResponse, start: int) -> bool:
    begins = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
    return response.status == _PARTIAL and begins


class _Forbidden(OSError):
    """A connection that is not to be made; OSError, so that urllib lets it through."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _REDIRECTS
    max_repeats = _REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        # What was to be private on its way stays so.
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise _Forbidden("a redirect leads from https to something else")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_FarConnection, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_FarTlsConnection, req)


class _FarConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _check_far(self.sock)


class _FarTlsConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _check_far(self.sock)


def _check_far(sock: socket.socket) -> None:
    """By the address that was really reached: a name can mean another one each time."""
    address = ipaddress.ip_address(sock.getpeername()[0].partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if address.is_loopback or address.is_link_local or address == _own_end(sock):
        sock.close()
        raise _Forbidden("only the cloud's admin fetches from this machine itself")


def _own_end(sock: socket.socket) -> Any:
    return ipaddress.ip_address(sock.getsockname()[0].partition("%")[0])


def _opener(own: bool) -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    # Only these: the usual set would follow a redirect to FTP, and read local files.
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler() if own else _Http(),
        urllib.request.HTTPSHandler() if own else _Https(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
