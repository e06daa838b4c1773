"""Apache Iceberg tables: one snapshot per table and batch, and no batch twice."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    CommitStateUnknownException,
    NoSuchNamespaceError,
    NoSuchTableError,
)
from pyiceberg.utils.config import Config

from ..errors import SyntheticError, TargetError  # noqa: TID252 - the folder is installed under another name
from ..provenance import Provenance, unknown  # noqa: TID252 - the folder is installed under another name
from ..schemas import SCHEMAS, TABLES  # noqa: TID252 - the folder is installed under another name
from .drift import require_schemas
from .places import FULL_REMEDY, KEPT, explained, require_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

    from ..plan import Batch  # noqa: TID252

_BATCH = "floe.batch"
_APPEND = "floe.append"
_MADE_WITH = "floe.made-with"
_OWN_RETRIES = "commit.retry.num-retries"
_ATTEMPTS = 8
_FIRST_WAIT = 0.02
"""Seconds before the second attempt; doubled before each further one."""

_MISREAD = r"[?#\t\r\n]|%[0-9A-Fa-f]{2}"
"""What means something else in a URI; encoded it does not help, as PyArrow decodes and PyIceberg does not."""


def local_catalog(folder: str | Path) -> Catalog:
    """A catalog in a SQLite file, with its tables beside it; any other client must name it `local` too."""
    folder = Path(folder)
    require_plain(folder, _MISREAD, "Iceberg")
    with _refusals(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        place = folder.absolute()
        return load_catalog("local", type="sql", uri=f"sqlite:///{place}/catalog.sqlite", warehouse=f"file://{place}")


def named_catalog(name: str) -> Catalog:
    """A catalog of PyIceberg's configuration (.pyiceberg.yaml or PYICEBERG_CATALOG__NAME__... variables)."""
    place = f"catalog.{name} in .pyiceberg.yaml, or variables such as PYICEBERG_CATALOG__{name.upper()}__URI"
    if Config().get_catalog_config(name) is None:
        raise TargetError(
            f"--catalog {name}: PyIceberg's configuration has none of this name. It is looked for as {place}"
        )
    try:
        return load_catalog(name)
    except Exception as error:  # every kind of catalog has errors of its own
        said = " ".join(str(error).split()) or type(error).__name__
        raise TargetError(f"--catalog {name}: PyIceberg cannot open it: {said}. It is configured as {place}") from error


class IcebergSink:
    """Tables named as the entities in one namespace of a catalog.

    Each table gets a batch in one atomic snapshot, whose summary names the batch; the table's property
    `floe.made-with`, the settings all its batches were made with, comes with the first one. Iceberg has no transaction
    over several tables: after an interruption some tables may have the batch and others not, `defects` being last;
    appending it again completes it and doubles nothing. Of two writers with different settings, the one that is first
    with the first table goes on, and the other has written nothing.
    """

    def __init__(self, catalog: Catalog, namespace: str = "shop") -> None:
        self._catalog, self._namespace = catalog, namespace
        self._tables: dict[str, Table] = {}
        place = catalog.properties.get("warehouse")
        self._target = f"namespace {namespace} of Iceberg catalog {catalog.name}{f' ({place})' if place else ''}"

    def require(self, provenance: Provenance) -> None:
        """Raise TargetError unless every table has no batches yet, or was made with these settings."""
        with _refusals(self._target):
            for table in self._existing():
                self._is_described(table, provenance)

    def _existing(self) -> Iterator[Table]:
        for name in TABLES:
            with suppress(NoSuchTableError, NoSuchNamespaceError):
                yield self._catalog.load_table(f"{self._namespace}.{name}")

    def append(self, batch: Batch) -> bool:
        """Add a batch; False if every table has it. Raises TargetError if the others were made with other settings."""
        return bool(self.add(batch))

    def add(self, batch: Batch) -> tuple[str, ...]:
        """As `append`; the tables that did not have the batch."""
        batch.require_whole()
        require_schemas(batch, self._target)
        with _refusals(self._target, KEPT):
            if not self._tables:
                self.require(batch.provenance)
                self._tables = self._made()
            return tuple(name for name in TABLES if self._append(self._tables[name], getattr(batch, name), batch))

    def _made(self) -> dict[str, Table]:
        self._catalog.create_namespace_if_not_exists(self._namespace)
        identifiers = {name: f"{self._namespace}.{name}" for name in TABLES}
        return {name: self._catalog.create_table_if_not_exists(at, SCHEMAS[name]) for name, at in identifiers.items()}

    def _append(self, table: Table, rows: pa.Table, batch: Batch) -> bool:
        """Append unless it has been done, which is looked up again before every attempt.

        So a commit that succeeded although the answer was lost is not repeated, and what another writer has committed
        meanwhile is heeded.
        """
        append = uuid4().hex
        for attempt in range(_ATTEMPTS):
            table.refresh()
            described = self._is_described(table, batch.provenance)
            if _has(table, batch.number):
                return any(_says(snapshot, _APPEND, append) for snapshot in table.snapshots())
            # PyIceberg's own retries would put the rows on top of whatever has been committed meanwhile.
            table.metadata.properties[_OWN_RETRIES] = "0"
            try:
                with table.transaction() as transaction:
                    if not described:
                        transaction.set_properties({_MADE_WITH: batch.provenance.text})
                    transaction.append(rows, snapshot_properties={_BATCH: str(batch.number), _APPEND: append})
            except (CommitFailedException, CommitStateUnknownException):
                if attempt + 1 == _ATTEMPTS:
                    raise
                time.sleep(_FIRST_WAIT * 2**attempt)
            else:
                return True
        return False

    def _is_described(self, table: Table, provenance: Provenance) -> bool:
        """Whether a table says that it was made with these settings; False for an empty one."""
        there = table.properties.get(_MADE_WITH)
        if there is not None:
            provenance.require(Provenance.read(there), self._target)
            return True
        named = any(_says(snapshot, _BATCH) for snapshot in table.snapshots())
        if named or (table.snapshots() and table.scan(limit=1).to_arrow().num_rows):
            raise unknown(self._target)
        return False


@contextmanager
def _refusals(target: str, besides: str = "") -> Iterator[None]:
    """Turn what a catalog or its storage refuses into a sentence; every kind of them has errors of its own."""
    with explained(target):
        try:
            yield
        except (SyntheticError, OSError):
            raise
        except Exception as error:
            said = str(error).strip().partition("\n")[0] or type(error).__name__
            said = FULL_REMEDY if "disk is full" in said else f"catalog or storage refuses: {said}"
            raise TargetError(f"{target}: {said}{besides}") from error


def _has(table: Table, batch: int) -> bool:
    """Whether a snapshot names the batch, or a row does, where the snapshots do not tell of all rows."""
    if any(_says(snapshot, _BATCH, str(batch)) for snapshot in table.snapshots()):
        return True
    # Looking for rows takes longer with every batch.
    return not _tells_all(table) and table.scan(f"_batch_id = {batch}", limit=1).to_arrow().num_rows > 0


def _tells_all(table: Table) -> bool:
    """Whether each snapshot names its batch and none has expired: sequence numbers count all there have been."""
    snapshots = table.snapshots()
    made = getattr(table.metadata, "last_sequence_number", None)  # tables of format version 1 have none
    return len(snapshots) == made and all(_says(snapshot, _BATCH) for snapshot in snapshots)


def _says(snapshot: Snapshot, name: str, value: str | None = None) -> bool:
    """Whether a snapshot's summary has this value (None: any) under a name."""
    said = snapshot.summary.additional_properties.get(name) if snapshot.summary else None
    return said is not None and value in {None, said}
