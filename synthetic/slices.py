"""Making a slice of a batch: the one place where the tables come together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .arrays import as_text, instants, numbers, uuids, without
from .customers import customer_columns
from .delivery import REACH, Deliveries, chosen, schedule_deliveries
from .drift import drift_of, drifted, note_drift
from .growth import CUSTOMERS, PRODUCTS
from .item_deliveries import ItemPlan, plan_items
from .lateness import Lateness
from .ledger import Delivered, Entries, Notes, ledger
from .order_items import Baskets, make_baskets, make_items, totals
from .orders import make_orders
from .products import product_columns
from .raw_items import ItemSpoiler, Lines, joined, note_arrivals
from .raw_orders import OrderSpoiler, order_columns
from .schemas import EMPTY, ENTITIES, SCHEMAS, TABLES
from .streams import look_up
from .tables import Tables
from .uuids import uuid_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from .arrays import Coded, Money
    from .orders import Orders
    from .pools import Pools
    from .quality import DataQuality
    from .schedules import Schedule, Window
    from .streams import Ints, Streams
    from .uuids import Cells

    _Noted = Callable[[], list[Entries]]
    """Makes the lines of the ledger, which not everybody wants."""


Columns = dict[str, "pa.Array | Coded | Money"]
_NO_ROWS: Ints = np.zeros(0, dtype=np.int64)
_COUNTED_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class Slice:
    """Orders `first` to `end - 1` of a window."""

    window: Window
    first: int
    end: int

    @property
    def is_first(self) -> bool:
        """Whether the batch begins here."""
        return self.first == self.window.first_row and self._holds_an_end

    @property
    def orders(self) -> int:
        """How many, before duplicates."""
        return self.end - self.first

    @property
    def opens_shop(self) -> bool:
        """Whether the customers and products the shop opens with come with this slice."""
        return self.is_first and self.window.number == 0

    def before(self) -> Iterator[Slice]:
        """The rest of the batch before this slice, in slices of a size that fits into memory."""
        for first in range(self.window.first_row, self.first, _COUNTED_AT_ONCE):
            yield Slice(self.window, first, min(first + _COUNTED_AT_ONCE, self.first))

    @property
    def is_last(self) -> bool:
        """Whether the batch ends here."""
        return self.end == self.window.end_row and self._holds_an_end

    @property
    def _holds_an_end(self) -> bool:
        """A slice without orders does not, unless the batch has none: what comes beside the orders would come twice."""
        return self.orders > 0 or self.window.orders == 0


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Clean orders a slice may deliver, with their keys and all their items."""

    orders: Orders
    keys: Cells
    baskets: Baskets
    lines: Lines


