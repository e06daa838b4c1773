"""The record of everything that was spoiled, in one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrays import as_text
from .schemas import ENTITIES, SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .delivery import Deliveries
    from .streams import Ints, Mask

KINDS = ("null", "duplicate", "late", "withheld", "orphan", "out_of_order", "schema_drift")
"""What can be wrong.

null           a value is missing
duplicate      the row is delivered a second time
late           the row is delivered after its time: an order placed before the batch's window, an item of an earlier batch
withheld       an item missing from its order's batch; `row` is its clean position, `original` the batch that delivers it
orphan         the key names nothing that exists
out_of_order   the row stands after its place; `original` is its clean position
schema_drift   the table has another schema; `original` is the column's type, null for an extra column
"""


@dataclass(frozen=True, slots=True)
class Note:
    """One kind of defect in one column, at some candidate rows (indices), with what stood there."""

    kind: str
    column: str | None
    at: NDArray[np.intp]
    original: pa.Array | None = None


@dataclass(slots=True)
class Notes:
    """The defects of one table's candidate rows, before it is known where they are delivered."""

    entity: str
    taken: list[Note] = field(default_factory=list)

    def add(self, kind: str, column: str | None, at: NDArray[np.intp], original: pa.Array | None = None) -> None:
        """Note a defect at the candidate rows `at`, ascending; nothing is noted where there are none."""
        if len(at):
            self.taken.append(Note(kind, column, at, original))

    def add_changes(self, kind: str, column: str, changed: Mask, before: pa.Array) -> None:
        """Note the rows where a column has changed, given all its values before."""
        at = np.flatnonzero(changed)
        self.add(kind, column, at, before.take(pa.array(at)))


@dataclass(frozen=True, slots=True)
class Entries:
    """Lines of the ledger, and the order of the batch that each belongs to, which is what they are sorted by."""

    lines: pa.Table
    anchors: Ints


@dataclass(frozen=True, slots=True)
class Delivered:
    """A table as delivered: position of its first row in the batch's table; key and anchor of each row."""

    batch: int
    deliveries: Deliveries
    position: int
    keys: pa.Array
    anchors: Ints

    def entries(self, notes: Notes) -> list[Entries]:
        """The ledger of one table, duplicates of spoiled rows included."""
        found = [self._spoiled(notes.entity, note) for note in notes.taken]
        again, displaced = np.flatnonzero(self.deliveries.again), np.flatnonzero(self.deliveries.displaced)
        found.append(self._lines(notes.entity, "duplicate", None, again, None))
        origins = as_text(pa.array(self.deliveries.origin[displaced]))
        found.append(self._lines(notes.entity, "out_of_order", None, displaced, origins))
        return [entries for entries in found if len(entries.anchors)]

    def _spoiled(self, entity: str, note: Note) -> Entries:
        source = self.deliveries.source
        rank = np.minimum(np.searchsorted(note.at, source), len(note.at) - 1)
        rows = np.flatnonzero(note.at[rank] == source)
        original = None if note.original is None else as_text(note.original.take(pa.array(rank[rows])))
        return self._lines(entity, note.kind, note.column, rows, original)

    def _lines(self, entity: str, kind: str, column: str | None, rows: Ints, original: pa.Array | None) -> Entries:
        keys = self.keys.take(pa.array(rows))
        return lines(entity, self.batch, kind, column, self.anchors[rows], self.position + rows, keys, original)


def lines(
    entity: str,
    batch: int,
    kind: str,
    column: str | None,
    anchors: Ints,
    rows: Ints | None,
    keys: pa.Array | None,
    original: pa.Array | None,
) -> Entries:
    """Ledger lines of one kind in one column; None stands for nulls."""
    count = len(anchors)
    nothing = pa.nulls(count, pa.string())
    columns = [
        _repeated(entity, count),
        pa.array(np.full(count, batch, dtype=np.int64)),
        pa.nulls(count, pa.int64()) if rows is None else pa.array(rows),
        nothing if keys is None else keys,
        _repeated(kind, count),
        nothing if column is None else _repeated(column, count),
        nothing if original is None else original,
    ]
    return Entries(pa.Table.from_arrays(columns, schema=SCHEMAS["defects"]), anchors)


def _repeated(word: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(word, pa.string()), count)


def ledger(entries: Sequence[Entries]) -> pa.Table:
    """One table, in an order that does not depend on how the batch was sliced."""
    if not entries:
        return SCHEMAS["defects"].empty_table()
    table = pa.concat_tables([e.lines for e in entries])
    order = np.lexsort(
        (
            _rank(table["column"], None),
            _rank(table["kind"], KINDS),
            table["row"].fill_null(-1).to_numpy(),
            _rank(table["entity"], ENTITIES),
            np.concatenate([e.anchors for e in entries]),
        )
    )
    return table.take(pa.array(order)).combine_chunks()


def _rank(column: pa.ChunkedArray, words: Sequence[str] | None) -> Ints:
    """Rank of each value: in the given words, or in the schemas' columns."""
    known = words or sorted({name for schema in SCHEMAS.values() for name in schema.names} | {""})
    ranks: Ints = pc.index_in(column.fill_null(""), pa.array(known)).to_numpy()
    return ranks
