"""Trino and the tables of a schema: some can't be read by anybody, and for some the storage refuses Trino itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.trino import settings_of
from tests.faults.lab import Lab
from tests.servers.lakehouse import Lakehouse
from tests.servers.minio import PRINCIPALS, rights
from tests.servers.trino import CATALOG, LAKE, SCHEMA, TrinoServer

_TO_READ = [right for right in PRINCIPALS["full"] if right != "GetObject"]


@contextmanager
def sold(lab: Lab) -> Iterator[Scene]:
    """Have a table of Iceberg with a row."""
    lakehouse: Lakehouse = lab.server("lakehouse")
    table = f"{LAKE}.{SCHEMA}.sold_{lab.number()}"
    lakehouse.trino.run(f"CREATE TABLE {table} AS SELECT 1 AS id")
    try:
        yield Scene(lakehouse.compute("reader"))
    finally:
        lakehouse.trino.run(f"DROP TABLE {table}")


@contextmanager
def kept_out_of_the_storage(lab: Lab) -> Iterator[Scene]:
    """Take from Trino's own principal the right to read objects."""
    lakehouse: Lakehouse = lab.server("lakehouse")
    bucket = lakehouse.nessie.bucket
    with sold(lab) as scene:
        lakehouse.minio.grant(lakehouse.keys, *rights(bucket, *_TO_READ))
        try:
            yield scene
        finally:
            lakehouse.minio.grant(lakehouse.keys, *rights(bucket, *PRINCIPALS["full"]))


def views(*columns: str) -> Arrange:
    """Return the arrangement of a schema of nothing but views of ``columns`` of a table that has lost its ``gone``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: TrinoServer = lab.server("trino_server")
        schema, base = (f"views_{lab.number()}" for _ in range(2))
        for name in (schema, base):
            server.run(f"CREATE SCHEMA {CATALOG}.{name}")
        server.run(f"CREATE TABLE {CATALOG}.{base}.sold AS SELECT 1 AS id, 2 AS gone")
        for number, column in enumerate(columns):
            view = f"{CATALOG}.{schema}.view_{number} SECURITY INVOKER"
            server.run(f"CREATE VIEW {view} AS SELECT {column} FROM {CATALOG}.{base}.sold")
        server.run(f"DROP TABLE {CATALOG}.{base}.sold")
        server.run(f"CREATE TABLE {CATALOG}.{base}.sold AS SELECT 1 AS id")
        try:
            yield Scene(settings_of(server, "reader", schema=schema), names={"schema": schema})
        finally:
            for name in (schema, base):
                server.run(f"DROP SCHEMA {CATALOG}.{name} CASCADE")

    return arrange


_REAL: dict[str, Any] = {"kind": "trino", "source": "real", "step": "authorize.read"}
_LAKEHOUSE = "Trino, Nessie, Keycloak, MinIO"
_OF_ICEBERG = Twin(kind="trino", name="a table of Iceberg", server=_LAKEHOUSE, arrange=sold)
_VIEWS = Twin(kind="trino", name="views", server="Trino", arrange=views("id"))

CELLS = [
    Cell(
        **_REAL,
        fault="read-denied",
        at="storage of the catalog",
        server=_LAKEHOUSE,
        twin=_OF_ICEBERG,
        arrange=kept_out_of_the_storage,
        cause="authorize.read_denied",
        remedy=f"grant access to the storage of catalog {LAKE} to Trino's own principal there",
    ),
    Cell(
        **{**_REAL, "step": None},
        fault="stale-view",
        server="Trino",
        twin=_VIEWS,
        arrange=views("gone", "id"),
        status="ok",
        cause=None,
        remedy="",
    ),
    Cell(
        **_REAL,
        fault="stale-view",
        at="all of them",
        server="Trino",
        twin=_VIEWS,
        arrange=views("gone", "gone"),
        cause="operate.corrupt",
        remedy=f'"{CATALOG}"."{{schema}}"',
        says="INVALID_VIEW",
    ),
]
