"""DuckDB: can this process open the database, write beside it, and keep to its memory limit?

Concurrency: https://duckdb.org/docs/stable/connect/concurrency
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pytest_floe import Finding, Plan, Probe, Settings, check, located, setting, shortened

from . import duckdb_files, scratch_table
from .scratch_table import LIKE, PATTERN, Explain, Rows, literal, quoted

MEMORY = ":memory:"
Opening = Callable[[], Any]
_REMOTE = re.compile(r"^[A-Za-z][A-Za-z0-9]+:")
#: DuckDB tells these apart by their text alone.
_CAUSES = (
    ("Could not set lock", "operate.locked"),
    ("different configuration than existing", "operate.locked"),
    ("newer version of DuckDB", "operate.newer_version"),
    ("not a valid DuckDB database file", "operate.corrupt"),
    ("Corrupt database file", "operate.corrupt"),
    ("Could not read enough bytes", "operate.corrupt"),
    ("sqlite_scanner", "operate.corrupt"),  # DuckDB would open a file of SQLite by this extension
    ("Is a directory", "operate.corrupt"),
    ("encrypted database", "config.missing_credentials"),
    ("Permission denied", "authorize.denied"),
    ("No space left", "operate.out_of_space"),
    ("out of memory", "operate.exhausted"),
    ("Out of Memory", "operate.exhausted"),
)


class DuckDBSettings(Settings):
    """Which database to open, and how. Without a path it is in memory."""

    path: str = setting(MEMORY, "File of the database, relative to `floe.yaml`; in memory (:memory:) if not given.")
    read_only: bool = setting(False, "Open the file for reading, as a workload does that shares it.")
    memory_limit: str | None = setting(None, "Upper limit of DuckDB's memory, such as 4GB.")
    extensions: tuple[Annotated[str, Field(pattern=r"^\w+$")], ...] = setting(
        (), "Extensions that must be installed; none is downloaded."
    )

    @field_validator("path")
    @classmethod
    def _is_local(cls, path: str, info: ValidationInfo) -> str:
        if path == MEMORY:
            return path
        if _REMOTE.match(path):
            raise ValueError("is an address: write a file or :memory:, nothing else can be checked")
        return located(path, info)

    @model_validator(mode="after")
    def _is_read_from_a_file_only(self) -> Self:
        if self.read_only and (self.path == MEMORY or self.write):
            raise ValueError("read_only goes neither with :memory: nor with write: remove one")
        return self

    @property
    def file(self) -> Path | None:
        """The database's file; None in memory."""
        return None if self.path == MEMORY else Path(self.path)


def plan(settings: DuckDBSettings) -> Plan:
    """Say what the check would touch."""
    file = settings.file
    if not file:
        return Plan(endpoint=MEMORY)
    return Plan(
        endpoint=str(file),
        reads=(str(file), str(file.parent)),
        creates=(_creates(file),) if settings.write else (),
        needs=(f"{'read' if settings.read_only else 'read and write'} {file} and its directory",),
    )


def _creates(file: Path) -> str:
    return f"TABLE {quoted(PATTERN)} in {file}, or, while there is none, in {file.parent / PATTERN}"


@check("compute", "duckdb", settings=DuckDBSettings, plan=plan)
def verify(settings: DuckDBSettings, probe: Probe) -> None:
    """Look at the directory, open the database, compute, load the extensions, and with ``write`` fill a table."""
    sdk = probe.driver("duckdb", "duckdb")
    probe.reached = True  # there is no network that could be at fault
    file = duckdb_files.meant(settings.file) if settings.file else None
    if file:
        duckdb_files.see(file, probe, read_only=settings.read_only)
        if probe.write:
            duckdb_files.sweep(file.parent, probe)
    if file and file.exists():
        _use(_opening(sdk, settings, str(file), read_only=not probe.write), settings, probe)
    elif file and probe.write:
        _use_scratch(sdk, settings, file, probe)
        return
    else:
        # The name lets a second connection find the same database, and no other check does.
        _use(_opening(sdk, settings, f"{MEMORY}{secrets.token_hex(8)}"), settings, probe)
        if file:
            probe.fact(not_verified=[f"open and read: {file} does not exist"])
            probe.warn("operate.not_found", f"{file} does not exist, so no database was opened", f"file {file}")
    probe.ok(f"DuckDB {probe.facts['server_version']}, {probe.facts['tables']} tables in {settings.path}")


