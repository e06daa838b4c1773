"""Trino, Snowflake and BigQuery whose answers are not what they should be, one at a time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import snowflake.connector

from pytest_floe import canary
from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.protocol import LOGIN_PAGE, PLAIN
from tests.faults.edits import edited, swapped
from tests.faults.lab import Lab
from tests.faults.path import Tamper
from tests.faults.server import Answer, Request
from tests.faults.ways import WAYS, through
from tests.servers import snowflake as snowflake_server
from tests.servers import trino

TRINO, SNOWFLAKE, BIGQUERY = WAYS["trino"], WAYS["snowflake"], WAYS["bigquery"]
_CANARY = "floe-preflight-"
_KILLED = "0badcafe"  # the run that left something
_MINE, _YOURS = b"pytest-floe canary", b"somebody's content"
_HEALTH = ("GET", "/v1/info")
_ANY_RESULT = ("GET", "/v1/statement/")
_STATEMENT = ("POST", "/query-request")
_JOB = ("POST", "/jobs")
_LISTING = r"/datasets/\w+/tables\?"


def cell(kind: str, fault: str, arrange: Arrange, cause: str | None, step: str | None, **more: Any) -> Cell:
    told: dict[str, Any] = {"remedy": "", "twin": PLAIN[kind], "source": "path", **more}
    return Cell(
        kind=kind, fault=fault, server=WAYS[kind].server, arrange=arrange, cause=cause, step=step, **told
    )  # fmt: skip


def failing(name: str, message: str = "as the matrix wants it", *causes: tuple[str, str]) -> Answer:
    """What Trino answers to a statement that failed; ``causes`` are types and messages of Java's exceptions."""
    chain: dict[str, object] = {}
    for kind, said in reversed(causes):
        chain = {"type": kind, "message": said, "cause": chain}
    error = {"errorName": name, "errorType": "USER_ERROR", "errorCode": 1, "message": message, "failureInfo": chain}
    return Answer(200, {"id": "1", "infoUri": "", "stats": {"state": "FAILED"}, "error": error})


def listing(name: object) -> Tamper:
    """Have BigQuery list one table, of that name."""
    reference = {"projectId": "demo", "datasetId": "shop", "tableId": name}
    table = {"kind": "bigquery#table", "type": "TABLE", "id": f"demo:shop.{name}", "tableReference": reference}
    return Tamper("GET", _LISTING, edited(tables=[table]), times=1)


def old_trino_table(*tampers: Tamper) -> Arrange:
    """Return the arrangement of a schema with the table of a run that was killed two hours ago."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: trino.TrinoServer = lab.server("trino_server")
        name, comment = _killed()
        table = f'{trino.CATALOG}.{trino.SCHEMA}."{name}"'
        server.run(f"CREATE TABLE {table} (id integer) COMMENT '{comment}'")
        try:
            with through(TRINO, *tampers)(lab) as scene:
                yield scene
        finally:
            server.run(f"DROP TABLE IF EXISTS {table}")

    return arrange


def old_snowflake_table(*tampers: Tamper) -> Arrange:
    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: snowflake_server.SnowflakeServer = lab.server("snowflake_server")
        name, comment = _killed()
        server.run(f"CREATE TABLE \"{name}\" (id INTEGER) COMMENT = '{comment}'")
        try:
            with through(SNOWFLAKE, *tampers)(lab) as scene:
                yield scene
        finally:
            server.run(f'DROP TABLE IF EXISTS "{name}"')

    return arrange


def old_bigquery_table(*tampers: Tamper) -> Arrange:
    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with through(BIGQUERY, *tampers)(lab) as scene:
            lab.server("bigquery_server").table(str(scene.settings["dataset"]), *_killed())
            yield scene

    return arrange


def stored_otherwise(_: Request, real: Callable[[], Answer]) -> Answer:
    """Snowflake's real rows, which are Arrow, with another text of the same length."""
    told = json.loads(real().content)
    rows = base64.b64decode(told["data"]["rowsetBase64"]).replace(_MINE, _YOURS)
    told["data"]["rowsetBase64"] = base64.b64encode(rows).decode()
    return Answer(200, told)


def _killed() -> tuple[str, str]:
    return canary.name(_KILLED, "table", datetime.now(UTC) - timedelta(hours=2)), canary.signature(_KILLED)


def two_bigquery_tables(*tampers: Tamper) -> Arrange:
    """Return the arrangement of a BigQuery dataset with another table."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with through(BIGQUERY, *tampers)(lab) as scene:
            server, dataset = lab.server("bigquery_server"), str(scene.settings["dataset"])
            server.table(dataset, "items")
            yield Scene(scene.settings, lambda: server.tables(dataset) - {"orders", "items"}, scene.names)

    return arrange


def two_trino_tables(*tampers: Tamper) -> Arrange:
    """Return the arrangement of a schema with another table."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: trino.TrinoServer = lab.server("trino_server")
        items = f"{trino.CATALOG}.{trino.SCHEMA}.items"
        server.run(f"CREATE TABLE {items} AS SELECT 1 AS id")
        try:
            with through(TRINO, *tampers)(lab) as scene:
                yield Scene(scene.settings, lambda: server.tables() - {"orders", "items"}, scene.names)
        finally:
            server.run(f"DROP TABLE {items}")

    return arrange


