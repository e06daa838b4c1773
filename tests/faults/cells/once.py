"""A fault that only the first connection meets: one of several addresses, or of several servers behind one, is broken.

Whoever asks again is served, so a check finds it at the very step that it walks itself; what its driver would say of
the same fault later does not help.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.postgres import TWIN as POSTGRES_TWIN
from tests.faults.cells.protocol import with_proxy
from tests.faults.lab import Lab
from tests.faults.path import Change, Tamper, forward, relay
from tests.faults.server import Answer, Connection, FaultyServer, Move, Request, hear, say, tls
from tests.faults.ways import WAYS, Way
from tests.servers.postgres import PostgresServer

_HOST = "localhost"
_NOBODY = "127.0.0.2"  # of this machine, and no server of the tests listens there
#: What the first of two who ask the resolver gets, if anything.
First = Callable[[int], list[tuple[Any, ...]]]
#: Settings that lead to a healthy server by the name ``localhost``.
Healthy = Callable[[Lab], AbstractContextManager[Scene]]


def no_name(_port: int) -> list[tuple[Any, ...]]:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def no_server(port: int) -> list[tuple[Any, ...]]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (_NOBODY, port))]


def resolving(first: First | None, healthy: Healthy) -> Arrange:
    """Return an arrangement in which the resolver gives to the first who asks for the server what ``first`` gives."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with healthy(lab) as scene:
            turns = [first] if first else []
            port, resolve = int(scene.names["port"]), socket.getaddrinfo

            def answer(host: Any, asked: Any, *rest: Any, **more: Any) -> list[tuple[Any, ...]]:
                if turns and (host, asked) == (_HOST, port):
                    return turns.pop()(port)
                return resolve(host, asked, *rest, **more)

            lab.monkeypatch.setattr(socket, "getaddrinfo", answer)
            yield scene

    return arrange


def by_name(way: Way) -> Healthy:
    """Return the arrangement of a way that is reached by name, in plain text."""

    @contextmanager
    def healthy(lab: Lab) -> Iterator[Scene]:
        with way.open(lab, False) as end, FaultyServer(relay(end.url, ca_file=end.ca_file)) as path:
            settings = end.settings(f"http://{_HOST}:{path.port}")
            yield Scene(settings, end.leftovers, {**end.names, "port": str(path.port)}, end.secrets)

    return healthy


@contextmanager
def postgres_by_name(lab: Lab) -> Iterator[Scene]:
    server: PostgresServer = lab.server("postgres")
    where = {"host": _HOST, "port": server.port, "database": "dagster", "sslmode": "disable"}
    yield Scene({**where, "user": "dagster", "password": "s3cret-dagster"}, names={"port": str(server.port)})


