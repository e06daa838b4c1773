"""PostgreSQL that lets in and then breaks, each time at another step.

What the check asks is a function of the system's, and whoever owns a schema on the role's search path may put another
in its place: that is how one step breaks and all others work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene
from tests.faults.cells.postgres import MAY_CREATE, REAL, TWIN, as_role, role_on, settings_of, tables
from tests.faults.lab import Lab
from tests.faults.server import FaultyServer, hear, say
from tests.servers.postgres import PostgresServer

_NO_SPACE = "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'"


def shadowed(signature: str, returns: str, body: str = _NO_SPACE, options: str = "") -> Arrange:
    """Return the arrangement of a role to whom a function of the system is another, with this ``body``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: PostgresServer = lab.server("postgres")
        find = "ALTER ROLE {role} SET search_path = matrix_shadows, pg_catalog, public"
        with _schema(server), role_on(server, options, MAY_CREATE, find) as role:
            function = f"matrix_shadows.{signature} RETURNS {returns} LANGUAGE plpgsql AS $$ BEGIN {body}; END $$"
            server.run(f"CREATE FUNCTION {function}", database="dagster")
            yield Scene(settings_of(server, role), lambda: tables(server))

    return arrange


@contextmanager
def _schema(server: PostgresServer) -> Iterator[None]:
    server.run("CREATE SCHEMA matrix_shadows", "GRANT USAGE ON SCHEMA matrix_shadows TO public", database="dagster")
    try:
        yield
    finally:
        server.run("DROP SCHEMA matrix_shadows CASCADE", database="dagster")


@contextmanager
def mangling(server: PostgresServer) -> Iterator[None]:
    """Have an event trigger that gives each new table a trigger, which changes what is inserted."""
    server.run(
        "CREATE FUNCTION matrix_change() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN NEW.note = 'masked'; RETURN NEW; END $$",
        "CREATE FUNCTION matrix_mask() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
        " DECLARE made record; BEGIN FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP EXECUTE"
        " 'CREATE TRIGGER matrix_masks BEFORE INSERT ON ' || made.object_identity ||"
        " ' FOR EACH ROW EXECUTE FUNCTION public.matrix_change()'; END LOOP; END $$",
        "CREATE EVENT TRIGGER matrix_mask ON ddl_command_end WHEN TAG IN ('CREATE TABLE')"
        " EXECUTE FUNCTION matrix_mask()",
        database="dagster",
    )
    try:
        yield
    finally:
        server.run(
            "DROP EVENT TRIGGER matrix_mask",
            "DROP FUNCTION matrix_mask",
            "DROP FUNCTION matrix_change",
            database="dagster",
        )


@contextmanager
def without_database(lab: Lab) -> Iterator[Scene]:
    server: PostgresServer = lab.server("postgres")
    yield Scene({"host": server.host, "port": server.port, "user": "trusted"})


@contextmanager
def greeting(_lab: Lab) -> Iterator[Scene]:
    with FaultyServer(hear, say(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        yield Scene({"host": server.host, "port": server.port, "user": "trusted", "database": "dagster"})


def setting(name: str) -> Arrange:
    """Return the arrangement of a role who can be told every setting but the one of this name."""
    body = f"IF $1 = '{name}' THEN {_NO_SPACE}; END IF; RETURN pg_catalog.current_setting($1)"
    return shadowed("current_setting(text)", "text", body)


ENDS = "VALID UNTIL '2099-01-01'"
FULL: dict[str, Any] = {
    **REAL,
    "fault": "no-space",
    "cause": "operate.out_of_space",
    "remedy": "free or add space at {address}",
}

CELLS = [
    Cell(**FULL, step="operate.begin", at="begin", arrange=setting("server_version")),
    Cell(
        **FULL,
        step="authenticate.expiry",
        at="expiry",
        arrange=shadowed("isfinite(timestamptz)", "bool", options=ENDS),
    ),
    Cell(**FULL, step="operate.primary", at="primary", arrange=shadowed("pg_is_in_recovery()", "bool")),
    Cell(**FULL, step="operate.connections", at="connections", arrange=setting("max_connections")),
    Cell(**FULL, step="authorize.schema", at="schema", arrange=shadowed("has_schema_privilege(oid, text)", "bool")),
    Cell(**FULL, step="authorize.schema", at="search path", arrange=shadowed("current_schema()", "name")),
    Cell(**FULL, step="operate.rollback", at="rollback", arrange=shadowed("to_regclass(text)", "regclass")),
    Cell(
        **REAL,
        fault="not-removed",
        arrange=shadowed("to_regclass(text)", "regclass", "RETURN 'pg_class'::regclass"),
        cause="operate.not_removed",
        step="operate.rollback",
        remedy='remove by hand: "public"."floe-preflight-',
    ),
    Cell(
        **REAL,
        fault="wrong-content",
        arrange=as_role("", MAY_CREATE, around=mangling),
        cause="operate.wrong_content",
        step="operate.read",
        remedy='in front of "public"."floe-preflight-',
    ),
    Cell(
        **REAL,
        fault="recovery",
        at="only to be read",
        arrange=as_role("", "ALTER ROLE {role} SET default_transaction_read_only = on", write=False),
        cause="operate.read_only",
        step="operate.primary",
        remedy="end the read-only mode of role {user}: default_transaction_read_only",
    ),
    Cell(
        **REAL,
        fault="no-object",
        arrange=without_database,
        status="warning",
        cause="config.object_not_given",
        step=None,
        remedy="set postgres_database",
    ),
    Cell(
        kind="postgres",
        fault="garbage",
        at="when asked for TLS",
        source="scripted",
        server="scripted",
        twin=TWIN,
        arrange=greeting,
        cause="operate.unexpected_response",
        step="tls",
        remedy="{address}",
    ),
]
