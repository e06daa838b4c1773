"""Snowflake: may this user take role and warehouse, see the schema, and make a table in it?

A suspended warehouse costs when it is resumed, so nothing is run on one unless ``resume_warehouse`` allows it.
"""

from __future__ import annotations

import warnings
from contextlib import closing
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from pytest_floe import Plan, Port, Probe, Secret, Settings, check, setting

from . import scratch_table, visible_tables
from .leftovers import sweeping
from .scratch_table import DENIED, LIKE, PATTERN, Explain, ExplainVerb, Rows, Run, Verb, literal, quoted
from .snowflake_session import Session

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_INTERACTIVE = ("externalbrowser", "oauth_authorization_code")
_WITHOUT_SECRET = ("workload_identity",)
_ASLEEP = ("SUSPENDED", "SUSPENDING")
#: A role owns the tables that it makes, unless a grant on future tables gives them to another.
_PRIVILEGES: dict[Verb, str] = {
    "create": "CREATE TABLE on SCHEMA",
    "insert": "INSERT on FUTURE TABLES in SCHEMA",
    "select": "SELECT on FUTURE TABLES in SCHEMA",
    "drop": "OWNERSHIP on FUTURE TABLES in SCHEMA",
}

with warnings.catch_warnings():  # pydantic says that this hides BaseModel.schema, which is deprecated and not used here
    warnings.simplefilter("ignore", UserWarning)

    class _WithSchema(Settings):
        schema: str | None = setting(  # type: ignore[assignment]
            None, "Schema that the workload uses.", env=("SNOWFLAKE_SCHEMA",)
        )


