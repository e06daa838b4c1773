"""PostgreSQL, by itself: whom it lets in, and what a role may do in a schema."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.servers.postgres import PostgresServer

PASSWORD = "of-the-matrix-and-nobody-else"
#: What a role needs for the whole check.
MAY_CREATE = "GRANT CREATE ON SCHEMA public TO {role}"
_NUMBERS = itertools.count()

Around = Callable[[PostgresServer], AbstractContextManager[object]]


def settings_of(server: PostgresServer, role: str, **changes: object) -> dict[str, object]:
    """Return how ``role`` logs in to the database ``dagster``."""
    where = {"host": server.host, "port": server.port, "database": "dagster"}
    return {**where, "user": role, "password": PASSWORD, **changes}


def tables(server: PostgresServer, database: str = "dagster") -> list[str]:
    """Return what a check left in a database."""
    with server.connect(database) as connection:
        return [name for (name,) in connection.execute("SELECT relname FROM pg_class WHERE relname LIKE 'floe%'")]


@contextmanager
def role_on(server: PostgresServer, options: str = "", *statements: str) -> Iterator[str]:
    """Make a role with ``PASSWORD``, run ``statements`` about ``{role}`` in ``dagster``; it is gone afterwards."""
    role = f"matrix_{next(_NUMBERS)}"
    server.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}' {options}")
    try:
        for statement in statements:
            server.run(statement.replace("{role}", role), database="dagster")
        yield role
    finally:
        server.run(f"DROP OWNED BY {role}", database="dagster")
        server.run(f"DROP ROLE {role}")


def as_role(
    options: str = "", *statements: str, around: Around | None = None, fixture: str = "postgres", **changes: object
) -> Arrange:
    """Return the arrangement of a new role, while ``around`` is in place."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: PostgresServer = lab.server(fixture)
        with role_on(server, options, *statements) as role, (around or nullcontext)(server):
            yield Scene(settings_of(server, role, **changes), lambda: tables(server))

    return arrange


def with_database(name: str, *statements: str) -> Around:
    """Have a database ``name``, after ``statements``."""

    @contextmanager
    def around(server: PostgresServer) -> Iterator[None]:
        server.run(f"CREATE DATABASE {name}", *statements)
        try:
            yield
        finally:
            server.run(f"DROP DATABASE {name}")

    return around


def with_schema(name: str) -> Around:
    """Have a schema ``name`` of the superuser."""

    @contextmanager
    def around(server: PostgresServer) -> Iterator[None]:
        server.run(f"CREATE SCHEMA {name}", database="dagster")
        try:
            yield
        finally:
            server.run(f"DROP SCHEMA {name} CASCADE", database="dagster")

    return around


@contextmanager
def forbidding(server: PostgresServer) -> Iterator[None]:
    """Have an event trigger that lets nobody create a table."""
    said = "BEGIN RAISE EXCEPTION 'tables are made by migrations only'; END"
    server.run(
        f"CREATE FUNCTION matrix_forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$ {said} $$",
        "CREATE EVENT TRIGGER matrix_forbid ON ddl_command_start WHEN TAG IN ('CREATE TABLE')"
        " EXECUTE FUNCTION matrix_forbid()",
        database="dagster",
    )
    try:
        yield
    finally:
        server.run("DROP EVENT TRIGGER matrix_forbid", "DROP FUNCTION matrix_forbid", database="dagster")


def without(privilege: str) -> str:
    """Take a privilege on the role's own tables from it."""
    return f"ALTER DEFAULT PRIVILEGES FOR ROLE {{role}} REVOKE {privilege} ON TABLES FROM {{role}}"


TWIN = Twin(kind="postgres", name="a role with its password", server="PostgreSQL", arrange=as_role("", MAY_CREATE))
REAL: dict[str, Any] = {"kind": "postgres", "source": "real", "server": "PostgreSQL", "twin": TWIN}
_AT_LOGIN: dict[str, Any] = {**REAL, "step": "authenticate"}
_REJECTED: dict[str, Any] = {**_AT_LOGIN, "cause": "authenticate.rejected"}
_NOT_ADMITTED: dict[str, Any] = {**_AT_LOGIN, "cause": "authenticate.not_admitted"}