def _opening(sdk: ModuleType, settings: DuckDBSettings, database: str, *, read_only: bool = False) -> Opening:
    config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    if settings.memory_limit:
        config["memory_limit"] = settings.memory_limit
    return lambda: sdk.connect(database, read_only=read_only, config=config)


def _use(opening: Opening, settings: DuckDBSettings, probe: Probe) -> None:
    with probe.step("operate.open", _explain(settings)):
        connection = opening()
    with closing(connection):
        _compute(connection, settings, probe)
        for extension in settings.extensions:
            _load(connection, extension, probe)
        if probe.write:
            probe.await_needs()
            _write(opening, connection, settings, probe)


def _use_scratch(sdk: ModuleType, settings: DuckDBSettings, file: Path, probe: Probe) -> None:
    """Have DuckDB make another file in the directory: one of the workload's own name would be taken for its work."""
    scratch = duckdb_files.scratch_beside(file, probe)
    canary = probe.canary(str(scratch), lambda: duckdb_files.remove(scratch))
    opening = _opening(sdk, settings, str(scratch))

    def make() -> Any:
        duckdb_files.sign(scratch, probe)
        canary.made()  # from here on there is something to remove, even if it is never opened
        return opening()

    _use(make, settings, probe)
    with probe.step("operate.delete_file"):
        canary.remove()
    did = "a scratch database beside it was made, written, read and removed"
    probe.ok(f"DuckDB {probe.facts['server_version']}, {file} does not exist yet; {did}")


def _compute(connection: Any, settings: DuckDBSettings, probe: Probe) -> None:
    with probe.step("operate.query", _explain(settings)):
        [version, limit] = connection.execute("SELECT version(), current_setting('memory_limit')").fetchone()
        [tables] = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE NOT internal").fetchone()
    probe.fact(server_version=version.removeprefix("v"), memory_limit=limit, tables=tables)


def _load(connection: Any, extension: str, probe: Probe) -> None:
    def explain(error: Exception) -> Finding | None:
        first_line = str(error).partition("\n")[0]
        return Finding("operate.not_found", first_line, f"INSTALL {extension}") if "not found" in first_line else None

    with probe.step("operate.extension", explain):
        connection.execute(f"LOAD {extension}")


def _write(opening: Opening, connection: Any, settings: DuckDBSettings, probe: Probe) -> None:
    def run(sql: str) -> Rows:
        rows: Rows = connection.execute(sql).fetchall()
        return rows

    def remove(sql: str) -> Rows:
        with closing(opening()) as fresh:
            fresh.execute(sql)
        return ()

    with probe.step("operate.sweep", _explain(settings)):
        for name, comment in run(f"SELECT table_name, comment FROM duckdb_tables() WHERE table_name LIKE '{LIKE}'"):  # noqa: S608
            drop = partial(run, f"DROP TABLE IF EXISTS {quoted(str(name))}")
            probe.sweep(str(name), str(comment), drop, _explain(settings), address=f"table {name} of {settings.path}")
    table = quoted(probe.canary_name("table"))
    create = f"CREATE TABLE {table} (id integer, note varchar); COMMENT ON TABLE {table} IS {literal(probe.signature)}"
    scratch_table.verify(probe, run, table, f"BEGIN; {create}; COMMIT", remove, lambda _: _explain(settings))


def _explain(settings: DuckDBSettings) -> Explain:
    def translate(error: Exception) -> Finding | None:
        text = " ".join(str(error).split())
        if type(error).__name__ == "ParserException":
            return Finding("config.invalid", shortened(text), "duckdb.memory_limit")
        cause = next((cause for part, cause in _CAUSES if part in text), None)
        subject = {
            "operate.exhausted": "duckdb.memory_limit",
            "config.missing_credentials": f"the key of {settings.path}, which no setting of this check takes",
        }.get(cause or "", f"file {settings.path}")
        return Finding(cause, shortened(text), subject) if cause else None

    return translate
