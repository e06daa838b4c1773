"""Trino, by itself: logins and grants that it enforces, and what it says of its own state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.servers.trino import CATALOG, PASSWORDS, SCHEMA, TrinoServer

_TABLES = {"orders"}


def settings_of(server: TrinoServer, user: str, **changes: object) -> dict[str, object]:
    """Return how ``user`` logs in with a password over TLS."""
    where = {"host": "localhost", "port": server.tls_port, "ca_file": server.ca_file}
    return {**where, "user": user, "password": PASSWORDS.get(user), "catalog": CATALOG, "schema": SCHEMA, **changes}


def as_user(user: str, **changes: object) -> Arrange:
    """Return the arrangement of a ``user``, whose grants are those of tests/servers/trino.py."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: TrinoServer = lab.server("trino_server")
        yield Scene({"write": True, **settings_of(server, user, **changes)}, lambda: server.tables() - _TABLES)

    return arrange


TWIN = Twin(kind="trino", name="password over TLS", server="Trino", arrange=as_user("writer"))
_REAL = {"kind": "trino", "source": "real", "server": "Trino", "twin": TWIN}

CELLS = [
    Cell(
        **_REAL,
        fault="wrong-secret",
        arrange=as_user("reader", password="not-the-readers-password"),
        cause="authenticate.rejected",
        step="authenticate",
        remedy="credentials of user reader at https://{address}",
    ),
    Cell(
        **_REAL,
        fault="write-denied",
        arrange=as_user("reader"),
        cause="authorize.write_denied",
        step="operate.create",
        remedy=f'grant create tables of "{CATALOG}"."{SCHEMA}" to user reader',
    ),
]