class Maker:
    """Makes any slice of any batch of one schedule."""

    def __init__(self, streams: Streams, quality: DataQuality, schedule: Schedule, pools: Pools) -> None:
        self._streams, self._quality, self._schedule, self._pools = streams, quality, schedule, pools
        self._lateness = Lateness(streams, quality, schedule)
        self._order_spoiler = OrderSpoiler(streams, quality, pools)
        self._item_spoiler = ItemSpoiler(streams, quality, pools)

    def tables(self, piece: Slice, *, encoded: bool = False, only: Collection[str] = TABLES) -> Tables:
        """The rows of a slice; `encoded` leaves repeated text as dictionary arrays, tables not in `only` are empty."""
        noting = "defects" in only
        entities = [name for name in ENTITIES if noting or name in only]
        columns, noted = self._columns(piece, entities, self._delivered_before(piece) if noting else (0, 0))
        made = EMPTY | {
            name: _table(name, columns[name], piece.window, encoded=encoded) for name in entities if name in only
        }
        drift = drift_of(self._streams, self._quality, piece.window.number)
        if noting:
            entries = [entry for entries in noted for entry in entries()]
            if drift and piece.is_first:
                entries.append(note_drift(drift, piece.window.number, SCHEMAS[drift.entity]))
            made["defects"] = ledger(entries)
        tables = Tables(**made)
        return drifted(tables, drift) if drift else tables

    def _columns(
        self, piece: Slice, entities: Collection[str], before: tuple[int, int]
    ) -> tuple[dict[str, Columns], list[_Noted]]:
        """The columns of some entities, and their ledger; `before`: how many orders and items come before them."""
        columns: dict[str, Columns] = {}
        noted: list[_Noted] = []
        if "customers" in entities:
            columns["customers"], found = self._customers(piece)
            noted.append(found)
        if "products" in entities:
            columns["products"] = self._products(piece)
        candidates = self._candidates(piece) if "orders" in entities or "order_items" in entities else None
        if candidates and "orders" in entities:
            columns["orders"], found = self._orders(piece, candidates, before[0])
            noted.append(found)
        if candidates and "order_items" in entities:
            columns["order_items"], found = self._items(piece, candidates, before[1])
            noted.append(found)
        return columns, noted

    def _first_candidate(self, piece: Slice) -> int:
        reach = 0 if self._quality.keeps_order else REACH
        return max(piece.window.first_row, piece.first - reach)

    def _candidates(self, piece: Slice) -> _Candidates:
        first = self._first_candidate(piece)
        baskets = make_baskets(self._streams, first, piece.end)
        orders = make_orders(self._streams, self._schedule, piece.window, first, piece.end)
        order, rows = baskets.orders, baskets.item_rows
        items = make_items(self._streams, self._pools, rows, orders.rows, order)
        return _Candidates(
            orders,
            uuid_text(self._streams["orders.id"].words(first, piece.end - first, 2)),
            baskets,
            Lines(rows, order, look_up(orders.placed, order), items),
        )

    def _customers(self, piece: Slice) -> tuple[Columns, _Noted]:
        first, end = CUSTOMERS.between(piece.first, piece.end, opening=piece.opens_shop)
        earliest, _ = CUSTOMERS.between(piece.window.first_row, piece.end, opening=piece.window.number == 0)
        columns = customer_columns(self._streams, self._schedule, piece.window, first, end)
        rows = np.arange(first, end)
        at = chosen(self._streams, "customers.null.email", self._quality.null_rate, rows)
        notes = Notes("customers")
        if len(at):
            notes.add("null", "email", at, columns["email"].take(numbers(at)))
            columns["email"] = without(columns["email"], at)
        delivered = Delivered(
            piece.window.number,
            Deliveries.in_order(rows),
            first - earliest,
            columns["customer_id"],
            lambda at: piece.window.place_of(CUSTOMERS.first_order(rows[at])),
        )
        return columns, partial(delivered.entries, notes)

    def _products(self, piece: Slice) -> Columns:
        first, end = PRODUCTS.between(piece.first, piece.end, opening=piece.opens_shop)
        return product_columns(self._streams, self._schedule, piece.window, first, end)

    def _orders(self, piece: Slice, candidates: _Candidates, before: int) -> tuple[Columns, _Noted]:
        amounts = totals(candidates.lines.values.subtotal, candidates.baskets)
        raw, notes = self._order_spoiler.spoil(candidates.orders, candidates.keys, amounts, piece.window)
        deliveries = self._order_deliveries(piece)
        columns = order_columns(self._order_spoiler.deliver(raw, deliveries, piece.window, notes))
        delivered = Delivered(
            piece.window.number, deliveries, before, columns["order_id"], lambda at: deliveries.place[at]
        )
        return columns, partial(delivered.entries, notes)

    def _order_deliveries(self, piece: Slice) -> Deliveries:
        rows = np.arange(self._first_candidate(piece), piece.end)
        places = rows - piece.window.first_row
        last = piece.window.orders - 1
        deliveries = schedule_deliveries(self._streams, self._quality, "orders", rows, places, last)
        first = piece.first - piece.window.first_row
        return deliveries.within(first, last + 1 if piece.is_last else first + piece.orders)

    def _items(self, piece: Slice, candidates: _Candidates, before: int) -> tuple[Columns, _Noted]:
        sent = self._lateness.arriving(piece.window) if piece.is_last else []
        arrivals = self._item_spoiler.arrivals(sent)
        plan = self._item_plan(piece, candidates.baskets, arrivals.lines.rows if arrivals else _NO_ROWS)
        own = candidates.lines if plan.on_time is None else candidates.lines.taking(plan.on_time)
        lines, order_ids = joined(own, arrivals, candidates.keys)
        notes = Notes("order_items")
        note_arrivals(notes, arrivals)
        spoiled = self._item_spoiler.spoil(lines, order_ids, piece.end - 1, notes)
        columns = spoiled.delivered(plan.deliveries)
        delivered = Delivered(
            piece.window.number,
            plan.deliveries,
            before,
            columns["order_item_id"],
            lambda at: plan.orders_at(plan.deliveries.place[at], piece.window),
        )
        return columns, lambda: [*delivered.entries(notes), *self._withheld(piece, plan)]

    def _item_plan(self, piece: Slice, baskets: Baskets, arrivals: Ints) -> ItemPlan:
        return plan_items(self._streams, self._quality, self._lateness, piece, baskets, arrivals)

    def _withheld(self, piece: Slice, plan: ItemPlan) -> list[Entries]:
        late = plan.withheld
        late = late.taking(late.orders >= piece.first)
        if not len(late.items):
            return []
        keys = uuids(uuid_text(self._streams["order_items.id"].at(late.items, 2)))
        places = late.items - plan.first_item_of_batch
        anchors = late.orders - piece.window.first_row
        targets = as_text(numbers(late.target))
        return [Entries("order_items", piece.window.number, "withheld", None, anchors, places, keys, targets)]

    def _delivered_before(self, piece: Slice) -> tuple[int, int]:
        """How many orders and order items of the batch are delivered before this slice."""
        orders = items = 0
        for earlier in piece.before():
            baskets = make_baskets(self._streams, self._first_candidate(earlier), earlier.end)
            orders += len(self._order_deliveries(earlier).place)
            items += len(self._item_plan(earlier, baskets, _NO_ROWS).deliveries.place)
        return orders, items


def _table(name: str, columns: Columns, window: Window, *, encoded: bool) -> pa.Table:
    """Columns in the schema's order, with the technical ones."""
    arrays = [c if isinstance(c, pa.Array) else c.array(encoded=encoded) for c in columns.values()]
    rows = len(arrays[0])
    arrays += [numbers(np.full(rows, window.number)), instants(np.full(rows, window.end))]
    return pa.Table.from_arrays(arrays, schema=_encoded_schema(name, arrays) if encoded else SCHEMAS[name])


def _encoded_schema(name: str, arrays: list[pa.Array]) -> pa.Schema:
    """The types that were made; whether a column can hold a null is as documented."""
    return pa.schema([f.with_type(array.type) for f, array in zip(SCHEMAS[name], arrays, strict=True)])
