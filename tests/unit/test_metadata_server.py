"""The metadata server's paths, and what one that asks is told, without a socket."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.drivers.metadata.driver import MetadataDriver
from backends.drivers.metadata.server import EC2, OPENSTACK, Connection, Server, answer, body_of
from backends.hosts import LocalHost
from backends.settings import Settings

TREES = {
    "openstack": {"meta_data.json": "{}"},
    "ec2": {
        "meta-data/hostname": "web",
        "meta-data/keys/": "0=mine",
        "meta-data/keys/0/key": "k",
        "meta-data/none": "",
    },
}


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/", "\n".join(EC2)),
        ("", "\n".join(EC2)),
        ("/openstack", "\n".join(OPENSTACK)),
        ("/openstack/", "\n".join(OPENSTACK)),
        ("/openstack/latest", "meta_data.json"),
        ("/openstack/2012-08-10/meta_data.json", "{}"),
        ("/openstack/latest/meta_data.json?x=1", "{}"),
        ("/latest/", "meta-data/"),
        ("/latest/meta-data/", "hostname\nkeys/\nnone"),
        ("/latest/meta-data/keys/", "0=mine"),
        ("/latest/meta-data/keys/0", "key"),
        ("/latest/meta-data/none", ""),
        ("/latest/meta-data/host", None),
        ("/2009-04-04//meta-data/hostname", "web"),
        ("/openstack/2009-04-04/meta_data.json", None),
        ("/openstack/latest/user_data", None),
        ("/2020-10-14/meta-data/hostname", None),
        ("/latest/../latest/meta-data/hostname", None),
        ("/latest/meta-data/hostname/deeper", None),
        ("/openstackx/latest", None),
    ],
)
def test_paths(target: str, body: str | None) -> None:
    assert body_of(TREES, target) == body


def test_a_body_that_is_no_text_is_given_as_json() -> None:
    trees = {"openstack": {"meta_data.json": {"name": "é", "keys": []}, "vendor_data.json": {}}}
    told = body_of(trees, "/openstack/latest/meta_data.json")
    assert told == '{"keys": [], "name": "\\u00e9"}'
    assert body_of(trees, "/openstack/latest/vendor_data.json") == "{}"
    assert body_of(trees, "/openstack/latest") == "meta_data.json\nvendor_data.json"


def test_an_answer_says_what_it_is_and_a_head_has_no_body() -> None:
    whole = answer(200, '{"é": 1}', "/openstack/latest/meta_data.json", head=False)
    head, _, body = whole.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[:3] == [
        b"HTTP/1.0 200 OK", b"Content-Type: application/json", b"Content-Length: 9",
    ]  # fmt: skip
    assert json.loads(body) == {"é": 1}
    assert answer(404, "gone", "", head=True).endswith(b"\r\n\r\n")


class Asker:
    """A server in a folder, and requests as if they had come by an interface."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.server = Server(log)

    def tell(self, name: str, hostname: str) -> None:
        trees = {"one": {"ec2": {"meta-data/hostname": hostname}}}
        text = json.dumps({"addresses": {"10.0.0.5": "one"}, "instances": trees})
        (self.folder / "draft").write_text(text)
        os.replace(self.folder / "draft", self.folder / f"{name}.json")

    def ask(self, request: bytes, interface: str = "qr-1", address: str = "10.0.0.5") -> str:
        return self._respond(request, interface, address).partition(b"\r\n\r\n")[2].decode()

    def status(self, request: bytes, interface: str = "qr-1", address: str = "10.0.0.5") -> int:
        return int(self._respond(request, interface, address).split()[1])

    def _respond(self, request: bytes, interface: str, address: str) -> bytes:
        here, there = socket.socketpair()
        with here, there:
            return self.server._respond(Connection(here, interface, address, 0.0, request))

    @property
    def log(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()


@pytest.fixture
def asker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asker]:
    monkeypatch.chdir(tmp_path)
    made = Asker(tmp_path)
    yield made
    os.close(made.server.log)


GET = b"GET /latest/meta-data/hostname HTTP/1.1\r\nHost: x\r\n\r\n"


