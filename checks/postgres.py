"""PostgreSQL: is this the primary, are connections left, and may the role work in its schema?

Connection parameters: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import model_validator

from pytest_floe import Plan, Port, Probe, Secret, Settings, check, setting

from . import postgres_state as state
from .postgres_login import Login
from .postgres_tls import SslMode, negotiate
from .scratch_table import DENIED, PATTERN, Explain, Verb, fill, quoted

_MAINTENANCE_DATABASE = "postgres"


class PostgresSettings(Settings):
    """How to reach a PostgreSQL database, as whom to log in, and which schema the workload uses."""

    flat: ClassVar[dict[str, str]] = {
        "postgres_host": "host",
        "postgres_port": "port",
        "postgres_database": "database",
    }
    defining: ClassVar[str | None] = "host"

    host: str = setting(..., "Host name or address of the server.", env=("DAGSTER_PG_HOST", "PGHOST"))
    port: Port = setting(5432, "Port of the server.", env=("DAGSTER_PG_PORT", "PGPORT"))
    database: str | None = setting(None, "Database that the workload uses.", env=("DAGSTER_PG_DB", "PGDATABASE"))
    user: str | None = setting(
        None, "Role to log in as; the operating system's user if not given.", env=("DAGSTER_PG_USERNAME", "PGUSER")
    )
    password: Secret | None = setting(None, "Password of the role.", env=("DAGSTER_PG_PASSWORD", "PGPASSWORD"))
    sslmode: SslMode | None = setting(
        None, "As libpq's; if not given, verify-full where ca_file is given, else prefer.", env=("PGSSLMODE",)
    )
    sslcert: Path | None = setting(None, "PEM file of the client's certificate.", env=("PGSSLCERT",))
    sslkey: Path | None = setting(None, "PEM file of the key to the client's certificate.", env=("PGSSLKEY",))
    schema_name: str = setting(
        "public", "Schema that the workload uses.", alias="schema", validation_alias="schema", min_length=1
    )
    application_name: str = setting("pytest-floe", "Name shown in pg_stat_activity.", env=("PGAPPNAME",))
    write: bool = setting(True, "Create a table as well, in a transaction that is rolled back.")

    @model_validator(mode="after")
    def _authority_to_verify_by(self) -> Self:
        if self.sslmode == "verify-ca" and not self.ca_file:
            raise ValueError("sslmode verify-ca needs ca_file: set it, or sslmode to verify-full")
        return self

    @property
    def tls(self) -> SslMode:
        """The mode that applies."""
        return self.sslmode or ("verify-full" if self.ca_file else "prefer")

    @property
    def where(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def parameters(self, seconds: float) -> dict[str, Any]:
        """Return libpq's connection parameters for a login within ``seconds``."""
        authority = str(self.ca_file) if self.ca_file else "system" if self.tls == "verify-full" else None
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database or _MAINTENANCE_DATABASE,
            "user": self.user,
            "password": self.password.get_secret_value() if self.password else None,
            "sslmode": self.tls,
            "sslrootcert": authority if self.tls not in ("disable", "allow", "prefer") else None,
            "sslcert": self.sslcert,
            "sslkey": self.sslkey,
            "application_name": self.application_name,
            "connect_timeout": max(1, int(seconds)),
        }


def plan(settings: PostgresSettings) -> Plan:
    """Say what the check would touch."""
    role, table = settings.user or "the role", quoted(settings.schema_name, PATTERN)
    writes = settings.write and settings.database is not None
    privileges = "USAGE, CREATE" if writes else "USAGE"
    of_tables = "SELECT, INSERT, UPDATE, DELETE" if writes else "SELECT"
    return Plan(
        endpoint=f"{settings.where}/{settings.database or ''}",
        connects=(f"postgresql://{settings.where}",),
        principal=settings.user,
        reads=("pg_roles, pg_stat_database", *((f"schema {settings.schema_name}",) if settings.database else ())),
        creates=(f"table {table}, rolled back",) if writes else (),
        needs=(
            f"CONNECT ON DATABASE {settings.database or _MAINTENANCE_DATABASE} TO {role}",
            *((f"{privileges} ON SCHEMA {settings.schema_name} TO {role}",) if settings.database else ()),
            *((f"{of_tables} ON ALL TABLES IN SCHEMA {settings.schema_name} TO {role}",) if settings.database else ()),
        ),
    )


@check("postgres", "postgres", settings=PostgresSettings, plan=plan)
def verify(settings: PostgresSettings, probe: Probe) -> None:
    """Log in, look at the server's state, and with ``write`` make a table in a transaction that is rolled back."""
    probe.reach(settings.host, settings.port)
    negotiate(probe, settings.host, settings.port, settings.tls, settings.ca_file)
    psycopg = probe.driver("psycopg", "postgres")
    with closing(Login(probe, psycopg, settings.where, settings.parameters(probe.remaining()))) as login:
        state.note_expiry(probe, login)
        state.see_primary(probe, login, settings.where)
        left = state.count_connections_left(probe, login)
        if settings.database is None:
            probe.warn("config.object_not_given", "no database is given, so none was verified", "postgres_database")
            probe.ok(f"PostgreSQL {login.version}, {left} connections left")
            return
        state.see_schema(probe, login, settings.schema_name)
        state.see_search_path(probe, login, settings.schema_name, given="schema_name" in settings.model_fields_set)
        state.see_tables(probe, login, settings.schema_name)
        if probe.write:
            probe.await_needs()
            _make_table(probe, login, settings.schema_name)
        done = "table created and rolled back" if probe.write else f"schema {settings.schema_name} may be used"
        probe.ok(f"PostgreSQL {login.version}, {done}, {left} connections left")


def _make_table(probe: Probe, login: Login, schema: str) -> None:
    """Create and fill a table in the transaction that is never committed, so that nothing can stay behind."""
    table = quoted(schema, probe.canary_name("table"))

    def explain(verb: Verb) -> Explain:
        return login.explain(DENIED[verb], f"{verb.upper()} ON TABLES IN SCHEMA {schema} TO {login.role}")

    create = login.explain("authorize.write_denied", f"CREATE ON SCHEMA {schema} TO {login.role}")
    with probe.step("operate.create", create):
        login.run(f"CREATE TABLE {table} (id integer, note text)")
    fill(probe, login.run, table, explain)
    with probe.step("operate.rollback", login.explain()):
        login.roll_back()
        [(stayed,)] = login.run("SELECT to_regclass(%s)::text", table)
        if stayed:
            probe.fail("operate.not_removed", "the table is still there after ROLLBACK", table)
