"""Which order items a slice delivers, in which order: its own less the withheld ones, then those that arrive late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .delivery import Deliveries, schedule_deliveries
from .order_items import first_item
from .streams import positions

if TYPE_CHECKING:
    from .lateness import Late, Lateness
    from .order_items import Baskets
    from .quality import DataQuality
    from .schedules import Window
    from .slices import Slice
    from .streams import Ints, Streams


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """The items of one slice.

    Places count the batch's clean items from 0; those that arrive late take the places behind them. `on_time` are
    positions among the candidates' items, None if none is withheld; `deliveries` refer to the late ones followed by
    those on time.
    """

    baskets: Baskets
    first_item_of_batch: int
    on_time: Ints | None
    withheld: Late
    deliveries: Deliveries

    def orders_at(self, places: Ints, window: Window) -> Ints:
        """The order of the batch, from 0, that each place belongs to; late ones belong behind the last."""
        rows = places + self.first_item_of_batch
        orders = np.searchsorted(self.baskets.starts, rows, side="right") - 1 + self.baskets.first
        return np.minimum(orders, window.end_row) - window.first_row


def plan_items(
    streams: Streams, quality: DataQuality, lateness: Lateness, piece: Slice, baskets: Baskets, arrivals: Ints
) -> ItemPlan:
    """Plan a slice, given the items of all orders it may deliver from, and the rows that arrive with it."""
    base, end = first_item(streams, piece.window.first_row), first_item(streams, piece.window.end_row)
    withheld = lateness.withheld(piece.window, baskets)
    rows = baskets.item_rows
    on_time = _all_but(withheld.items - rows[0], len(rows)) if len(withheld.items) else None
    if on_time is not None:
        rows = rows[on_time]
    places = rows - base
    if len(arrivals):
        rows = np.concatenate((arrivals, rows))
        places = np.concatenate((end - base + np.arange(len(arrivals)), places))
    last = end - base + len(arrivals) - 1
    deliveries = schedule_deliveries(streams, quality, "order_items", rows, places, last)
    first_place = first_item(streams, piece.first) - base
    end_place = last + 1 if piece.is_last else first_item(streams, piece.end) - base
    own = deliveries.within(first_place, end_place)
    return ItemPlan(baskets, base, on_time, withheld, own)


def _all_but(left_out: Ints, count: int) -> Ints:
    kept = np.ones(count, dtype=np.bool_)
    kept[left_out] = False
    return positions(kept)
