"""PostgreSQL, by itself: how the server is, who else is on it, and what happens to a session meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene
from tests.faults.cells.postgres import MAY_CREATE, REAL, Around, as_role, role_on, settings_of, tables, with_database
from tests.faults.disk import fill, small_disk
from tests.faults.lab import Lab
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_states import starting, stopping

#: For cells in which the check waits until its time is up.
_SHORT = 1.5
_TRUSTED = {"database": "postgres", "user": "postgres"}
_WAITING = """
SELECT pid FROM pg_stat_activity WHERE application_name = 'pytest-floe' AND wait_event_type = 'Lock'
"""


def on(fixture: str) -> Arrange:
    """Return the arrangement of another of the session's servers, which trusts its superuser."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: PostgresServer = lab.server(fixture)
        yield Scene({"host": server.host, "port": server.port, **_TRUSTED})

    return arrange


def running(run: Callable[[], AbstractContextManager[PostgresServer]]) -> Arrange:
    """Return the arrangement of a server that runs for this cell alone."""

    @contextmanager
    def arrange(_lab: Lab) -> Iterator[Scene]:
        with run() as server:
            yield Scene({"host": server.host, "port": server.port, **_TRUSTED})

    return arrange


@contextmanager
def locked(server: PostgresServer) -> Iterator[None]:
    """Make whoever creates a table wait."""
    with server.connect("dagster") as other, other.transaction():
        other.execute("LOCK TABLE pg_class IN SHARE MODE")
        yield


def meeting(action: str) -> Around:
    """Do ``action`` to the check's session as soon as it waits for a lock."""

    @contextmanager
    def around(server: PostgresServer) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            with server.connect() as connection:
                while not over.is_set():
                    for (pid,) in connection.execute(_WAITING).fetchall():
                        connection.execute(f"SELECT {action}({pid})")
                        return

        with locked(server):
            watching = threading.Thread(target=watch)
            watching.start()
            try:
                yield
            finally:
                over.set()
                watching.join()

    return around