def test_who_is_known_is_told_and_others_are_refused_and_noted(asker: Asker) -> None:
    asker.tell("qr-1", "web")
    assert asker.ask(GET) == "web"
    assert asker.log == []
    assert asker.status(GET, address="10.0.0.6") == 404
    assert asker.status(GET, interface="qr-2") == 403
    assert asker.status(GET, interface="") == 403
    assert [line.split(" ", 1)[1] for line in asker.log] == [
        "404 10.0.0.6 qr-1 '/latest/meta-data/hostname'",
        "403 10.0.0.5 qr-2 '/latest/meta-data/hostname'",
        "403 10.0.0.5 - '/latest/meta-data/hostname'",
    ]


def test_what_a_request_says_of_its_sender_is_not_believed(asker: Asker) -> None:
    asker.tell("qr-1", "web")
    forged = GET.replace(
        b"Host: x", b"X-Forwarded-For: 10.0.0.5\r\nX-Instance-ID: one\r\nX-Tenant-ID: two"
    )
    assert asker.status(forged, address="10.0.0.6") == 404


def test_what_is_told_anew_is_told_at_the_next_request(asker: Asker) -> None:
    asker.tell("qr-1", "web")
    assert asker.ask(GET) == "web"
    asker.tell("qr-1", "mail")
    assert asker.ask(GET) == "mail"
    (asker.folder / "qr-1.json").unlink()
    assert asker.status(GET) == 403


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /latest HTTP/1.1\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
        (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000, 400),
        (b"\xff\xfe\r\n\r\n", 400),
        (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", 404),
    ],
)
def test_what_is_no_request(asker: Asker, request_: bytes, status: int) -> None:
    asker.tell("qr-1", "web")
    assert asker.status(request_) == status


@pytest.mark.parametrize("life", ["1", "21600"])
def test_a_token_is_given_and_needed_for_nothing(asker: Asker, life: str) -> None:
    asker.tell("qr-1", "web")
    put = f"PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: {life}\r\n\r\n"
    token = asker.ask(put.encode())
    assert len(token) == 56
    assert token != asker.ask(put.encode())
    for said in (f"X-aws-ec2-metadata-token: {token}\r\n", ""):
        get = f"GET /latest/meta-data/hostname HTTP/1.1\r\n{said}\r\n"
        assert asker.ask(get.encode()) == "web"
    assert asker.ask(put.encode(), address="10.0.0.6") == "Not Found\n"
    assert asker.ask(put.encode(), interface="") == "Forbidden\n"


@pytest.mark.parametrize("life", ["", "0", "21601", "-1", "1e3", "٣"])
def test_a_token_of_no_life_is_not_given(asker: Asker, life: str) -> None:
    asker.tell("qr-1", "web")
    put = f"PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: {life}\r\n\r\n"
    assert asker.ask(put.encode()) == "Bad Request\n"
    assert asker.ask(b"PUT /latest/api/token HTTP/1.1\r\n\r\n") == "Bad Request\n"
    assert asker.ask(b"PUT /latest/meta-data HTTP/1.1\r\n\r\n") == "GET and HEAD alone\n"


def test_the_log_stays_small(asker: Asker) -> None:
    line = b"GET /" + b"\\\xe9" * 100 + b" HTTP/1.0\r\n\r\n"
    for _ in range(400):
        asker.status(line, interface="")
    assert (asker.folder / "log").stat().st_size < 1 << 17


def test_user_data_is_read_back_from_what_guests_are_told(tmp_path: Path) -> None:
    settings = Settings("t-told", tmp_path / "state", tmp_path / "run", "here")
    driver = MetadataDriver(settings, LocalHost())
    assert driver.user_data("one") is None
    folder = settings.metadata("qrouter-1")
    folder.mkdir(parents=True)
    trees = {"one": {"ec2": {"user-data": "#!/bin/sh\n"}}, "two": {"ec2": {}}}
    (folder / "a.json").write_text("broken")
    (folder / "b.json").write_text(json.dumps({"addresses": {}, "instances": trees}))
    assert driver.user_data("one") == "#!/bin/sh\n"
    assert driver.user_data("two") is None
    assert driver.user_data("three") is None