CELLS = [
    # Who one is
    Cell(
        **_REJECTED,
        fault="wrong-user",
        arrange=as_role(user="nobody_known"),
        remedy="correct or renew the credentials of role nobody_known at {address}",
    ),
    Cell(
        **_REJECTED,
        fault="wrong-user",
        at="where no password is asked for",
        arrange=as_role(user="vanished"),
        remedy="the credentials of role vanished at {address}",
    ),
    Cell(
        **_REJECTED,
        fault="wrong-secret",
        arrange=as_role(password="not-that-of-the-role"),
        remedy="the credentials of role {user} at {address}",
    ),
    Cell(
        **_REJECTED,
        fault="wrong-secret",
        at="role without password",
        arrange=as_role("", "ALTER ROLE {role} PASSWORD NULL"),
        remedy="the credentials of role {user} at {address}",
    ),
    Cell(
        **_AT_LOGIN,
        fault="no-credentials",
        arrange=as_role(password=None),
        cause="config.missing_credentials",
        remedy="give credentials: postgres.password",
    ),
    Cell(
        **_REJECTED,
        fault="expired-token",
        at="password",
        arrange=as_role("VALID UNTIL 'yesterday'"),
        remedy="correct or renew the credentials of role {user} at {address}",
    ),
    Cell(
        **REAL,
        fault="expires-soon",
        arrange=as_role("VALID UNTIL 'tomorrow'", MAY_CREATE),
        status="warning",
        cause="authenticate.expires_soon",
        step=None,
        remedy="renew the credentials of role {user}",
    ),
    Cell(
        **_NOT_ADMITTED,
        fault="not-admitted",
        at="role without login",
        arrange=as_role("", "ALTER ROLE {role} NOLOGIN"),
        remedy="admit role {user} to log in: ALTER ROLE {user} LOGIN",
    ),
    Cell(
        **_NOT_ADMITTED,
        fault="not-admitted",
        at="rejected by pg_hba.conf",
        arrange=as_role(user="unwelcome", password="s3cret-unwelcome"),
        remedy='admit a line of pg_hba.conf for what the server names: host "127.0.0.1", user "unwelcome"',
    ),
    Cell(
        **_NOT_ADMITTED,
        fault="not-admitted",
        at="database closed",
        arrange=as_role(
            around=with_database("matrix_closed", "ALTER DATABASE matrix_closed ALLOW_CONNECTIONS false"),
            database="matrix_closed",
        ),
        remedy="admit connections to database matrix_closed: ALTER DATABASE matrix_closed ALLOW_CONNECTIONS true",
    ),
    # What is there
    Cell(
        **_AT_LOGIN,
        fault="no-database",
        arrange=as_role(database="matrix_nowhere"),
        cause="operate.not_found",
        remedy="create it, or correct its name: database matrix_nowhere at {address}",
    ),
    Cell(
        **_AT_LOGIN,
        fault="corrupt",
        at="database half dropped",
        arrange=as_role(
            around=with_database(
                "matrix_torn", "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'matrix_torn'"
            ),
            database="matrix_torn",
        ),
        cause="operate.corrupt",
        remedy="restore it, or correct its name: database matrix_torn at {address}",
    ),
    Cell(
        **REAL,
        fault="no-schema",
        arrange=as_role(schema="matrix_nowhere"),
        cause="operate.not_found",
        step="authorize.schema",
        remedy="schema matrix_nowhere in database dagster",
    ),
    # What one may do
    Cell(
        **_AT_LOGIN,
        fault="connect-denied",
        arrange=as_role(
            around=with_database("matrix_private", "REVOKE CONNECT ON DATABASE matrix_private FROM public"),
            database="matrix_private",
        ),
        cause="authorize.denied",
        remedy="grant CONNECT ON DATABASE matrix_private TO {user}",
    ),
    Cell(
        **REAL,
        fault="read-denied",
        at="schema",
        arrange=as_role(around=with_schema("matrix_private"), schema="matrix_private"),
        cause="authorize.read_denied",
        step="authorize.schema",
        remedy="grant USAGE ON SCHEMA matrix_private TO {user}",
    ),
    Cell(
        **REAL,
        fault="read-denied",
        arrange=as_role("", MAY_CREATE, without("SELECT")),
        cause="authorize.read_denied",
        step="operate.read",
        remedy="grant SELECT ON TABLES IN SCHEMA public TO {user}",
    ),
    Cell(
        **REAL,
        fault="write-denied",
        at="create",
        arrange=as_role(),
        cause="authorize.write_denied",
        step="operate.create",
        remedy="grant CREATE ON SCHEMA public TO {user}",
    ),
    Cell(
        **REAL,
        fault="write-denied",
        at="insert",
        arrange=as_role("", MAY_CREATE, without("INSERT")),
        cause="authorize.write_denied",
        step="operate.write",
        remedy="grant INSERT ON TABLES IN SCHEMA public TO {user}",
    ),
    Cell(
        **REAL,
        fault="write-denied",
        at="event trigger",
        arrange=as_role("", MAY_CREATE, around=forbidding),
        cause="authorize.write_denied",
        step="operate.create",
        remedy="grant what {user} was refused: tables are made by migrations only",
    ),
]
