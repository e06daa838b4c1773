"""DuckDB: can this process open the database, write beside it, and keep to its memory limit?

Concurrency: https://duckdb.org/docs/stable/connect/concurrency
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from pytest_floe import Finding, Plan, Probe, Settings, check, setting

from . import scratch_table
from .scratch_table import LIKE, PATTERN, Explain, Rows, literal, quoted

MEMORY = ":memory:"
_REMOTE = re.compile(r"^[A-Za-z][A-Za-z0-9]+:")
#: DuckDB tells these apart by their text alone.
_CAUSES = (
    ("Could not set lock", "operate.locked"),
    ("different configuration than existing", "operate.locked"),
    ("newer version of DuckDB", "operate.newer_version"),
    ("not a valid DuckDB database file", "operate.corrupt"),
    ("Corrupt database file", "operate.corrupt"),
    ("Is a directory", "operate.corrupt"),
    ("Permission denied", "authorize.denied"),
    ("No space left", "operate.out_of_space"),
    ("out of memory", "operate.exhausted"),
)


class DuckDBSettings(Settings):
    """Which database to open, and how. Without a path it is in memory."""

    path: str = setting(MEMORY, "File of the database; in memory (:memory:) if not given.")
    read_only: bool = setting(False, "Open the file for reading, as a workload does that shares it.")
    memory_limit: str | None = setting(None, "Upper limit of DuckDB's memory, such as 4GB.")
    extensions: tuple[Annotated[str, Field(pattern=r"^\w+$")], ...] = setting(
        (), "Extensions that must be installed; none is downloaded."
    )

    @model_validator(mode="after")
    def _is_a_local_database(self) -> Self:
        if self.path != MEMORY and _REMOTE.match(self.path):
            raise ValueError("path is an address: only files and :memory: can be checked")
        if self.read_only and (self.path == MEMORY or self.write):
            raise ValueError("read_only goes neither with :memory: nor with write: remove one")
        return self

    @property
    def file(self) -> Path | None:
        """The database's file; None in memory."""
        return None if self.path == MEMORY else Path(self.path).expanduser()


def plan(settings: DuckDBSettings) -> Plan:
    """Say what the check would touch."""
    file = settings.file
    if not file:
        return Plan(endpoint=MEMORY)
    return Plan(
        endpoint=str(file),
        reads=(str(file), str(file.parent)),
        creates=(f"TABLE {quoted(PATTERN)} in {file}",) if settings.write else (),
        needs=(f"{'read' if settings.read_only else 'read and write'} {file} and its directory",),
    )


@check("compute", "duckdb", settings=DuckDBSettings, plan=plan)
def verify(settings: DuckDBSettings, probe: Probe) -> None:
    """Look at the directory, open the database, compute, load the extensions, and with ``write`` fill a table."""
    sdk = probe.driver("duckdb", "duckdb")
    probe.reached = True  # there is no network that could be at fault
    if settings.file:
        _see_files(settings, settings.file, probe)
    with probe.step("operate.open", _explain(settings)):
        connection = _open(sdk, settings)
    with closing(connection):
        _compute(connection, settings, probe)
        for extension in settings.extensions:
            _load(connection, extension, probe)
        if probe.write:
            _write(sdk, connection, settings, probe)
    facts = probe.facts
    where = "" if _exists(settings.file) or not settings.file else ", which does not exist yet"
    probe.ok(f"DuckDB {facts['server_version']}, {facts['tables']} tables in {settings.path}{where}")


def _see_files(settings: DuckDBSettings, file: Path, probe: Probe) -> None:
    """Look at what opening needs, without opening: DuckDB would create the file."""
    folder = file.parent
    with probe.step("operate.directory"):
        if not folder.is_dir():
            probe.fail("operate.not_found", f"the directory {folder} does not exist", f"directory {folder}")
        if settings.read_only and not file.exists():
            probe.fail("operate.not_found", f"the file {file} does not exist", f"file {file}")
        if not settings.read_only:
            _expect_writable(folder, probe)
            if probe.write:
                _write_unnamed(folder, probe)
        if file.exists():
            _expect_usable(file, settings, probe)


def _expect_writable(folder: Path, probe: Probe) -> None:
    """DuckDB keeps its write-ahead log and temporary files beside the database."""
    if not _may(folder, os.W_OK | os.X_OK):
        probe.fail("authorize.write_denied", f"the directory {folder} can't be written", f"write on directory {folder}")


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _write_unnamed(folder: Path, probe: Probe) -> None:
    """Write a file that has no name, so that not even a kill leaves it behind."""
    with tempfile.TemporaryFile(dir=folder) as scratch:
        scratch.write(probe.signature.encode())
        scratch.flush()
        os.fsync(scratch.fileno())


def _expect_usable(file: Path, settings: DuckDBSettings, probe: Probe) -> None:
    if not _may(file, os.R_OK):
        probe.fail("authorize.read_denied", f"the file {file} can't be read", f"read on file {file}")
    if not settings.read_only and not _may(file, os.W_OK):
        probe.fail("authorize.write_denied", f"the file {file} can't be written", f"write on file {file}")


def _open(sdk: ModuleType, settings: DuckDBSettings) -> Any:
    config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    if settings.memory_limit:
        config["memory_limit"] = settings.memory_limit
    if not _exists(settings.file):
        return sdk.connect(MEMORY, config=config)
    return sdk.connect(str(settings.file), read_only=not settings.write, config=config)


def _exists(file: Path | None) -> bool:
    return bool(file and file.exists())


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


def _write(sdk: ModuleType, connection: Any, settings: DuckDBSettings, probe: Probe) -> None:
    def run(sql: str) -> Rows:
        rows: Rows = connection.execute(sql).fetchall()
        return rows

    def remove(sql: str) -> Rows:
        with closing(_open(sdk, settings)) as fresh:
            fresh.execute(sql)
        return ()

    with probe.step("operate.sweep", _explain(settings)):
        for name, comment in run(f"SELECT table_name, comment FROM duckdb_tables() WHERE table_name LIKE '{LIKE}'"):  # noqa: S608
            drop = f"DROP TABLE {quoted(str(name))}"
            probe.sweep(str(name), str(comment), lambda drop=drop: run(drop))  # type: ignore[misc]
    table = quoted(probe.canary_name("table"))
    create = f"CREATE TABLE {table} (id integer, note varchar); COMMENT ON TABLE {table} IS {literal(probe.signature)}"
    scratch_table.verify(probe, run, table, f"BEGIN; {create}; COMMIT", remove, lambda _: _explain(settings))


def _explain(settings: DuckDBSettings) -> Explain:
    def translate(error: Exception) -> Finding | None:
        text = " ".join(str(error).split())
        if type(error).__name__ == "ParserException":
            return Finding("config.invalid", text[:300], "duckdb.memory_limit")
        causes = (cause for part, cause in _CAUSES if part in text)
        cause = next(causes, None)
        return Finding(cause, text[:300], f"file {settings.path}") if cause else None

    return translate
