"""PostgreSQL and the workload's own tables: whose they are, and where names without a schema lead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.postgres import MAY_CREATE, REAL, as_role, role_on, settings_of, tables, with_schema
from tests.faults.lab import Lab
from tests.servers.postgres import PostgresServer

_BREAKS = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$"


def restored(*statements: str, **changes: object) -> Arrange:
    """Return the arrangement of a table that the superuser made, and of a role, after ``statements`` about both."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: PostgresServer = lab.server("postgres")
        schema = f"matrix_restored_{lab.number()}"
        given = [f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {{role}}"]
        given += [statement.replace("{schema}", schema) for statement in statements]
        with with_schema(schema)(server):
            server.run(f"CREATE TABLE {schema}.runs (id integer)", database="dagster")
            with role_on(server, "", *given) as role:
                settings = settings_of(server, role, schema=schema, **changes)
                yield Scene(settings, lambda: tables(server), {"schema": schema})

    return arrange


_MAY_WRITE = "GRANT SELECT, INSERT ON {schema}.runs TO {role}"
_OF_TABLES: dict[str, Any] = {
    **REAL,
    "twin": Twin(kind="postgres", name="tables of another role", server="PostgreSQL", arrange=restored(_MAY_WRITE)),
    "step": "authorize.tables",
}
_PATH: dict[str, Any] = {
    **REAL,
    "fault": "search-path",
    "status": "warning",
    "cause": "operate.wrong_location",
    "step": None,
    "remedy": "compare search_path of role {user} with schema public",
}

CELLS = [
    Cell(
        **_OF_TABLES,
        fault="read-denied",
        at="tables of another role",
        arrange=restored(),
        cause="authorize.read_denied",
        remedy="grant SELECT ON ALL TABLES IN SCHEMA {schema} TO {user}, as their owner postgres",
    ),
    Cell(
        **_OF_TABLES,
        fault="write-denied",
        at="tables of another role",
        arrange=restored("GRANT SELECT ON {schema}.runs TO {role}"),
        cause="authorize.write_denied",
        remedy="grant INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {user}, as their owner postgres",
    ),
    Cell(
        **_OF_TABLES,
        fault="no-space",
        at="authorize.tables",
        arrange=restored(
            _MAY_WRITE,
            "ALTER ROLE {role} SET search_path = {schema}, pg_catalog",
            f"CREATE FUNCTION {{schema}}.pg_get_userbyid(oid) RETURNS name {_BREAKS}",
        ),
        cause="operate.out_of_space",
        remedy="free or add space at {address}",
    ),
    Cell(
        **_PATH,
        at="to no schema",
        arrange=as_role("", MAY_CREATE, "ALTER ROLE {role} SET search_path = matrix_nowhere"),
        says="lead to no schema",
    ),
    Cell(
        **_PATH,
        at="to another schema",
        arrange=as_role(
            "", MAY_CREATE, "ALTER ROLE {role} SET search_path = information_schema, public", schema="public"
        ),
        says="lead to information_schema",
    ),
]