def on_another_tablespace(*, granted: bool) -> Arrange:
    """Return the arrangement of a role whose tables go to a disk that is full."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: PostgresServer = lab.server("postgres")
        with small_disk(server.folder.stat().st_uid) as disk, tablespace(server, disk):
            use = "ALTER ROLE {role} SET default_tablespace = matrix_disk"
            grants = ("GRANT CREATE ON TABLESPACE matrix_disk TO {role}",) if granted else ()
            with role_on(server, "", MAY_CREATE, use, *grants) as role:
                fill(disk)
                yield Scene(settings_of(server, role), lambda: tables(server))

    return arrange


@contextmanager
def tablespace(server: PostgresServer, disk: Any) -> Iterator[None]:
    server.run(f"CREATE TABLESPACE matrix_disk LOCATION '{disk}'")
    try:
        yield
    finally:
        server.run("DROP TABLESPACE matrix_disk")


CELLS = [
    # A server that takes nobody, or no writes
    Cell(
        **REAL,
        fault="starting",
        arrange=running(starting),
        cause="operate.not_ready",
        step="authenticate",
        remedy="look at its health: {address}",
        says="starting up",
    ),
    Cell(
        **REAL,
        fault="stopping",
        arrange=running(stopping),
        cause="operate.not_ready",
        step="authenticate",
        remedy="look at its health: {address}",
        says="shutting down",
    ),
    Cell(
        **REAL,
        fault="recovery",
        at="replica that takes nobody",
        arrange=on("postgres_cold_standby"),
        cause="operate.not_ready",
        step="authenticate",
        remedy="look at its health: {address}",
    ),
    Cell(
        **REAL,
        fault="recovery",
        at="replica",
        arrange=on("postgres_replica"),
        cause="operate.read_only",
        step="operate.primary",
        remedy="connect to the primary, or end the read-only mode of {address}",
    ),
    Cell(
        **REAL,
        fault="recovery",
        at="role is read-only",
        arrange=as_role("", "ALTER ROLE {role} SET default_transaction_read_only = on"),
        cause="operate.read_only",
        step="operate.primary",
        remedy="end the read-only mode of role {user}: default_transaction_read_only",
    ),
    Cell(
        **REAL,
        fault="recovery",
        at="database is read-only",
        arrange=as_role(
            around=with_database(
                "matrix_frozen", "ALTER DATABASE matrix_frozen SET default_transaction_read_only = on"
            ),
            database="matrix_frozen",
        ),
        cause="operate.read_only",
        step="operate.primary",
        remedy="end the read-only mode of database matrix_frozen: default_transaction_read_only",
    ),
    # Out of something
    Cell(
        **REAL,
        fault="no-connections",
        at="server",
        arrange=as_role(around=PostgresServer.crowded),
        cause="operate.exhausted",
        step="authenticate",
        remedy="free or raise the limit of {address}",
    ),
    Cell(
        **REAL,
        fault="no-connections",
        at="database",
        arrange=as_role(
            around=with_database("matrix_crowded", "ALTER DATABASE matrix_crowded CONNECTION LIMIT 0"),
            database="matrix_crowded",
        ),
        cause="operate.exhausted",
        step="authenticate",
        remedy="free or raise the limit of database matrix_crowded",
    ),
    Cell(
        **REAL,
        fault="no-connections",
        at="role",
        arrange=as_role("CONNECTION LIMIT 0"),
        cause="operate.exhausted",
        step="authenticate",
        remedy="free or raise the limit of role {user}",
    ),
    Cell(
        **REAL,
        fault="few-connections",
        at="role",
        arrange=as_role("CONNECTION LIMIT 3", MAY_CREATE),
        status="warning",
        cause="operate.exhausted",
        step=None,
        remedy="free or raise the limit of role {user}",
    ),
    Cell(
        **REAL,
        fault="few-connections",
        at="database",
        arrange=as_role(
            around=with_database("matrix_busy", "ALTER DATABASE matrix_busy CONNECTION LIMIT 3"),
            database="matrix_busy",
            write=False,
        ),
        status="warning",
        cause="operate.exhausted",
        step=None,
        remedy="free or raise the limit of database matrix_busy",
    ),
    Cell(
        **REAL,
        fault="no-space",
        arrange=on_another_tablespace(granted=True),
        cause="operate.out_of_space",
        step="operate.create",
        remedy="free or add space at {address}",
    ),
    Cell(
        **REAL,
        fault="write-denied",
        at="tablespace",
        arrange=on_another_tablespace(granted=False),
        cause="authorize.write_denied",
        step="operate.create",
        remedy="grant CREATE ON TABLESPACE matrix_disk TO {user}",
    ),
    # Others on the server
    Cell(
        **REAL,
        fault="locked",
        arrange=as_role("", MAY_CREATE, around=locked),
        cause="timeout",
        step="operate.create",
        remedy="look at the load of the service, or raise --floe-timeout: {address}",
        deadline=_SHORT,
    ),
    Cell(
        **REAL,
        fault="locked",
        at="role with lock_timeout",
        arrange=as_role("", MAY_CREATE, "ALTER ROLE {role} SET lock_timeout = '50ms'", around=locked),
        cause="operate.locked",
        step="operate.create",
        remedy="a lock in database dagster at {address}",
    ),
    Cell(
        **REAL,
        fault="killed",
        arrange=as_role("", MAY_CREATE, around=meeting("pg_terminate_backend")),
        cause="operate.not_ready",
        step="operate.create",
        remedy="look at its health: {address}",
    ),
    Cell(
        **REAL,
        fault="killed",
        at="statement",
        arrange=as_role("", MAY_CREATE, around=meeting("pg_cancel_backend")),
        cause="operate.not_ready",
        step="operate.create",
        remedy="look at its health: {address}",
    ),
]