def two_snowflake_tables(*tampers: Tamper) -> Arrange:
    """Return the arrangement of a schema with another table."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: snowflake_server.SnowflakeServer = lab.server("snowflake_server")
        server.run("CREATE TABLE items (id INTEGER)")
        try:
            with through(SNOWFLAKE, *tampers)(lab) as scene:
                yield Scene(scene.settings, lambda: server.tables() - {"ORDERS", "ITEMS"}, scene.names)
        finally:
            server.run("DROP TABLE items")

    return arrange


@contextmanager
def old_snowflake_client(lab: Lab) -> Iterator[Scene]:
    lab.monkeypatch.setattr(snowflake.connector, "__version__", "4.9.0")
    with through(SNOWFLAKE, certificate="valid")(lab) as scene:
        yield scene


TWO_BIGQUERY_TABLES = Twin(kind="bigquery", name="two tables", server=BIGQUERY.server, arrange=two_bigquery_tables())
TWO_TRINO_TABLES = Twin(kind="trino", name="two tables", server=TRINO.server, arrange=two_trino_tables())
TWO_SNOWFLAKE_TABLES = Twin(
    kind="snowflake", name="two tables", server=SNOWFLAKE.server, arrange=two_snowflake_tables()
)
_NOT_GIVEN: dict[str, Any] = {"cause": "config.object_not_given", "step": None, "status": "warning"}
_LEFT: dict[str, Any] = {"cause": None, "step": None, "status": "ok"}
_STORAGE_DENIED: dict[str, Any] = {
    "cause": "authorize.read_denied",
    "step": "authorize.read",
    "twin": TWO_TRINO_TABLES,
    "remedy": "grant access to the storage of catalog memory to Trino's own principal there",
}
_GOOGLES = (
    "com.google.cloud.storage.StorageException",
    "floe@demo.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object.",
)
_AZURES = (
    "com.azure.storage.blob.models.BlobStorageException",
    'Status code 403, "<?xml version="1.0"?><Error><Code>AuthorizationPermissionMismatch</Code></Error>"',
)
_KEPT: dict[str, Any] = {"cause": "operate.not_removed", "step": None, "status": "warning", "stays": True}
_WRONG: dict[str, Any] = {"cause": "operate.wrong_content", "step": "operate.read"}
_ODD: dict[str, Any] = {"cause": "operate.unexpected_response"}

CELLS = [
    cell("trino", "starting", through(TRINO, Tamper(*_HEALTH, edited(starting=True))), "operate.not_ready",
         "operate.ready", at="one of two coordinators", remedy="look at its health: {base}"),
    cell("trino", "http-500", through(TRINO, Tamper(*_HEALTH, Answer(500, LOGIN_PAGE))), "operate.server_error",
         "operate.ready", at="health alone", remedy="{base}"),
    cell("trino", "html", through(TRINO, Tamper(*_HEALTH, Answer(200, LOGIN_PAGE))), step="operate.ready",
         at="health alone", remedy="{base}", **_ODD),
    cell("trino", "step-html", through(TRINO, Tamper("POST", "/v1/statement", failing("GENERIC_USER_ERROR"),
         body=b"system.runtime.nodes")), step="operate.nodes", at="error of another kind", **_ODD),
    cell("trino", "wrong-content", through(TRINO, Tamper(*_ANY_RESULT, swapped(b"[[1000]]", b"[[999]]"))),
         step="operate.query", at="count", **_ODD),
    cell("trino", "wrong-content", through(TRINO, Tamper(*_ANY_RESULT, swapped(_MINE, _YOURS))), **_WRONG),
    cell("trino", "step-500", two_trino_tables(Tamper("POST", "/v1/statement", Answer(500), body=b"LIMIT 1", times=1)),
         "operate.server_error", "authorize.read", at="first of two tables", remedy="{base}", twin=TWO_TRINO_TABLES),
    *(
        cell("trino", "read-denied", two_trino_tables(Tamper("POST", "/v1/statement", failing(
             "ICEBERG_CANNOT_OPEN_SPLIT", "Error opening the file", ("java.io.IOException", "Error reading"), said),
             body=b"LIMIT 1")), at=at, **_STORAGE_DENIED)
        for at, said in (("storage of Google", _GOOGLES), ("storage of Azure", _AZURES))
    ),
    cell("trino", "no-comments", through(TRINO, Tamper("POST", "/v1/statement", failing("NOT_SUPPORTED",
         "This connector does not support creating tables with table comment"), body=b" COMMENT '")), **_LEFT),
    cell("trino", "no-object", through(TRINO, schema=None), **_NOT_GIVEN, remedy="set trino.catalog and trino.schema"),
    cell("trino", "leftover", old_trino_table(), **_LEFT),
    cell("trino", "leftover-kept", old_trino_table(Tamper("POST", "/v1/statement", failing("PERMISSION_DENIED"),
         body=_KILLED.encode())), at="operate.sweep", remedy='remove by hand: "memory"."shop"."floe-preflight-',
         says="PERMISSION_DENIED", **_KEPT),
    cell("snowflake", "no-object", through(SNOWFLAKE, schema=None), **_NOT_GIVEN, at="schema",
         remedy="set snowflake.database and snowflake.schema"),
    cell("snowflake", "no-object", through(SNOWFLAKE, warehouse=None), **_NOT_GIVEN, at="warehouse",
         remedy="set snowflake.warehouse"),
    cell("snowflake", "no-warehouse", through(SNOWFLAKE, warehouse="nowhere"), "operate.not_found",
         "authorize.warehouse", at="by name", remedy="WAREHOUSE NOWHERE"),
    cell("snowflake", "wrong-content", through(SNOWFLAKE, Tamper(*_STATEMENT, edited(data=None),
         body=b"GENERATOR")), step="operate.query", at="count", **_ODD),
    cell("snowflake", "wrong-content", through(SNOWFLAKE, Tamper(*_STATEMENT, stored_otherwise,
         body=b"SELECT id, note")), remedy='"LAKE"."SHOP"."floe-preflight-', **_WRONG),
    cell("snowflake", "step-500", two_snowflake_tables(Tamper(*_STATEMENT, Answer(500), body=b"LIMIT 1", times=1)),
         "operate.server_error", "authorize.read", at="first of two tables", remedy="{base}",
         twin=TWO_SNOWFLAKE_TABLES),
    cell("snowflake", "leftover", old_snowflake_table(), **_LEFT),
    cell("snowflake", "leftover-kept", old_snowflake_table(Tamper(*_STATEMENT, Answer(403), body=_KILLED.encode())),
         at="operate.sweep", remedy='remove by hand: "LAKE"."SHOP"."floe-preflight-', **_KEPT),
    cell("snowflake", "old-driver", old_snowflake_client, "config.missing_driver", "authenticate",
         remedy="pip install 'snowflake-connector-python>=5'", twin=Twin(kind="snowflake", name="with TLS",
         server=SNOWFLAKE.server, arrange=through(SNOWFLAKE, certificate="valid"))),
    cell("bigquery", "no-object", through(BIGQUERY, dataset=None), **_NOT_GIVEN, at="dataset",
         remedy="set bigquery.dataset"),
    cell("bigquery", "no-object", through(BIGQUERY, project=None, credentials_json=None, anonymous=True),
         "config.object_not_given", "authenticate", at="project", remedy="set bigquery.project"),
    cell("bigquery", "json-shape", through(BIGQUERY, Tamper("GET", r"/datasets/\w+(\?|$)", edited(location=None))),
         step="authorize.dataset", at="dataset", **_ODD),
    cell("bigquery", "json-shape", through(BIGQUERY, Tamper(*_JOB, edited(statistics=None), body=b"SELECT 1")),
         step="authorize.query", at="query", remedy="{base}", **_ODD),
    cell("bigquery", "json-shape", through(BIGQUERY, Tamper("GET", _LISTING, Answer(200, {"status": "up"}), times=1)),
         step="authorize.list", at="list", remedy="{base}", **_ODD),
    *(
        cell("bigquery", "json-shape", through(BIGQUERY, listing(name)), step="authorize.list",
             at=f"a table {at} a name", remedy="{base}", **_ODD)
        for at, name in (("without", None), ("with an empty text for", ""), ("with no text for", True))
    ),
    cell("bigquery", "region", through(BIGQUERY, location="US"), "operate.wrong_region", "operate.location",
         at="of the settings", remedy="set bigquery.location to EU"),
    cell("bigquery", "wrong-content", through(BIGQUERY, Tamper("GET", f"/tables/{_CANARY}.*/data",
         swapped(_MINE, _YOURS))), **_WRONG),
    cell("bigquery", "step-500", two_bigquery_tables(Tamper(*_JOB, Answer(500), body=b"SELECT * FROM", times=1)),
         "operate.server_error", "authorize.read", at="first of two tables", twin=TWO_BIGQUERY_TABLES),
    cell("bigquery", "leftover", old_bigquery_table(), **_LEFT),
    cell("bigquery", "leftover-kept", old_bigquery_table(Tamper("DELETE", _KILLED, Answer(403))), at="operate.sweep",
         remedy="remove by hand: demo.{dataset}.floe-preflight-", **_KEPT),
]  # fmt: skip
