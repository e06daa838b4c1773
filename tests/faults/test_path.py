"""The path itself: what it is not told to spoil must arrive as it was sent."""

from __future__ import annotations

import gzip
import socket

import httpx
import pytest

from tests.faults.path import Tamper, forward, halved, late, relay
from tests.faults.server import Answer, FaultyServer, answering, hear, http, say


def talk(path: FaultyServer, said: bytes = b"hello") -> bytes:
    """Say something and return everything that comes back until it closes, or for half a second."""
    with socket.create_connection((path.host, path.port), timeout=0.5) as sock:
        sock.sendall(said)
        heard = b""
        try:
            while data := sock.recv(65536):
                heard += data
        except TimeoutError:
            return heard + b"..."
        return heard


@pytest.mark.parametrize(
    ("faults", "heard"),
    [
        ({}, b"world"),
        ({"delay": 0.01}, b"world"),
        ({"stall_after": 1}, b"w..."),
        ({"close_after": 2}, b"wo"),
        ({"stall_at": b"hell"}, b"..."),
        ({"stall_at": b"heaven"}, b"world"),
    ],
)
def test_bytes_arrive_as_far_as_they_are_let(faults: dict[str, object], heard: bytes) -> None:
    with FaultyServer(hear, say(b"world")) as server, FaultyServer(forward(server.port, **faults)) as path:
        assert talk(path) == heard


def test_requests_and_answers_pass_unchanged() -> None:
    told = Answer(418, b"\x00\xff", {"X-Kind": "teapot"})
    with FaultyServer(http(told)) as server, FaultyServer(relay(server.url)) as path:
        got = httpx.post(f"{path.url}/a/b?c=d", content=b"body", headers={"X-Asked": "yes"})
        host = path.url.removeprefix("http://")
    [asked] = server.requests
    assert (got.status_code, got.content, got.headers["x-kind"]) == (418, b"\x00\xff", "teapot")
    assert (asked.method, asked.path, asked.body, asked.headers["x-asked"]) == ("POST", "/a/b?c=d", b"body", "yes")
    assert asked.headers["host"] == host


def test_only_the_requests_that_are_meant_are_tampered_with() -> None:
    tamper = Tamper("POST", "/query", Answer(500), after=1, times=1, body=b"INSERT")
    with FaultyServer(http(Answer(200))) as server, FaultyServer(relay(server.url, tamper)) as path:
        asked = [b"SELECT", b"INSERT 1", gzip.compress(b"INSERT 2"), b"INSERT 3"]
        answered = [httpx.post(f"{path.url}/query", content=body).status_code for body in asked]
    assert answered == [200, 200, 500, 200]
    assert len(server.requests) == 3


def test_an_answer_is_cut_after_the_server_did_its_part() -> None:
    with (
        FaultyServer(http(Answer(200, b"12345678"), Answer(204))) as server,
        FaultyServer(relay(server.url, Tamper("", "", halved))) as path,
    ):
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(path.url)
    assert len(server.requests) == 2


def test_a_late_answer_is_the_same_answer() -> None:
    with FaultyServer(http(Answer(200, b"yes"))) as server:
        script = relay(server.url, Tamper("GET", "", late(0.05)))
        with FaultyServer(script) as path:
            assert httpx.get(path.url).content == b"yes"


def test_a_chunked_body_is_read_to_its_end() -> None:
    with FaultyServer(answering(lambda request: Answer(200, request.body))) as server:
        assert httpx.post(server.url, content=iter([b"one", b"two"])).content == b"onetwo"
