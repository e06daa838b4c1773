"""Accounts with a hierarchical namespace, by a strict fake of their REST calls: one answer or one host is wrong."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.once import First, no_name, no_server
from tests.faults.cells.protocol import with_proxy
from tests.faults.certificates import Pem
from tests.faults.edits import edited
from tests.faults.lab import Lab
from tests.faults.path import Tamper, ask, forward, relay
from tests.faults.server import Answer, Connection, FaultyServer, Move, Request, answering, say, tls
from tests.servers.adls_dfs import DfsServer

_CANARY = "floe-preflight-"
_DAY = timedelta(days=1)
_LIVES = {"valid": 365 * _DAY, "expired": _DAY, "ends_soon": 4 * _DAY}
_BLOB, _DFS = "lake.blob.localhost", "lake.dfs.localhost"


def hierarchical(*tampers: Tamper, soft_delete: bool = False) -> Arrange:
    """Return the arrangement of an empty account behind a path; with ``soft_delete`` it keeps what is deleted."""

    @contextmanager
    def arrange(_lab: Lab) -> Iterator[Scene]:
        with DfsServer(soft_delete=soft_delete) as server:
            origin = server.url.removesuffix("/lake")
            with FaultyServer(relay(origin, *tampers)) as path:
                place = {"account": "lake", "endpoint": f"{path.url}/lake", "container": server.filesystem}
                settings = {**place, "prefix": "wh", "sas_token": server.signature("rcwdl")}
                yield Scene(settings, lambda: list(server.paths))

    return arrange


def two_hosts(first: First | None = None, *names: str) -> Arrange:
    """Return the arrangement of an account with a host for blobs and one for DFS, as Azure's have.

    Who resolves the second first gets what ``first`` gives; ``names`` are of the certificates that it shows in turn.
    """

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with DfsServer() as server, FaultyServer(*_secured(lab, names), answering(_account(server))) as path:
            _resolve(lab, first)
            scheme = "https" if names else "http"
            place = {"endpoint": f"{scheme}://{_BLOB}:{path.port}", "container": server.filesystem, "prefix": "wh"}
            trusting = {"ca_file": lab.certificates.ca_file} if names else {}
            settings = {**place, **trusting, "sas_token": server.signature("rcwdl")}
            yield Scene(settings, lambda: list(server.paths))

    return arrange


def _account(server: DfsServer) -> Callable[[Request], Answer]:
    return lambda request: ask(server.url.removesuffix("/lake"), replace(request, path=f"/lake{request.path}"))


def _resolve(lab: Lab, first: First | None) -> None:
    turns, resolve = [first] if first else [], socket.getaddrinfo

    def answer(host: Any, port: Any, *rest: Any, **more: Any) -> list[tuple[Any, ...]]:
        if host == _DFS and turns:
            return turns.pop()(port)
        return resolve("127.0.0.1" if host in (_BLOB, _DFS) else host, port, *rest, **more)

    lab.monkeypatch.setattr(socket, "getaddrinfo", answer)


def _secured(lab: Lab, names: tuple[str, ...]) -> list[Move]:
    if not names:
        return []
    turns = [_context(lab, name) for name in names]

    def choose(sock: ssl.SSLSocket, host: str | None, _context: ssl.SSLContext) -> None:
        if host == _DFS:
            sock.context = turns.pop(0) if len(turns) > 1 else turns[0]

    usual = _context(lab, "valid")
    usual.sni_callback = choose  # type: ignore[assignment]
    return [tls(usual)]


def _context(lab: Lab, name: str) -> ssl.SSLContext:
    """Return a certificate for both hosts: ``valid``, ``expired`` yesterday, or ``ends_soon``."""
    begin = datetime.now(UTC) - 2 * _DAY
    life = {"not_before": begin, "not_after": begin + _LIVES[name]}
    certificates = lab.certificates
    return certificates._context(Pem.of(certificates._authority.issue_cert(_BLOB, _DFS, **life)))


TWIN = Twin(kind="adls", name="hierarchical, behind a path", server="fake of DFS", arrange=hierarchical())


def cell(fault: str, at: str, tamper: Tamper | None, cause: str, step: str | None, **more: Any) -> Cell:
    told = {"remedy": "", "twin": TWIN, "arrange": hierarchical(*([tamper] if tamper else [])), **more}
    return Cell(
        kind="adls", fault=fault, at=at, source="scripted", server="fake of DFS", cause=cause, step=step, **told
    )  # fmt: skip


def to_blobs_only(port: int) -> Move:
    """Lead like a proxy to the host for blobs, and deny the way to the one for DFS."""

    def lead(connection: Connection) -> None:
        if _DFS.encode() in connection.sock.recv(65536):
            say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")(connection)
            return
        say(b"HTTP/1.1 200 Connection established\r\n\r\n")(connection)
        forward(port)(connection)

    return lead


@contextmanager
def proxy_to_blobs_only(scene: Scene) -> Iterator[str]:
    with FaultyServer(to_blobs_only(urlsplit(str(scene.settings["endpoint"])).port or 0)) as proxy:
        yield proxy.url


HOSTS = Twin(kind="adls", name="two hosts", server="fake of DFS", arrange=two_hosts())
CERTIFIED = Twin(kind="adls", name="two hosts with TLS", server="fake of DFS", arrange=two_hosts(None, "valid"))

CELLS = [
    Cell(
        kind="adls", fault="proxy", at="that denies the way to DFS", source="scripted", server="fake of DFS",
        twin=CERTIFIED, arrange=with_proxy(two_hosts(None, "valid"), "https_proxy", proxy_to_blobs_only),
        cause="authorize.denied", step="connect.tunnel", remedy=f"the way to {_DFS}:",
    ),
    cell("no-name", "second host once", None, "resolve.not_found", "resolve", twin=HOSTS, remedy=_DFS,
         arrange=two_hosts(no_name)),
    cell("refused", "second host once", None, "connect.refused", "connect", twin=HOSTS, remedy=_DFS,
         arrange=two_hosts(no_server)),
    cell("cert-expired", "second host once", None, "tls.expired", "tls", twin=CERTIFIED, remedy=_DFS,
         arrange=two_hosts(None, "expired", "valid")),
    cell("cert-expires-soon", "second host", None, "tls.expires_soon", None, twin=CERTIFIED, status="warning",
         arrange=two_hosts(None, "ends_soon"), remedy=f"renew the certificate of {_DFS}", says=_DFS),
    cell("retained", "soft delete", None, "operate.retained", None, arrange=hierarchical(soft_delete=True),
         status="warning", remedy="remove by hand what stays of ", says="a soft-deleted copy (7 days)"),
    cell("json-shape", "hierarchical", Tamper("GET", "resource=filesystem", edited(paths=None)),
         "operate.unexpected_response", "authorize.list"),
    cell("step-500", "hierarchical, delete", Tamper("DELETE", _CANARY, Answer(500), times=1),
         "operate.server_error", "operate.delete"),
    cell("step-500", "hierarchical, directory", Tamper("DELETE", r"/wh(\?|$)", Answer(500), times=1),
         "operate.server_error", "operate.delete"),
    cell("no-bucket", "hierarchical, in the meantime", Tamper("DELETE", _CANARY, Answer(404, b"",
         {"x-ms-error-code": "FilesystemNotFound"}), times=1), "operate.not_found", "operate.delete"),
]  # fmt: skip
