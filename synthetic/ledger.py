"""The record of everything that was spoiled, in one table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .arrays import as_text, choice, numbers, repeated
from .schemas import EMPTY, ENTITIES, SCHEMAS
from .streams import positions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .delivery import Deliveries
    from .streams import Ints, Mask

KINDS = ("null", "duplicate", "late", "withheld", "orphan", "out_of_order", "schema_drift")
"""What can be wrong.

null           a value is missing
duplicate      the row is delivered a second time, up to 63 places of the clean table later
late           the row comes after its time: an order placed before the batch's window, an item of an earlier batch
withheld       an item missing from its order's batch; `row` is its clean position, `original` the batch that has it
orphan         the key names nothing that exists
out_of_order   the row is delivered up to 63 places of the clean table late; `original` is its clean position
schema_drift   the table has another schema; `original` is the column's type, null for an extra column
"""


@dataclass(frozen=True, slots=True)
class Note:
    """One kind of defect in one column, at some rows (indices), with what stood there.

    The rows are candidates as long as it is not known where they are delivered, then those delivered.
    """

    kind: str
    column: str | None
    at: NDArray[np.intp]
    original: pa.Array | None = None


@dataclass(slots=True)
class Notes:
    """The defects of one table's candidate rows, before it is known where they are delivered.

    `delivered` are those of rows as they are delivered, whose `at` are positions among the deliveries.
    """

    entity: str
    taken: list[Note] = field(default_factory=list)
    delivered: list[Note] = field(default_factory=list)

    def add(self, kind: str, column: str | None, at: NDArray[np.intp], original: pa.Array | None = None) -> None:
        """Note a defect at the candidate rows `at`, ascending; nothing is noted where there are none."""
        if len(at):
            self.taken.append(Note(kind, column, at, original))

    def add_changes(self, kind: str, column: str, changed: Mask, before: pa.Array) -> None:
        """Note the rows where a column has changed, given all its values before."""
        at = positions(changed)
        self.add(kind, column, at, before.take(numbers(at)))


@dataclass(frozen=True, slots=True)
class Entries:
    """Lines of the ledger of one kind in one column; None stands for nulls.

    `anchors` are the orders of the batch, from 0, that the lines belong to: what they are sorted by.
    """

    entity: str
    batch: int
    kind: str
    column: str | None
    anchors: Ints
    rows: Ints | None
    keys: pa.Array | None
    original: pa.Array | None

    def __len__(self) -> int:
        return len(self.anchors)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A table as delivered: position of its first row in the batch's table, and the key of each row.

    `anchors` gives those of some rows: few rows are spoiled, and anchors take work to find.
    """

    batch: int
    deliveries: Deliveries
    position: int
    keys: pa.Array
    anchors: Callable[[NDArray[np.intp]], Ints]

    def entries(self, notes: Notes) -> list[Entries]:
        """The ledger of one table, duplicates of spoiled rows included."""
        found = [self._delivered(note) for note in notes.taken] + notes.delivered
        again, displaced = self.deliveries.repeated, self.deliveries.displaced
        found.append(Note("duplicate", None, again))
        if len(displaced):
            found.append(Note("out_of_order", None, displaced, numbers(self.deliveries.origin[displaced])))
        return self._placed(notes.entity, [note for note in found if len(note.at)])

    def _delivered(self, note: Note) -> Note:
        rows, rank = self.deliveries.where(note.at)
        original = None if note.original is None else note.original.take(numbers(rank))
        return replace(note, at=rows, original=original)

    def _placed(self, entity: str, notes: list[Note]) -> list[Entries]:
        """Keys and anchors of all notes are looked up together: each look-up costs as much as hundreds of rows."""
        if not notes:
            return []
        rows = np.concatenate([note.at for note in notes])
        keys, anchors = self.keys.take(numbers(rows)), self.anchors(rows)
        entries, first = [], 0
        for note in notes:
            part = slice(first, first + len(note.at))
            first = part.stop
            at = self.position + note.at
            original = None if note.original is None else as_text(note.original)
            entries.append(Entries(entity, self.batch, note.kind, note.column, anchors[part], at, keys[part], original))
        return entries


_NO_ROW = np.array([-1])
_COLUMNS = (*sorted({c for s in SCHEMAS.values() for c in s.names} | {"channel", "loyalty_tier"}), None)
"""Every column that can be spoiled, and none."""


def ledger(entries: Sequence[Entries]) -> pa.Table:
    """One table, in an order that does not depend on how the batch was sliced."""
    if not entries:
        return EMPTY["defects"]
    counts = [len(e) for e in entries]
    entity = np.repeat([ENTITIES.index(e.entity) for e in entries], counts)
    kind = np.repeat([KINDS.index(e.kind) for e in entries], counts)
    column = np.repeat([_COLUMNS.index(e.column) for e in entries], counts)
    rows = np.concatenate([_NO_ROW if e.rows is None else e.rows for e in entries])
    order = np.lexsort((column, kind, rows, entity, np.concatenate([e.anchors for e in entries])))
    rows, batches = rows[order], np.full(len(order), entries[0].batch)
    columns = [
        choice(entity[order], ENTITIES).array(encoded=False),
        numbers(batches),
        numbers(rows, rows >= 0),
        _texts([e.keys for e in entries], counts, order),
        choice(kind[order], KINDS).array(encoded=False),
        choice(column[order], _COLUMNS).array(encoded=False),
        _texts([e.original for e in entries], counts, order),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMAS["defects"])


def _texts(several: Sequence[pa.Array | None], counts: Sequence[int], order: NDArray[np.intp]) -> pa.Array:
    present = [repeated(None, n) if one is None else one for one, n in zip(several, counts, strict=True)]
    return pa.concat_arrays(present).take(numbers(order))
