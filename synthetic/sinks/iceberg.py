"""Apache Iceberg tables: one snapshot per table and batch, and no batch twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException, NoSuchTableError

from ..schemas import SCHEMAS, TABLES  # noqa: TID252 - the folder is installed under another name

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from ..plan import Batch  # noqa: TID252

_BATCH = "floe.batch"
_ATTEMPTS = 8


def local_catalog(folder: Path) -> Catalog:
    """A catalog in a SQLite file, with its tables beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder.absolute()
    return load_catalog("local", type="sql", uri=f"sqlite:///{place}/catalog.sqlite", warehouse=f"file://{place}")


def named_catalog(name: str) -> Catalog:
    """A catalog of PyIceberg's configuration (.pyiceberg.yaml or PYICEBERG_CATALOG__NAME__... variables)."""
    return load_catalog(name)


class IcebergSink:
    """Tables named as the entities in one namespace of a catalog.

    Each table gets a batch in one atomic snapshot, whose summary names the batch. Iceberg has no transaction over
    several tables: after an interruption some tables may have the batch and others not, `defects` being last; appending
    it again completes it and doubles nothing.
    """

    def __init__(self, catalog: Catalog, namespace: str = "shop") -> None:
        catalog.create_namespace_if_not_exists(namespace)
        self._tables = {name: _table(catalog, f"{namespace}.{name}", SCHEMAS[name]) for name in TABLES}

    def append(self, batch: Batch) -> bool:
        """Add a batch; False if every table has it already."""
        added = [_append(self._tables[name], getattr(batch, name), batch.number) for name in TABLES]
        return any(added)


def _table(catalog: Catalog, identifier: str, schema: pa.Schema) -> Table:
    try:
        return catalog.load_table(identifier)
    except NoSuchTableError:
        return catalog.create_table_if_not_exists(identifier, schema)


def _append(table: Table, rows: pa.Table, batch: int) -> bool:
    """Append unless it has been done, which is looked up again before every attempt.

    So a commit that succeeded although the answer was lost is not repeated.
    """
    for attempt in range(_ATTEMPTS):
        table.refresh()
        if _has(table, batch):
            return False
        try:
            table.append(rows, snapshot_properties={_BATCH: str(batch)})
        except (CommitFailedException, CommitStateUnknownException):
            if attempt + 1 == _ATTEMPTS:
                raise
        else:
            return True
    return False


def _has(table: Table, batch: int) -> bool:
    """Whether a snapshot names the batch, or, once snapshots have expired, a row does."""
    if any(_names(snapshot.summary, batch) for snapshot in table.snapshots()):
        return True
    return bool(table.snapshots()) and table.scan(f"_batch_id = {batch}", limit=1).to_arrow().num_rows > 0


def _names(summary: object, batch: int) -> bool:
    return summary is not None and summary.additional_properties.get(_BATCH) == str(batch)  # type: ignore[attr-defined]