class SnowflakeSettings(_WithSchema):
    """Which account, as whom, on which warehouse, and which schema the workload uses."""

    flat: ClassVar[dict[str, str]] = {"compute_host": "host", "compute_port": "port"}
    defining: ClassVar[str | None] = "account"

    account: str = setting(..., "Account identifier, such as myorg-myaccount.", env=("SNOWFLAKE_ACCOUNT",))
    user: str | None = setting(None, "Name of the user.", env=("SNOWFLAKE_USER",))
    password: Secret | None = setting(None, "Password of the user.", env=("SNOWFLAKE_PASSWORD",))
    private_key_file: Path | None = setting(
        None, "PEM file of the user's private key.", env=("SNOWFLAKE_PRIVATE_KEY_FILE", "SNOWFLAKE_PRIVATE_KEY_PATH")
    )
    private_key_passphrase: Secret | None = setting(
        None, "Passphrase of that file.", env=("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "PRIVATE_KEY_PASSPHRASE")
    )
    token: Secret | None = setting(None, "OAuth or programmatic access token.", env=("SNOWFLAKE_TOKEN",))
    authenticator: str | None = setting(
        None, "How to log in; follows from the credential if not given.", env=("SNOWFLAKE_AUTHENTICATOR",)
    )
    role: str | None = setting(None, "Role to take; the user's default if not given.", env=("SNOWFLAKE_ROLE",))
    warehouse: str | None = setting(None, "Warehouse that the workload runs on.", env=("SNOWFLAKE_WAREHOUSE",))
    database: str | None = setting(None, "Database that the workload uses.", env=("SNOWFLAKE_DATABASE",))
    host: str | None = setting(None, "Host name; follows from the account if not given.", env=("SNOWFLAKE_HOST",))
    port: Port = setting(443, "Port of the service.", env=("SNOWFLAKE_PORT",))
    protocol: Literal["http", "https"] = setting("https", "How to speak to it.", env=("SNOWFLAKE_PROTOCOL",))
    resume_warehouse: bool = setting(False, "Resume the warehouse if it is suspended, which costs.")

    @model_validator(mode="after")
    def _can_log_in_unattended(self) -> Self:
        if self.protocol == "http" and self.host not in _LOOPBACK:
            raise ValueError("a credential would travel unencrypted: set protocol to https")
        if self.authenticator and self.authenticator.lower() in _INTERACTIVE:
            raise ValueError(f"authenticator {self.authenticator} needs a person: use a key pair or a token")
        if self.schema and not self.database:
            raise ValueError("schema is given without its database: set database")
        return self

    @property
    def address(self) -> str:
        """Host name of the service."""
        return self.host or f"{self.account.replace('_', '-').lower()}.snowflakecomputing.com"

    @property
    def url(self) -> str:
        """Protocol, host and port."""
        return f"{self.protocol}://{self.address}:{self.port}"

    @property
    def has_credential(self) -> bool:
        """Whether there is anything to log in with."""
        given = self.password or self.private_key_file or self.token
        return bool(given) or (self.authenticator or "").lower() in _WITHOUT_SECRET

    @property
    def place(self) -> str:
        """The schema, quoted."""
        return quoted(identifier(self.database or ""), identifier(self.schema or ""))


def identifier(name: str) -> str:
    """Return ``name`` as Snowflake stores it: in upper case, unless it is written in double quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.upper()


def plan(settings: SnowflakeSettings) -> Plan:
    """Say what the check would touch."""
    has_schema = bool(settings.database and settings.schema)
    return Plan(
        endpoint="/".join([settings.address, *(part for part in (settings.database, settings.schema) if part)]),
        connects=(settings.url,),
        principal=f"{settings.user or settings.authenticator} as {settings.role or 'the default role'}",
        reads=(
            *((f"WAREHOUSE {settings.warehouse}",) if settings.warehouse else ()),
            *((settings.place,) * has_schema),
        ),
        creates=(f"TABLE {settings.place}.{quoted(PATTERN)}",) if has_schema and settings.write else (),
        needs=_grants(settings),
    )


def _grants(settings: SnowflakeSettings) -> tuple[str, ...]:
    to = f"to role {settings.role}" if settings.role else "to the user's default role"
    on_schema = f"SCHEMA {settings.place} {to}"
    wanted = {
        f"USAGE on WAREHOUSE {settings.warehouse} {to}": settings.warehouse,
        f"USAGE on DATABASE {settings.database} {to}": settings.database,
        f"USAGE on {on_schema}": settings.schema,
        f"CREATE TABLE on {on_schema}": settings.schema and settings.write,
    }
    return tuple(grant for grant, needed in wanted.items() if needed)


@check("compute", "snowflake", settings=SnowflakeSettings, plan=plan)
def verify(settings: SnowflakeSettings, probe: Probe) -> None:
    """Reach the account, log in, take the warehouse, see the schema, and with ``write`` make a table in it."""
    sdk = probe.driver("snowflake.connector", "snowflake")
    if not settings.has_credential:
        ways = "snowflake.password, snowflake.private_key_file or snowflake.token"
        probe.fail("config.missing_credentials", "no password, private key or token is given", ways)
    probe.reach_url(settings.url, settings.ca_file)
    session = Session(sdk, settings)
    with probe.step("authenticate", session.explain()):
        session.log_in(probe.remaining())
    with closing(session):
        probe.principal(f"{settings.user} as {session.role}")
        works = _take_warehouse(session, settings, probe)
        if not settings.database or not settings.schema:
            wanted = "snowflake.database and snowflake.schema"
            probe.warn("config.object_not_given", "no schema is given, so none was looked at", wanted)
            return
        tables = _see_schema(session, settings, probe)
        if works:
            _use_schema(session, settings, probe, tables)
    said = visible_tables.counted(probe, len(tables), settings.place)
    probe.ok(f"{said}, warehouse {settings.warehouse}, role {session.role}")


def _take_warehouse(session: Session, settings: SnowflakeSettings, probe: Probe) -> bool:
    """Take the warehouse and have it compute; return whether it may be used."""
    if not settings.warehouse:
        probe.warn("config.object_not_given", "no warehouse is given, so no query was run", "snowflake.warehouse")
        return False
    name = identifier(settings.warehouse)
    grant = f"USAGE on WAREHOUSE {name} to role {session.role}"
    with probe.step("authorize.warehouse", session.explain(grant=grant, place=f"WAREHOUSE {name}, or {grant}")):
        state = _find_warehouse(session, name, probe)
        session.run(f"USE WAREHOUSE {quoted(name)}")
    probe.fact(warehouse_state=state)
    if state in _ASLEEP and not settings.resume_warehouse:
        probe.fact(scope="read-only", not_verified=["query, read and write: the warehouse is suspended"])
        message = f"warehouse {name} is {state.lower()}, so no query was run on it"
        probe.warn("operate.suspended", message, f"set snowflake.resume_warehouse, or ALTER WAREHOUSE {name} RESUME")
        return False
    grant = f"OPERATE on WAREHOUSE {name} to role {session.role}"
    with probe.step("operate.query", session.explain(grant=grant, place=f"WAREHOUSE {name}")):
        if state in _ASLEEP:
            session.run(f"ALTER WAREHOUSE {quoted(name)} RESUME IF SUSPENDED")
        scratch_table.expect_thousand(session.run("SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 1000))"))
    return True


def _find_warehouse(session: Session, name: str, probe: Probe) -> str:
    """Return the state of the warehouse; showing it does not resume it."""
    shown = session.show(f"SHOW WAREHOUSES LIKE {literal(name)}")
    states = [str(row["state"]) for row in shown if row["name"] == name]
    if not states:
        message = f"warehouse {name} does not exist, or role {session.role} may not see it"
        probe.fail("operate.not_found", message, f"WAREHOUSE {name}, or USAGE on it for role {session.role}")
    return states[0]


def _see_schema(session: Session, settings: SnowflakeSettings, probe: Probe) -> list[str]:
    """Return the names of the tables; Snowflake says the same of what is not there and of what is not granted."""
    database = identifier(settings.database or "")
    for step, what, use in (
        ("authorize.database", f"DATABASE {quoted(database)}", f"USE DATABASE {quoted(database)}"),
        ("authorize.schema", f"SCHEMA {settings.place}", f"USE SCHEMA {settings.place}"),
    ):
        grant = f"USAGE on {what} to role {session.role}"
        place = f"{what}, or USAGE on it for role {session.role}"
        with probe.step(step, session.explain("authorize.read_denied", grant, place)):
            session.run(use)
    grant = f"USAGE on SCHEMA {settings.place} to role {session.role}"
    with probe.step("authorize.list", session.explain("authorize.list_denied", grant)):
        return [str(row["name"]) for row in session.show(f"SHOW TABLES IN SCHEMA {settings.place}")]


def _use_schema(session: Session, settings: SnowflakeSettings, probe: Probe, tables: list[str]) -> None:
    grant = f"SELECT on tables of SCHEMA {settings.place} to role {session.role}"
    if tried := visible_tables.to_read(probe, tables, settings.place):

        def read(name: str) -> bool:
            return bool(session.run(f"SELECT * FROM {settings.place}.{quoted(name)} LIMIT 1"))  # noqa: S608 - quoted

        with probe.step("authorize.read", session.explain("authorize.read_denied", grant)):
            if not visible_tables.read_any(tried, read, session.is_refusal):
                visible_tables.note_unread(probe, settings.place, "as the tables that were tried are empty")
    if probe.write:
        probe.await_needs()
        _write(session, settings, probe)


def _write(session: Session, settings: SnowflakeSettings, probe: Probe) -> None:
    def explain(verb: Verb) -> Explain:
        return session.explain(DENIED[verb], f"{_PRIVILEGES[verb]} {settings.place} to role {session.role}")

    def remove(sql: str) -> Rows:
        with closing(session.another(scratch_table.REMOVAL_SECONDS)) as fresh:
            return fresh.run(sql)

    _sweep(session, settings, probe, remove, explain)
    table = f"{settings.place}.{quoted(probe.canary_name('table'))}"
    # Transient and without time travel: once dropped, nothing of it is kept or billed.
    options = f"DATA_RETENTION_TIME_IN_DAYS = 0 COMMENT = {literal(probe.signature)}"
    create = f"CREATE TRANSIENT TABLE {table} (id INTEGER, note VARCHAR) {options}"
    scratch_table.verify(probe, session.run, table, create, remove, explain)


def _sweep(session: Session, settings: SnowflakeSettings, probe: Probe, remove: Run, explain: ExplainVerb) -> None:
    tables = f"{quoted(identifier(settings.database or ''))}.information_schema.tables"
    canaries = f"table_schema = {literal(identifier(settings.schema or ''))} AND table_name LIKE {literal(LIKE)}"
    with probe.step("operate.sweep"), sweeping(probe):
        found = session.run(f"SELECT table_name, comment FROM {tables} WHERE {canaries}")  # noqa: S608 - literals
        scratch_table.sweep(probe, found, settings.place, remove, explain)
