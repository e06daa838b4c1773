"""A DuckDB database: one transaction per batch, and no batch twice."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ..errors import TargetError  # noqa: TID252 - the folder is installed under another name
from ..provenance import Provenance, unknown  # noqa: TID252 - the folder is installed under another name
from ..schemas import COLUMNS, TABLES  # noqa: TID252 - the folder is installed under another name
from ..stopping import finished_first  # noqa: TID252 - the folder is installed under another name
from .drift import require_schemas
from .places import FORBIDDEN, FORBIDDEN_REMEDY, FULL, FULL_REMEDY, KEPT, explained, require_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from duckdb import DuckDBPyConnection

    from ..plan import Batch  # noqa: TID252

_SQL_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "int32": "INTEGER", "timestamp[us, tz=UTC]": "TIMESTAMPTZ"}


class DuckDBSink:
    """Tables named as the entities, in a database file; a context manager.

    Beside them `_batches` has the batches' numbers, and `_made_with` the settings that all of them were made with.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        require_plain(Path(path), r"\?", "DuckDB")
        with explained(str(path)):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        with _refusals(path):
            self._connection = duckdb.connect(str(path))

    def require(self, provenance: Provenance) -> None:
        """Raise TargetError unless the database has no batches yet, or was made with these settings."""
        with _refusals(self._path):
            self._is_described(self._connection, provenance)

    def append(self, batch: Batch) -> bool:
        """Add a batch; False if it is there already. Raises TargetError if the others were made with other settings."""
        return bool(self.add(batch))

    def add(self, batch: Batch) -> tuple[str, ...]:
        """As `append`; the tables that did not have the batch."""
        batch.require_whole()
        require_schemas(batch, str(self._path))
        with _refusals(self._path, KEPT), self._connection.cursor() as transaction:
            transaction.begin()
            if not self._is_described(transaction, batch.provenance):
                _describe(transaction, batch.provenance)
            if transaction.execute("FROM _batches WHERE batch = ?", [batch.number]).fetchone():
                return ()
            transaction.execute("INSERT INTO _batches VALUES (?)", [batch.number])
            for table in TABLES:
                transaction.register("arriving", getattr(batch, table))
                transaction.execute(f"INSERT INTO {table} BY NAME FROM arriving")
                transaction.unregister("arriving")
            transaction.commit()
        return TABLES

    def _is_described(self, connection: DuckDBPyConnection, provenance: Provenance) -> bool:
        """Whether the database says that it was made with these settings; False for an empty one."""
        found = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = current_schema()")
        tables = {name for (name,) in found.fetchall()}
        if "_made_with" in tables:
            there = Provenance.of(dict(connection.execute("FROM _made_with").fetchall()))
            provenance.require(there, str(self._path))
            return True
        if any(connection.execute(f"FROM {name} LIMIT 1").fetchone() for name in tables & {"_batches", *TABLES}):
            raise unknown(str(self._path))
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with finished_first():
            self._connection.close()


def _describe(transaction: DuckDBPyConnection, provenance: Provenance) -> None:
    """Make the tables, with what their batches are made with."""
    for table in TABLES:
        transaction.execute(f"CREATE TABLE IF NOT EXISTS {table} ({_columns(table)})")
    transaction.execute("CREATE TABLE IF NOT EXISTS _batches (batch BIGINT PRIMARY KEY)")
    transaction.execute("CREATE TABLE _made_with (setting VARCHAR PRIMARY KEY, value VARCHAR)")
    transaction.executemany("INSERT INTO _made_with VALUES (?, ?)", provenance.settings)


def _columns(table: str) -> str:
    return ", ".join(f'"{c.name}" {_SQL_TYPES.get(str(c.type), "DECIMAL(12, 2)")}' for c in COLUMNS[table])


@contextmanager
def _refusals(path: str | Path, besides: str = "") -> Iterator[None]:
    """Turn what DuckDB refuses into a sentence with a remedy; signals wait, as it takes them for an error or aborts."""
    try:
        with finished_first():
            yield
    except duckdb.Error as error:
        raise TargetError(f"{path}: {_sentence(str(error))}{besides}") from error


def _sentence(said: str) -> str:
    """DuckDB passes on the operating system's words, not its numbers."""
    for numbers, remedy in ((FULL, FULL_REMEDY), (FORBIDDEN, FORBIDDEN_REMEDY)):
        if any(os.strerror(number) in said for number in numbers):
            return remedy
    return f"DuckDB refuses: {said}"
