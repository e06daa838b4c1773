"""Trino: has it started, do its workers work, is the schema there, and may a table be made in it?

Protocol: https://trino.io/docs/current/develop/client-protocol.html
"""

from __future__ import annotations

import warnings
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from pytest_floe import Plan, Port, Probe, Secret, Settings, check, setting, url_host

from . import scratch_table, visible_tables
from .leftovers import sweeping
from .scratch_table import DENIED, PATTERN, Explain, ExplainVerb, Rows, Run, Verb, literal, quoted
from .trino_coordinator import Coordinator

_TLS_PORTS = (443, 8443)
_DEFAULT_PORTS = {"http": 8080, "https": 443}
#: Requests end a moment before the check's deadline, so that a fault is found instead of the check abandoned.
_MARGIN_SECONDS = 0.5
_PRIVILEGES: dict[Verb, str] = {
    "create": "create",
    "insert": "insert into",
    "select": "select from",
    "drop": "drop",
}


with warnings.catch_warnings():  # pydantic says that this hides BaseModel.schema, which is deprecated and not used here
    warnings.simplefilter("ignore", UserWarning)

    class _WithSchema(Settings):
        schema: str | None = setting(  # type: ignore[assignment]
            None, "Schema that the workload uses.", env=("TRINO_SCHEMA",)
        )


class TrinoSettings(_WithSchema):
    """How to reach a Trino coordinator, as whom to log in, and which schema the workload uses."""

    flat: ClassVar[dict[str, str]] = {"compute_host": "host", "compute_port": "port"}
    defining: ClassVar[str | None] = "host"

    host: str = setting(..., "Host name of the coordinator, or of the proxy in front of it.", env=("TRINO_HOST",))
    port: Port | None = setting(None, "443 with TLS and 8080 without, if not given.", env=("TRINO_PORT",))
    scheme: Literal["http", "https"] | None = setting(
        None, "https if the port is 443 or 8443, or a credential or ca_file is given.", env=("TRINO_HTTP_SCHEME",)
    )
    user: str = setting("floe-preflight", "Name of the user.", env=("TRINO_USER",))
    password: Secret | None = setting(None, "Password of the user.", env=("TRINO_PASSWORD",))
    token: Secret | None = setting(None, "JWT to log in with, instead of a password.", env=("TRINO_JWT_TOKEN",))
    catalog: str | None = setting(None, "Catalog that the workload uses.", env=("TRINO_CATALOG",))
    roles: dict[str, str] = setting({}, "Role to take in each catalog; the key `system` takes a system role.")
    source: str = setting("pytest-floe", "Name shown in the list of queries, which resource groups may select by.")
    client_tags: tuple[str, ...] = setting((), "Tags that resource groups may select by.")

    @model_validator(mode="after")
    def _credentials_travel_encrypted(self) -> Self:
        if self.password and self.token:
            raise ValueError("password and token are both given: keep one")
        if self.url.startswith("http:") and (self.password or self.token):
            raise ValueError("a credential would travel unencrypted: set scheme to https, or remove the credential")
        if self.schema and not self.catalog:
            raise ValueError("schema is given without its catalog: set catalog")
        return self

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        guarded = self.port in _TLS_PORTS or self.password or self.token or self.ca_file
        scheme = self.scheme or ("https" if guarded else "http")
        return f"{scheme}://{url_host(self.host)}:{self.port or _DEFAULT_PORTS[scheme]}"

    @property
    def place(self) -> str:
        """The schema, or as much of it as is given, in quotes."""
        return quoted(*(part for part in (self.catalog, self.schema) if part))


def plan(settings: TrinoSettings) -> Plan:
    """Say what the check would touch."""
    given = [part for part in (settings.catalog, settings.schema) if part]
    writes = settings.write and settings.schema
    verbs = ("select from",) if given else ()
    return Plan(
        endpoint="/".join([settings.url.partition("//")[2], *given]),
        connects=(settings.url,),
        principal=settings.user,
        reads=("system.runtime.nodes", *((settings.place,) if given else ())),
        creates=(f"TABLE {settings.place}.{quoted(PATTERN)}",) if writes else (),
        needs=tuple(_grant(verb, settings) for verb in (_PRIVILEGES.values() if writes else verbs)),
    )


def _grant(verb: str, settings: TrinoSettings) -> str:
    return f"{verb} tables of {settings.place} to user {settings.user}"


@check("compute", "trino", settings=TrinoSettings, plan=plan)
def verify(settings: TrinoSettings, probe: Probe) -> None:
    """Reach the coordinator, see that it has started, log in, have workers work, then use the schema."""
    probe.reach_url(settings.url, settings.ca_file)
    coordinator = Coordinator(probe.driver("trino", "trino"), settings, probe.deadline - _MARGIN_SECONDS)
    with probe.step("operate.ready", coordinator.explain()):
        coordinator.expect_started()
    _log_in(coordinator, probe)
    _have_work_done(coordinator, probe)
    if settings.catalog:
        _see_catalog(coordinator, settings, probe)
    if not settings.schema:
        wanted = "trino.catalog and trino.schema"
        probe.warn("config.object_not_given", "no schema is given, so none was looked at", wanted)
        return
    tables = _see_schema(coordinator, settings, probe)
    if probe.write:
        probe.await_needs()
        _write(coordinator.within(probe.remaining() - _MARGIN_SECONDS), settings, probe)
    said = visible_tables.counted(probe, tables, f"{settings.catalog}.{settings.schema}")
    probe.ok(f"{said}, Trino {probe.facts['server_version']}")


