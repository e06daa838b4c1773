"""The misbehaving server itself: every fault must reach the client as the fault it claims to be."""

import itertools
import socket
import ssl
import threading

import httpx
import pytest

from tests.faults.certificates import Certificates, certificates  # noqa: F401
from tests.faults.server import GARBAGE, Answer, FaultyServer, Move, hang, hear, http, reset, say, tls


def talk(server: FaultyServer, *, timeout: float = 5.0) -> bytes:
    """Say hello and return everything the server says until it closes."""
    with socket.create_connection((server.host, server.port), timeout=timeout) as sock:
        sock.sendall(b"hello")
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_hang_accepts_and_never_answers():
    with FaultyServer(hang) as server, pytest.raises(TimeoutError):
        talk(server, timeout=0.1)
    assert server.connections == 1


def test_one_byte_then_stall():
    with (
        FaultyServer(hear, say(b"H"), hang) as server,
        socket.create_connection((server.host, server.port), timeout=0.1) as sock,
    ):
        sock.sendall(b"hello")
        assert sock.recv(10) == b"H"
        with pytest.raises(TimeoutError):
            sock.recv(10)


def test_script_at_its_end_closes():
    with FaultyServer(hear, say(GARBAGE)) as server:
        assert talk(server) == GARBAGE


def test_reset():
    with FaultyServer(hear, reset) as server, pytest.raises(ConnectionResetError):
        talk(server)


def test_leaving_cuts_a_client_that_waits():
    said = []
    with FaultyServer(hear, say(b"1"), hang) as server:
        sock = socket.create_connection((server.host, server.port), timeout=5)
        sock.sendall(b"hello")
        assert sock.recv(1) == b"1"
        client = threading.Thread(target=lambda: said.append(sock.recv(1)))
        client.start()
    client.join()
    sock.close()
    assert said == [b""]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("expired", "certificate has expired"),
        ("not_yet_valid", "certificate is not yet valid"),
        ("wrong_host", "IP address mismatch"),
        ("self_signed", "self-signed certificate"),
        ("of_unknown_authority", "unable to get local issuer certificate"),
    ],
)
def test_bad_certificate(certificates: Certificates, fault: str, reason: str):  # noqa: F811
    trusting = ssl.create_default_context(cafile=str(certificates.ca_file))
    script = (tls(getattr(certificates, fault)), hang)
    with FaultyServer(*script) as server, pytest.raises(httpx.ConnectError, match=reason):
        httpx.get(server.https_url, verify=trusting)


def test_http_over_tls(certificates: Certificates):  # noqa: F811
    trusting = ssl.create_default_context(cafile=str(certificates.ca_file))
    with FaultyServer(tls(certificates.valid), http(Answer(200, {"ok": True}))) as server:
        assert httpx.get(server.https_url, verify=trusting).json() == {"ok": True}


def test_answers_in_turn_and_by_route():
    script = http(Answer(404), routes={"GET /ready": [Answer(503, headers={"Retry-After": "7"}), Answer(200)]})
    with FaultyServer(script) as server, httpx.Client(base_url=server.url) as client:
        first = client.get("/ready", params={"q": 1}, headers={"Authorization": "Bearer t"})
        assert (first.status_code, first.headers["retry-after"]) == (503, "7")
        assert [client.get(path).status_code for path in ("/ready", "/ready", "/else")] == [200, 200, 404]
        assert client.post("/else", content=b"body").status_code == 404
    assert server.requests[0].headers["authorization"] == "Bearer t"
    assert (server.requests[-1].method, server.requests[-1].body) == ("POST", b"body")


def test_body_cut_off():
    with FaultyServer(http(Answer(200, "0123456789", cut=3))) as server, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(server.url)


def test_body_without_end():
    script = http(Answer(200, "x" * 1000, endless=True))
    with FaultyServer(script) as server, httpx.stream("GET", server.url) as answer:
        read = itertools.accumulate(len(part) for part in answer.iter_raw())
        assert next(total for total in read if total > 1_000_000)


def test_body_without_end_after_another():
    script = http(Answer(200, b" " * 1000, opening=b"{}", endless=True))
    with FaultyServer(script) as server, httpx.stream("GET", server.url) as answer:
        parts = answer.iter_raw()
        read = b""
        while len(read) < 1_000_000:
            read += next(parts)
    assert read[:2] == b"{}"
    assert not read[2:].strip()


@pytest.mark.parametrize("script", [(http(Answer(200)),), (hear, say(GARBAGE))], ids=["http", "garbage"])
def test_plain_text_on_a_tls_port(script: tuple[Move, ...]):
    with FaultyServer(*script) as server, pytest.raises(httpx.ConnectError, match=r"SSL|record"):
        httpx.get(server.https_url)
