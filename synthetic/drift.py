"""Batches in which a table has another schema than documented."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .arrays import repeated
from .ledger import Entries
from .streams import bits, chance

if TYPE_CHECKING:
    from .quality import DataQuality
    from .streams import Streams
    from .tables import Tables

_ANCHOR = -1
"""A schema is noted before the rows."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One way for a schema to change: a column of another type, or one more."""

    entity: str
    column: str
    type: pa.DataType
    value: str | None = None
    """What stands in every row of an additional column."""

    def apply(self, table: pa.Table) -> pa.Table:
        """The table with the drifted schema."""
        if self.value is not None:
            return table.append_column(self.column, repeated(self.value, len(table)))
        index = table.schema.get_field_index(self.column)
        field = table.schema.field(index).with_type(self.type)
        return table.set_column(index, field, table.column(index).cast(self.type))


_DRIFTS = (
    Drift("orders", "channel", pa.string(), "web"),
    Drift("order_items", "quantity", pa.int64()),
    Drift("orders", "total_amount", pa.decimal128(18, 4)),
    Drift("customers", "loyalty_tier", pa.string(), "none"),
)


def drift_of(streams: Streams, quality: DataQuality, batch: int) -> Drift | None:
    """How the schema of a batch drifts, if it does."""
    if not quality.schema_drift_rate:
        return None
    word = streams["batches.schema_drift"].words(batch, 1)
    return _DRIFTS[int(bits(word, 0, 2)[0])] if chance(word, quality.schema_drift_rate)[0] else None


def drifted(tables: Tables, drift: Drift) -> Tables:
    """The tables of a batch with one schema drifted."""
    return replace(tables, **{drift.entity: drift.apply(getattr(tables, drift.entity))})


def note_drift(drift: Drift, batch: int, schema: pa.Schema) -> Entries:
    """The line of the ledger, given the schema before: the column's type there, null if it had none."""
    known = drift.value is None
    before = repeated(str(schema.field(drift.column).type) if known else None, 1)
    return Entries(drift.entity, batch, "schema_drift", drift.column, np.array([_ANCHOR]), None, None, before)
