"""A lakehouse: what goes through the catalog to the storage, does the compute engine read just that?

Four services that work each by itself need not mean the same warehouse, bucket or credentials.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from pytest_floe import Plan, Probe, check

from . import lakehouse_files, lakehouse_writer, object_storage
from .iceberg_catalog import Levels
from .iceberg_login import Login, logged_in
from .lakehouse_duckdb import DuckDBEngine
from .lakehouse_files import Files
from .lakehouse_settings import LakehouseSettings
from .lakehouse_table import CanaryTable
from .lakehouse_trino import TrinoEngine
from .lakehouse_writer import Row, Written
from .scratch_table import PATTERN, Explain, Rows
from .trino import TrinoSettings

_ROWS = 100


class Engine(Protocol):
    """A compute engine; ``where`` names what of it must mean the warehouse."""

    where: str

    def rows(self, levels: Levels, table: str) -> Rows: ...

    def snapshots(self, levels: Levels, table: str) -> list[int]: ...

    def explain(self, location: str) -> Explain: ...


def plan(settings: LakehouseSettings) -> Plan:
    """Say what the check would touch."""
    catalog, storage, compute = (settings.joined[service] for service in ("catalog", "storage", "compute"))
    plans = [one.plan for one in (catalog, storage, compute)]
    place = ".".join((*(settings.levels or (PATTERN,)), PATTERN))
    grants = (
        f"TABLE_CREATE, TABLE_WRITE_DATA and TABLE_DROP on {settings.of_catalog.place} to {settings.of_catalog.who}",
        f"s3:PutObject, s3:GetObject and s3:DeleteObject on {settings.of_storage.arn}/* to {settings.of_storage.login}",
        f"select from {place} to the user of {compute.name}",
    )
    return Plan(
        endpoint=_path(settings),
        connects=tuple(dict.fromkeys(address for one in plans for address in one.connects)),
        principal=", ".join(dict.fromkeys(one.principal for one in plans if one.principal)) or None,
        reads=(f"table {place} through {compute.name}",) if settings.write else (),
        creates=(f"table {place} of {settings.warehouse}, and its files",) if settings.write else (),
        needs=grants if settings.write else (),
    )


def _path(settings: LakehouseSettings) -> str:
    return " > ".join(settings.joined[service].name for service in ("catalog", "storage", "compute"))


@check("lakehouse", "lakehouse", settings=LakehouseSettings, plan=plan)
def verify(settings: LakehouseSettings, probe: Probe) -> None:
    """Append rows through the catalog to the storage, read them through the engine, compare, and drop the table."""
    with logged_in(settings.of_catalog, probe) as login:
        missing = f"warehouse {settings.of_catalog.warehouse}"
        with probe.step("operate.config", login.refusals.of("access", "authorize.denied", missing)):
            login.catalog.configure(settings.of_catalog.warehouse)
        if not probe.write:
            said = "the catalog was reached; that engine, catalog and storage work together was not verified"
            probe.warn("config.write_not_allowed", said, "write: true of the lakehouse")
            return
        files = lakehouse_files.logged_in(settings.of_storage, probe)
        login.await_needs(probe)
        if kept := files.retention():
            probe.warn("operate.retained", f"nothing was written: {kept}", object_storage.WAY_OUT)
            return
        table = CanaryTable(probe, login, files, settings.levels)
        table.sweep()
        _use(settings, probe, login, files, table)
        table.drop()
    probe.ok(f"{_ROWS} rows written and read through {_path(settings)}, and dropped")


def _use(settings: LakehouseSettings, probe: Probe, login: Login, files: Files, table: CanaryTable) -> None:
    table.create()
    rows = [(number, f"{probe.signature} {number}") for number in range(_ROWS)]
    with probe.step("operate.location"):
        files.expect_inside([table.location], settings.warehouse)
    written = lakehouse_writer.append(probe, settings, login, files, (table.levels, table.name), rows)
    table.written = written.files
    _compare_snapshot(settings, probe, login, files, table, written)
    engine = _engine(settings, probe, login, files)
    with probe.step("operate.read", engine.explain(table.location)):
        found = engine.rows(table.levels, table.name)
        snapshots = engine.snapshots(table.levels, table.name)
    with probe.step("operate.compare"):
        _compare(settings, probe, engine, rows, found)
        if snapshots != [written.snapshot]:
            said = f"the catalog is at snapshot {written.snapshot}, and {engine.where} sees {snapshots[:3]}"
            probe.fail("operate.wrong_content", said, _two_views(settings, engine))
    probe.fact(rows=len(found), checksum=_checksum(rows), snapshot=str(written.snapshot), files=len(written.files))


def _compare_snapshot(
    settings: LakehouseSettings, probe: Probe, login: Login, files: Files, table: CanaryTable, written: Written
) -> None:
    """Ask the catalog anew: the commit must be there, and the files where the storage is."""
    with probe.step("operate.snapshot", login.refusals.of("TABLE_READ_PROPERTIES", "authorize.read_denied")):
        current = table.metadata().get("current-snapshot-id")
        files.expect_inside(written.files, settings.warehouse)
        if current != written.snapshot:
            said = f"snapshot {written.snapshot} was committed, and the catalog says {current}"
            probe.fail("operate.wrong_content", said, settings.warehouse)


def _engine(settings: LakehouseSettings, probe: Probe, login: Login, files: Files) -> Engine:
    compute = settings.of_compute
    if not isinstance(compute, TrinoSettings):
        return DuckDBEngine(probe, settings, compute, login.token, files)
    catalog = settings.compute_catalog or compute.catalog
    if not catalog:
        wanted = "compute_catalog of the lakehouse, or catalog of trino"
        probe.fail("config.object_not_given", "nothing says which catalog of Trino means the warehouse", wanted)
    return TrinoEngine(probe, settings, compute, catalog)


def _compare(settings: LakehouseSettings, probe: Probe, engine: Engine, rows: Sequence[Row], found: Rows) -> None:
    read = [(int(str(number)), str(note)) for number, note in found]
    if len(read) != len(rows):
        said = f"{len(rows)} rows were appended, and {engine.where} reads {len(read)}"
        probe.fail("operate.wrong_content", said, _two_views(settings, engine))
    if _checksum(read) != _checksum(rows):
        said = f"checksum {_checksum(rows)} was appended, and {engine.where} reads {_checksum(read)}"
        probe.fail("operate.wrong_content", said, _two_views(settings, engine))


def _two_views(settings: LakehouseSettings, engine: Engine) -> str:
    return f"{engine.where}, which must mean {settings.warehouse} and hold no older view of it"


def _checksum(rows: Sequence[Row]) -> str:
    """Return a digest of the values, in order."""
    return hashlib.sha256("\n".join(f"{number}\t{note}" for number, note in rows).encode()).hexdigest()[:16]
