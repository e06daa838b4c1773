"""PostgreSQL behind a path that misbehaves, byte by byte: name, TCP, and what its own way into TLS adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.postgres import MAY_CREATE, role_on, settings_of, tables
from tests.faults.lab import Lab
from tests.faults.path import forward
from tests.faults.server import FaultyServer, Move, hang, hear, reset, say
from tests.faults.ways import closed_port, under
from tests.servers.postgres import PostgresServer

_SHORT = 3.0
#: Without TLS the path can tell one statement from another.
_IN_CLEAR: dict[str, object] = {"sslmode": "disable"}

Script = Callable[[PostgresServer], tuple[Move, ...]]


def behind(script: Script, **changes: object) -> Arrange:
    """Return the arrangement of a role that may do all, behind a path that plays ``script``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: PostgresServer = lab.server("postgres")
        with role_on(server, "", MAY_CREATE) as role, FaultyServer(*script(server)) as path:
            where = {"host": path.host, "port": path.port}
            yield Scene({**settings_of(server, role), **where, **changes}, lambda: tables(server))

    return arrange


def passing(**faults: Any) -> Script:
    """Return the script of a path that leads to the server, with faults of ``forward``."""
    return lambda server: (forward(server.port, **faults),)


@contextmanager
def refused(lab: Lab) -> Iterator[Scene]:
    """A port that nobody listens on."""
    host, _, port = closed_port().removeprefix("http://").partition(":")
    yield Scene({**settings_of(lab.server("postgres"), "dagster"), "host": host, "port": int(port)})


@contextmanager
def without_driver(lab: Lab) -> Iterator[Scene]:
    """A machine on which psycopg is not installed."""
    settings = settings_of(lab.server("postgres"), "dagster")
    lab.uninstall("psycopg")
    yield Scene(settings)


TWIN = Twin(kind="postgres", name="behind a path", server="PostgreSQL", arrange=behind(passing()))
IN_CLEAR = Twin(
    kind="postgres", name="behind a path in clear", server="PostgreSQL", arrange=behind(passing(), **_IN_CLEAR)
)


def cell(
    fault: str, arrange: Arrange, cause: str | None, step: str | None, remedy: str = "{address}", **more: Any
) -> Cell:
    told = {"kind": "postgres", "server": "PostgreSQL", "source": "path", "twin": TWIN, **more}
    return Cell(fault=fault, arrange=arrange, cause=cause, step=step, remedy=remedy, **told)


def played(fault: str, *moves: Move, cause: str, step: str, **more: Any) -> Cell:
    changes = more.pop("settings", {})
    return cell(fault, behind(lambda _: moves, **changes), cause, step, source="scripted", **more)


UNEXPECTED = "operate.unexpected_response"
CELLS = [
    cell("no-name", behind(passing(), host="no-such-host.invalid"), "resolve.not_found", "resolve",
         "no-such-host.invalid"),
    cell("refused", refused, "connect.refused", "connect"),
    played("vanish", hang, cause="timeout", step="tls", deadline=_SHORT),
    played("vanish", hang, cause="timeout", step="authenticate", at="in clear", deadline=_SHORT, settings=_IN_CLEAR,
           twin=IN_CLEAR),
    played("stall", hear, say(b"S"), hang, cause="timeout", step="tls", deadline=_SHORT),
    cell("stall", behind(passing(stall_after=1), **_IN_CLEAR), "timeout", "authenticate", at="in clear",
         deadline=_SHORT, twin=IN_CLEAR),
    played("cut", hear, cause=UNEXPECTED, step="tls"),
    cell("cut", behind(passing(close_after=5), **_IN_CLEAR), UNEXPECTED, "authenticate", at="in clear", twin=IN_CLEAR),
    played("reset", hear, reset, cause=UNEXPECTED, step="tls"),
    played("plain-on-tls", hear, say(b"S"), hear, say(b"N\0\0\0\x05\0"), cause="tls.handshake_failed", step="tls"),
    cell("slow", behind(passing(delay=0.3)), "latency.slow", None, status="warning", slow=200.0,
         says="threshold 200 ms"),
    cell("slow", behind(passing(delay=0.05)), None, None, "", at="within the threshold", status="ok"),
    cell("swallowed-timeout", behind(passing(stall_at=b"pg_is_in_recovery"), **_IN_CLEAR), "timeout",
         "operate.primary", at="no time-out of a statement", deadline=_SHORT, twin=IN_CLEAR),
    cell("bad-setting", under(behind(passing()), "PGSERVICE", "nobody"), "config.invalid", "authenticate", "PGSERVICE",
         at="of libpq", says="nobody"),
    cell("bad-setting", under(behind(passing()), "PGOPTIONS", "-c bogus=1"), "config.invalid", "authenticate",
         "PGOPTIONS", at="of libpq for the server", says="bogus"),
    cell("cut", under(behind(passing(close_after=5), **_IN_CLEAR), "PGAPPNAME", "workload"), UNEXPECTED, "authenticate",
         at="with settings of libpq", twin=IN_CLEAR),
    cell("no-driver", without_driver, "config.missing_driver", "driver", "pip install 'pytest-floe[postgres]'"),
]  # fmt: skip
