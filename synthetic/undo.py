"""Undoing what the ledger records: spoiled batches back into clean ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrays import flags, from_text, numbers, words
from .errors import LedgerError
from .schemas import EMPTY, ENTITIES, SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .plan import Batch
    from .streams import Ints

_CELLS = ("null", "orphan", "late")
"""Kinds that changed cells, the last change first."""


def restore(batches: Iterable[Batch]) -> list[Batch]:
    """The clean batches behind spoiled ones, by their ledgers alone.

    Late order items go back to the batch of their order, if that is among the given ones. Items that a batch withheld
    and that none of the given batches delivers cannot be brought back; give enough later batches. Raises LedgerError
    where a ledger does not fit its tables.
    """
    repaired = [_repaired(batch) for batch in batches]
    late = [_late_items(batch) for batch in repaired]
    return [_cleaned(batch, late) for batch in repaired]


def _lines(batch: Batch, entity: str, *kinds: str) -> pa.Table:
    defects = batch.defects
    chosen = pc.and_(pc.equal(defects["entity"], entity), pc.is_in(defects["kind"], words(kinds)))
    return defects.filter(chosen).sort_by("row")


def _rows(lines: pa.Table) -> Ints:
    rows: Ints = lines["row"].to_numpy()
    return rows


def _repaired(batch: Batch) -> Batch:
    """All cells as they were; rows still as delivered."""
    return replace(batch, **{name: _with_cells(_undrifted(batch, name), batch, name) for name in ENTITIES})


def _undrifted(batch: Batch, entity: str) -> pa.Table:
    table = getattr(batch, entity)
    for line in _lines(batch, entity, "schema_drift").to_pylist():
        if line["original"] is None:
            table = table.drop_columns([line["column"]])
    return table.cast(SCHEMAS[entity])


def _with_cells(table: pa.Table, batch: Batch, entity: str) -> pa.Table:
    for kind in _CELLS:
        lines = _lines(batch, entity, kind)
        for column in pc.unique(lines["column"]).to_pylist():
            of_column = lines.filter(pc.equal(lines["column"], column))
            table = _with_column(table, column, of_column)
    return table


def _with_column(table: pa.Table, column: str, lines: pa.Table) -> pa.Table:
    index, rows = table.schema.get_field_index(column), _rows(lines)
    key = table.column(0).take(numbers(rows)) if rows.max() < len(table) else None
    if key is None or not key.equals(lines["key"]):
        raise LedgerError(f"the ledger's lines for {column} do not fit the table: other keys stand in those rows")
    spoiled = np.zeros(len(table), dtype=np.bool_)
    spoiled[rows] = True
    original = from_text(lines["original"].combine_chunks(), table.schema.field(index).type)
    current = table.column(index).combine_chunks()
    return table.set_column(index, table.schema.field(index), pc.replace_with_mask(current, flags(spoiled), original))


def _late_items(batch: Batch) -> pa.Table:
    """The repaired late items of a batch, which carry the number of the batch they belong to."""
    items = batch.order_items
    return items.filter(
        flags(_mask(len(items), _late_rows(batch)) & ~_mask(len(items), _duplicates(batch, "order_items")))
    )


def _late_rows(batch: Batch) -> Ints:
    return _rows(_lines(batch, "order_items", "late"))


def _duplicates(batch: Batch, entity: str) -> Ints:
    return _rows(_lines(batch, entity, "duplicate"))


def _mask(length: int, rows: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    mask = np.zeros(length, dtype=np.bool_)
    mask[rows] = True
    return mask


def _cleaned(batch: Batch, late: list[pa.Table]) -> Batch:
    items = _in_place(batch, "order_items", _late_rows(batch), _returned(batch, late))
    return replace(
        batch,
        orders=_in_place(batch, "orders", np.zeros(0, dtype=np.int64), EMPTY["orders"]),
        order_items=items,
        defects=EMPTY["defects"],
    )


def _returned(batch: Batch, late: list[pa.Table]) -> pa.Table:
    """The late items that belong to a batch, in the order in which its ledger lists them."""
    belonging = pa.concat_tables([table.filter(pc.equal(table["_batch_id"], batch.number)) for table in late])
    where = pc.index_in(_lines(batch, "order_items", "withheld")["key"], belonging["order_item_id"].combine_chunks())
    return belonging.take(where.drop_null())


def _in_place(batch: Batch, entity: str, elsewhere: Ints, returned: pa.Table) -> pa.Table:
    """Rows at their clean positions: displaced and returned ones where the ledger says, the rest in order between."""
    table = getattr(batch, entity)
    displaced = _lines(batch, entity, "out_of_order")
    gone = _mask(len(table), elsewhere) | _mask(len(table), _duplicates(batch, entity))
    moved = _mask(len(table), _rows(displaced))
    homes = displaced.filter(flags(~gone[_rows(displaced)]))["original"].cast(pa.int64()).to_numpy()
    withheld = _lines(batch, entity, "withheld")
    found = pc.is_in(withheld["key"], returned.column(0).combine_chunks()).to_numpy()
    fixed = np.concatenate((homes, _rows(withheld)[found]))
    missing = _rows(withheld)[~found]
    steady = table.filter(flags(~gone & ~moved))
    total = len(steady) + len(fixed) + len(missing)
    free = np.flatnonzero(~_mask(total, np.concatenate((fixed, missing))))
    rows = pa.concat_tables([steady, table.filter(flags(~gone & moved)), returned])
    return rows.take(numbers(np.argsort(np.concatenate((free, fixed)), kind="stable"))).combine_chunks()