def _log_in(coordinator: Coordinator, probe: Probe) -> None:
    with probe.step("authenticate", coordinator.explain()):
        [[user, version]] = coordinator.run("SELECT current_user, version()")
        probe.principal(str(user))
        probe.fact(server_version=str(version))


def _have_work_done(coordinator: Coordinator, probe: Probe) -> None:
    """Run a query that a worker must do; who the nodes are is noted, if this principal may know."""
    with probe.step("operate.nodes", coordinator.explain()):
        nodes = coordinator.run_if_allowed("SELECT coordinator FROM system.runtime.nodes WHERE state = 'active'")
        if nodes is not None:
            probe.fact(active_nodes=len(nodes), workers=sum(1 for (leads,) in nodes if not leads))
    with probe.step("operate.query", coordinator.explain()):
        scratch_table.expect_thousand(coordinator.run("SELECT count(*) FROM UNNEST(sequence(1, 1000)) AS t (n)"))


def _see_catalog(coordinator: Coordinator, settings: TrinoSettings, probe: Probe) -> None:
    catalog = quoted(settings.catalog or "")
    grant = f"access to catalog {catalog} to user {settings.user}"
    with probe.step("authorize.catalog", coordinator.explain("authorize.read_denied", grant)):
        coordinator.run(f"SHOW SCHEMAS FROM {catalog}")


def _see_schema(coordinator: Coordinator, settings: TrinoSettings, probe: Probe) -> int:
    """Return the number of tables that the principal sees; reads one of them."""
    grant = _grant("select from", settings)
    with probe.step("authorize.schema", coordinator.explain("authorize.read_denied", grant)):
        names = [str(name) for (name,) in coordinator.run(f"SHOW TABLES FROM {settings.place}")]
        views = {str(name) for (name,) in coordinator.run(_views(settings))} if names else set()
    if tried := visible_tables.to_read(probe, names, settings.place, views):

        def read(name: str) -> bool:
            return _read(coordinator, f"{settings.place}.{quoted(name)}", is_view=name in views)

        with probe.step("authorize.read", coordinator.explain("authorize.read_denied", grant)):
            # A table may be broken by itself, such as a view whose table is gone.
            if not visible_tables.read_any(tried, read, coordinator.is_refusal, coordinator.is_of_statement):
                why = "as those that were tried are empty, views, or read with a filter only"
                visible_tables.note_unread(probe, settings.place, why)
    return len(names)


def _views(settings: TrinoSettings) -> str:
    tables = f"{quoted(settings.catalog or '')}.information_schema.tables"
    views = f"table_schema = lower({literal(settings.schema or '')}) AND table_type = 'VIEW'"
    return f"SELECT table_name FROM {tables} WHERE {views}"  # noqa: S608 - quoted


def _read(coordinator: Coordinator, table: str, *, is_view: bool) -> bool:
    """Return whether a row of ``table`` was read; ``LIMIT 0`` asks for the right to, and nothing of the storage."""
    if not is_view:
        try:
            return bool(coordinator.run(f"SELECT * FROM {table} LIMIT 1"))  # noqa: S608 - quoted
        except Exception as error:
            if not coordinator.asks_for_filter(error):
                raise
    coordinator.run(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608
    return False


def _write(coordinator: Coordinator, settings: TrinoSettings, probe: Probe) -> None:
    def explain(verb: Verb) -> Explain:
        return coordinator.explain(DENIED[verb], _grant(_PRIVILEGES[verb], settings))

    def remove(sql: str) -> Rows:
        return coordinator.within(scratch_table.REMOVAL_SECONDS).run(sql)

    _sweep(coordinator, settings, probe, remove, explain)
    table = f"{settings.place}.{quoted(probe.canary_name('table'))}"
    comment = f" COMMENT {literal(probe.signature)}"

    def run(sql: str) -> Rows:
        try:
            return coordinator.run(sql)
        except Exception as error:
            if not coordinator.lacks_comments(error):
                raise
            # Such a table has no signature, so no later run would sweep it: this check's own removal is the only one.
            return coordinator.run(sql.removesuffix(comment))

    create = f"CREATE TABLE {table} (id integer, note varchar){comment}"
    scratch_table.verify(probe, run, table, create, remove, explain)


def _sweep(coordinator: Coordinator, settings: TrinoSettings, probe: Probe, remove: Run, explain: ExplainVerb) -> None:
    of_schema = f"catalog_name = {literal(settings.catalog or '')} AND schema_name = {literal(settings.schema or '')}"
    canaries = f"table_name LIKE {literal(scratch_table.LIKE)}"
    query = f"SELECT table_name, comment FROM system.metadata.table_comments WHERE {of_schema} AND {canaries}"  # noqa: S608
    with probe.step("operate.sweep"), sweeping(probe):
        scratch_table.sweep(probe, coordinator.run_if_allowed(query) or (), settings.place, remove, explain)
