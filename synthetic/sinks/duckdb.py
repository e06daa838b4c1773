"""A DuckDB database: one transaction per batch, and no batch twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ..errors import TargetError  # noqa: TID252 - the folder is installed under another name
from ..schemas import COLUMNS, TABLES  # noqa: TID252 - the folder is installed under another name
from .places import FULL, FULL_REMEDY, explained

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from ..plan import Batch  # noqa: TID252

_SQL_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "int32": "INTEGER", "timestamp[us, tz=UTC]": "TIMESTAMPTZ"}


class DuckDBSink:
    """Tables named as the entities, in a database file; a context manager."""

    def __init__(self, path: str | Path) -> None:
        with explained(str(path)):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = duckdb.connect(str(path))
        except duckdb.Error as error:
            raise _refused(path, error) from error
        self._path = path
        for table in TABLES:
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({_columns(table)})")
        self._connection.execute("CREATE TABLE IF NOT EXISTS _batches (batch BIGINT PRIMARY KEY)")

    def append(self, batch: Batch) -> bool:
        """Add a batch; False if it is there already."""
        try:
            return self._append(batch)
        except duckdb.Error as error:
            raise _refused(self._path, error) from error

    def _append(self, batch: Batch) -> bool:
        known = self._connection.execute("FROM _batches WHERE batch = ?", [batch.number]).fetchone()
        if known:
            return False
        with self._connection.cursor() as transaction:
            transaction.begin()
            transaction.execute("INSERT INTO _batches VALUES (?)", [batch.number])
            for table in TABLES:
                transaction.register("arriving", getattr(batch, table))
                transaction.execute(f"INSERT INTO {table} BY NAME FROM arriving")
                transaction.unregister("arriving")
            transaction.commit()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()


def _columns(table: str) -> str:
    return ", ".join(f'"{c.name}" {_SQL_TYPES.get(str(c.type), "DECIMAL(12, 2)")}' for c in COLUMNS[table])


def _refused(path: str | Path, error: duckdb.Error) -> TargetError:
    if any(os.strerror(number) in str(error) for number in FULL):
        return TargetError(f"{path}: {FULL_REMEDY}. Whole batches already written are kept")
    return TargetError(f"{path}: DuckDB refuses: {error}. Whole batches already written are kept")