def certificates(way: Way, *names: str) -> Arrange:
    """Return the arrangement of a way whose connections meet certificates of these names in turn; the last stays."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        turns = [tls(getattr(lab.certificates, name)) for name in names]
        with way.open(lab, True) as end, FaultyServer(in_turn(turns), relay(end.url, ca_file=end.ca_file)) as path:
            settings = {**end.settings(path.https_url), "ca_file": lab.certificates.ca_file}
            yield Scene(settings, end.leftovers, end.names, end.secrets)

    return arrange


def in_turn(moves: list[Move]) -> Move:
    """Make one move per connection; the last stays."""

    def move(connection: Connection) -> None:
        (moves.pop(0) if len(moves) > 1 else moves[0])(connection)

    return move


def issuer(*names: str) -> Healthy:
    """Return the arrangement of a catalog whose issuer is another server, by name; certificates are met in turn."""

    @contextmanager
    def healthy(lab: Lab) -> Iterator[Scene]:
        way, turns = WAYS["polaris"], [tls(getattr(lab.certificates, name)) for name in names]
        with way.open(lab, False) as end, FaultyServer(relay(end.url)) as catalog:
            tampered = Tamper("POST", "/oauth/tokens", of_realm(str(end.settings(catalog.url)["realm"])))
            with FaultyServer(*([in_turn(turns)] if turns else []), relay(end.url, tampered)) as path:
                told = end.settings(catalog.url)
                where = f"{'https' if names else 'http'}://{_HOST}:{path.port}/v1/oauth/tokens"
                trusting = {"ca_file": lab.certificates.ca_file} if names else {}
                names_of = {**end.names, "port": str(path.port)}
                yield Scene({**told, **trusting, "oauth2_server_uri": where}, end.leftovers, names_of)

    return healthy


def of_realm(realm: str) -> Change:
    """An issuer of its own knows no realm; the one that plays it does."""

    def change(request: Request, real: Callable[[], Answer]) -> Answer:
        request.headers["polaris-realm"] = realm
        return real()

    return change


def _cells(kind: str, server: str, healthy: Healthy, whose: str = "") -> Iterator[Cell]:
    twin = Twin(kind=kind, name=f"{whose} by name".strip(), server=server, arrange=resolving(None, healthy))
    for fault, first, cause, step, remedy in (
        ("no-name", no_name, "resolve.not_found", "resolve", f"DNS record: {_HOST}"),
        ("refused", no_server, "connect.refused", "connect", f"correct host and port: {_HOST}:"),
    ):
        yield Cell(
            kind=kind,
            fault=fault,
            at=f"{whose} once".strip(),
            source="path",
            server=server,
            twin=twin,
            arrange=resolving(first, healthy),
            cause=cause,
            step=step,
            remedy=remedy,
        )


def _certified(way: Way) -> Cell:
    twin = Twin(kind=way.kind, name="two certificates", server=way.server, arrange=certificates(way, "valid"))
    return Cell(
        kind=way.kind,
        fault="cert-expired",
        at="once",
        source="path",
        server=way.server,
        twin=twin,
        arrange=certificates(way, "expired", "valid"),
        cause="tls.expired",
        step="tls",
        remedy="renew the certificate of {address}",
    )


def _of_issuer() -> Iterator[Cell]:
    twin = Twin(kind="polaris", name="issuer with a certificate", server="scripted", arrange=issuer("valid"))
    yield from _cells("polaris", WAYS["polaris"].server, issuer(), "issuer")
    yield Cell(
        kind="polaris",
        fault="cert-expired",
        at="issuer once",
        source="path",
        server=WAYS["polaris"].server,
        twin=twin,
        arrange=issuer("expired", "valid"),
        cause="tls.expired",
        step="tls",
        remedy=f"renew the certificate of {_HOST}:",
    )
    yield Cell(
        kind="polaris",
        fault="proxy",
        at="that does not lead to the issuer",
        source="path",
        server=WAYS["polaris"].server,
        twin=twin,
        arrange=with_proxy(issuer("valid"), "https_proxy", refusing_proxy),
        cause="authenticate.rejected",
        step="connect.tunnel",
        remedy="https_proxy, for the proxy 127.0.0.1:",
    )


@contextmanager
def refusing_proxy(_: Scene) -> Iterator[str]:
    with FaultyServer(hear, say(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as proxy:
        yield proxy.url


def another_service(connection: Connection) -> None:
    hear(connection)
    say(b"HTTP/1.1 400 Bad Request\r\n")(connection)


def _garbled() -> Cell:
    """The first connection that says something meets another service, the next ones PostgreSQL."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: PostgresServer = lab.server("postgres")
        with FaultyServer(in_turn([hear, another_service, forward(server.port)])) as path:
            where = {"host": path.host, "port": path.port, "database": "dagster"}
            yield Scene({**where, "user": "dagster", "password": "s3cret-dagster"})

    return Cell(
        kind="postgres",
        fault="garbage",
        at="once",
        source="path",
        server="PostgreSQL",
        twin=POSTGRES_TWIN,
        arrange=arrange,
        cause="operate.unexpected_response",
        step="tls",
        remedy="{address}",
    )


CELLS = [
    *(cell for way in WAYS.values() for cell in (*_cells(way.kind, way.server, by_name(way)), _certified(way))),
    *_cells("postgres", "PostgreSQL", postgres_by_name),
    *_of_issuer(),
    _garbled(),
]
