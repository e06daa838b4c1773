"""Orders as they are delivered: clean ones, with their defects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .arrays import Coded, Money, choice, instants, uuids
from .delivery import chosen
from .ledger import Note, Notes
from .orders import CANCELLED, DELIVERED, PROCESSING, SHIPPED, Snapshot
from .schemas import STATUSES
from .streams import bits, look_up, scaled, uniform
from .uuids import uuid_text

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from .delivery import Deliveries
    from .orders import Orders
    from .pools import Pools
    from .quality import DataQuality
    from .schedules import Window
    from .streams import Ints, Streams, Words
    from .uuids import Cells

_NEXT_STATUS = np.array([PROCESSING, SHIPPED, DELIVERED, DELIVERED, CANCELLED], dtype=np.int8)


@dataclass(frozen=True, slots=True)
class RawOrders:
    """Candidate rows with their values spoiled: keys, customers' key words, cents, instants.

    `unshipped` are positions of those whose shipped_date is null in whatever state they are delivered.
    """

    rows: Ints
    keys: Cells
    customers: Words
    total: Ints
    placed: Ints
    now: Snapshot
    unshipped: NDArray[np.intp]


class OrderSpoiler:
    """Applies the defects of orders."""

    def __init__(self, streams: Streams, quality: DataQuality, pools: Pools) -> None:
        self._streams, self._quality, self._pools = streams, quality, pools

    def spoil(self, clean: Orders, keys: Cells, total: Ints, window: Window) -> tuple[RawOrders, Notes]:
        """Spoil the values of orders with these keys; `total` is in cents."""
        notes = Notes("orders")
        rows = clean.rows
        placed = self._late(rows, clean.placed, window)
        now = clean.lives.as_of(placed, window.end)
        if placed is not clean.placed:
            _note_late(notes, clean, placed, now, window.end)
        customers = self._orphaned(rows, clean.customers, notes)
        unshipped = chosen(self._streams, "orders.null.shipped_date", self._quality.null_rate, rows)
        return RawOrders(rows, keys, customers, total, placed, now, unshipped), notes

    def _late(self, rows: Ints, placed: Ints, window: Window) -> Ints:
        """Move orders to before the window."""
        late = chosen(self._streams, "orders.late", self._quality.late_arrival_rate, rows)
        if not len(late):
            return placed
        before = uniform(self._streams["orders.late.by"].at(rows[late])) * self._quality.max_late
        moved = placed.copy()
        moved[late] = window.begin - 1 - before.astype(np.int64)
        return moved

    def _orphaned(self, rows: Ints, customers: Ints, notes: Notes) -> Words:
        known = self._pools.customer_keys(int(customers.max(initial=0)) + 1)
        keys = look_up(known, customers)
        orphans = chosen(self._streams, "orders.orphan", self._quality.orphan_rate, rows)
        if not len(orphans):
            return keys
        notes.add("orphan", "customer_id", orphans, uuids(uuid_text(keys[orphans])))
        keys[orphans] = self._streams["orders.orphan.key"].at(rows[orphans], 2)
        return keys

    def deliver(self, raw: RawOrders, deliveries: Deliveries, window: Window, notes: Notes) -> RawOrders:
        """The rows in the order they are delivered; a second delivery is later, and perhaps a step further."""
        unshipped, _ = deliveries.where(raw.unshipped)
        if deliveries.source is None:
            return replace(raw, now=_unshipped(raw.now, unshipped, notes))
        now = Snapshot(*(deliveries.of(getattr(raw.now, name)) for name in Snapshot.__slots__))
        rows, again = deliveries.of(raw.rows), deliveries.repeated
        if len(again):
            order = np.argsort(rows[again], kind="stable")
            _deliver_again(self._streams, now, rows[again][order], again[order], window.end)
        of, now = deliveries.of, _unshipped(now, unshipped, notes)
        return RawOrders(rows, of(raw.keys), of(raw.customers), of(raw.total), of(raw.placed), now, unshipped)


def _deliver_again(streams: Streams, now: Snapshot, rows: Ints, at: NDArray[np.intp], end: int) -> None:
    """Let the duplicates `at` be updated later, up to the end of the window."""
    words = streams["orders.duplicate.update"].at(rows)
    now.updated[at] += 1 + scaled(words, end - now.updated[at])
    before = now.status[at]
    after = np.where(bits(words, 0, 1) == 1, _NEXT_STATUS[before], before)
    now.status[at] = after
    shipped = at[(after == SHIPPED) & (before != SHIPPED)]
    now.shipped[shipped] = now.updated[shipped]
    now.is_shipped[shipped] = True


def _unshipped(now: Snapshot, at: NDArray[np.intp], notes: Notes) -> Snapshot:
    """Make shipped_date null where the rows `at`, as they are delivered, have been shipped."""
    at = at[now.is_shipped[at]]
    if not len(at):
        return now
    notes.delivered.append(Note("null", "shipped_date", at, instants(now.shipped[at])))
    is_shipped = now.is_shipped.copy()
    is_shipped[at] = False
    return replace(now, is_shipped=is_shipped)


def _note_late(notes: Notes, clean: Orders, placed: Ints, now: Snapshot, end: int) -> None:
    before = clean.lives.as_of(clean.placed, end)
    late = placed != clean.placed
    shipping = (before.is_shipped != now.is_shipped) | (now.is_shipped & late)
    notes.add_changes("late", "order_date", late, instants(clean.placed))
    notes.add_changes(
        "late", "status", before.status != now.status, choice(before.status, STATUSES).array(encoded=False)
    )
    notes.add_changes("late", "shipped_date", shipping, instants(before.shipped, before.is_shipped))
    notes.add_changes("late", "updated_at", before.updated != now.updated, instants(before.updated))


def order_columns(raw: RawOrders) -> dict[str, pa.Array | Coded | Money]:
    """The data model's columns and `updated_at`."""
    return {
        "order_id": uuids(raw.keys),
        "customer_id": uuids(uuid_text(raw.customers)),
        "status": choice(raw.now.status, STATUSES),
        "total_amount": Money(raw.total),
        "order_date": instants(raw.placed),
        "shipped_date": instants(raw.now.shipped, raw.now.is_shipped),
        "updated_at": instants(raw.now.updated),
    }
