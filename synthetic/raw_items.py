"""Order items as they are delivered: those of the batch's own orders, late ones, and their defects."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .arrays import Coded, Money, as_text, instants, money, numbers, uuids
from .delivery import chosen
from .growth import PRODUCTS
from .ledger import Notes
from .order_items import Items, make_items
from .streams import look_up
from .uuids import uuid_text

if TYPE_CHECKING:
    from .delivery import Deliveries
    from .lateness import Sent
    from .pools import Pools
    from .quality import DataQuality
    from .schedules import Window
    from .streams import Ints, Mask, Streams
    from .uuids import Cells


@dataclass(frozen=True, slots=True)
class Lines:
    """Order items by item row, with the order (index into keys kept elsewhere) and the instant it was placed."""

    rows: Ints
    order: Ints
    placed: Ints
    values: Items

    def taking(self, rows: Ints) -> Lines:
        """Some of them, by position."""
        item_rows, order, placed = (look_up(column, rows) for column in (self.rows, self.order, self.placed))
        return Lines(item_rows, order, placed, self.values.taking(rows))


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Late items that come with a batch, and the batches they should have come with."""

    lines: Lines
    order_ids: Cells
    due: tuple[tuple[Window, int], ...]
    """Each batch with the number of lines due with it."""


class ItemSpoiler:
    """Applies the defects of order items."""

    def __init__(self, streams: Streams, quality: DataQuality, pools: Pools) -> None:
        self._streams, self._quality, self._pools = streams, quality, pools

    def arrivals(self, sent: list[Sent]) -> Arrivals | None:
        """Make the late items sent by earlier batches; their orders are numbered from 0."""
        if not sent:
            return None
        items = np.concatenate([s.late.items for s in sent])
        orders = np.concatenate([s.late.orders for s in sent])
        placed = np.concatenate([s.placed for s in sent])
        order_rows, order = np.unique(orders, return_inverse=True)
        values = make_items(self._streams, self._pools, items, order_rows, order)
        order_ids = uuid_text(self._streams["orders.id"].at(order_rows, 2))
        due = tuple((s.window, len(s.late.items)) for s in sent)
        return Arrivals(Lines(items, order, placed, values), order_ids, due)

    def spoil(self, lines: Lines, order_ids: Cells, newest_order: int, notes: Notes) -> RawItems:
        """Spoil the values of lines whose orders are numbered by `order_ids`."""
        keys = uuid_text(self._streams["order_items.id"].at(lines.rows, 2))
        products = self._products(lines, newest_order, notes)
        return RawItems(lines, keys, order_ids, products, self._has_discount(lines, notes))

    def _has_discount(self, lines: Lines, notes: Notes) -> Mask | None:
        at = chosen(self._streams, "order_items.null.discount", self._quality.null_rate, lines.rows)
        if not len(at):
            return None
        notes.add("null", "discount", at, money(lines.values.discount[at]))
        present = np.ones(len(lines.rows), dtype=np.bool_)
        present[at] = False
        return present

    def _products(self, lines: Lines, newest_order: int, notes: Notes) -> Coded:
        """Products by key; orphans get keys of their own."""
        catalogue = self._pools.catalogue(PRODUCTS.known(max(newest_order, 0))).ids
        products = lines.values.products
        orphans = chosen(self._streams, "order_items.orphan", self._quality.orphan_rate, lines.rows)
        if not len(orphans):
            return Coded(products, uuids(catalogue))
        notes.add("orphan", "product_id", orphans, uuids(catalogue[products[orphans]]))
        unknown = uuid_text(self._streams["order_items.orphan.key"].at(lines.rows[orphans], 2))
        products = products.copy()
        products[orphans] = len(catalogue) + np.arange(len(orphans))
        return Coded(products, uuids(np.concatenate((catalogue, unknown))))


@dataclass(frozen=True, slots=True)
class RawItems:
    """Candidate rows with their values spoiled."""

    lines: Lines
    keys: Cells
    order_ids: Cells
    products: Coded
    has_discount: Mask | None

    def delivered(self, deliveries: Deliveries) -> dict[str, pa.Array | Coded | Money]:
        """The data model's columns and `updated_at`, in the order of delivery."""
        lines = self.lines if deliveries.source is None else self.lines.taking(deliveries.source)
        present = None if self.has_discount is None else deliveries.of(self.has_discount)
        return {
            "order_item_id": uuids(deliveries.of(self.keys)),
            "order_id": Coded(lines.order, uuids(self.order_ids)),
            "product_id": Coded(deliveries.of(self.products.codes), self.products.words),
            "quantity": numbers(lines.values.quantity.astype(np.int32)),
            "unit_price": Money(lines.values.unit_price),
            "discount": Money(lines.values.discount, present),
            "subtotal": Money(lines.values.subtotal),
            "updated_at": instants(lines.placed),
        }


def joined(own: Lines, arrivals: Arrivals | None, order_ids: Cells) -> tuple[Lines, Cells]:
    """Arrivals, whose rows are lower, before a batch's own lines; and the keys both number their orders by."""
    if arrivals is None:
        return own, order_ids
    late = arrivals.lines
    values = Items(*(np.concatenate([getattr(v, f.name) for v in (late.values, own.values)]) for f in fields(Items)))
    order = np.concatenate((late.order + len(order_ids), own.order))
    rows, placed = (np.concatenate((getattr(late, name), getattr(own, name))) for name in ("rows", "placed"))
    return Lines(rows, order, placed, values), np.concatenate((order_ids, arrivals.order_ids))


def note_arrivals(notes: Notes, arrivals: Arrivals | None) -> None:
    """Note that the first candidate rows are late."""
    if arrivals is None:
        return
    due = np.repeat(np.arange(len(arrivals.due)), [count for _, count in arrivals.due])
    at, windows = np.arange(len(due)), [window for window, _ in arrivals.due]
    numbered = numbers(np.array([window.number for window in windows], dtype=np.int64))
    ended = instants(np.array([window.end for window in windows], dtype=np.int64))
    # Many lines name few batches: text is made once for each.
    notes.add("late", "_batch_id", at, as_text(numbered).take(numbers(due)))
    notes.add("late", "_ingested_at", at, as_text(ended).take(numbers(due)))
