"""Order items that arrive with a later batch than their order.

A late item takes one of four lanes. On a lane with blocks of G batches, batch p of one block delivers to batch
(a*p + c) mod G of the next, with a coprime to G: one to one, so both the target of a batch and the source of a batch
are found at once, and making a batch looks at no more than four earlier ones however long items may be late. A delay is
1 to 2G - 1 batches; blocks of 1, 4 and 32 batches and of half the permitted time give delays from the next batch to
`max_late_days`, most of them short, as late data are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from .order_items import make_baskets
from .orders import placed_at
from .streams import bits, chance, positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .order_items import Baskets
    from .quality import DataQuality
    from .schedules import Schedule, Window
    from .streams import Ints, Streams

_BLOCKS = (1, 4, 32, 1 << 40)
_LANE_BITS = 4
_LANE = np.repeat(np.arange(len(_BLOCKS)), [10, 4, 1, 1])


@dataclass(frozen=True, slots=True)
class Late:
    """Some late items, ascending: item rows, their order rows, and the batch that delivers each."""

    items: Ints
    orders: Ints
    target: Ints

    @classmethod
    def none(cls) -> Late:
        """No items."""
        return cls(*(np.zeros(0, dtype=np.int64) for _ in cls.__slots__))

    def taking(self, chosen: NDArray[np.bool_]) -> Late:
        """Some of them."""
        return self if chosen.all() else Late(self.items[chosen], self.orders[chosen], self.target[chosen])


@dataclass(frozen=True, slots=True)
class Sent:
    """Late items of one batch that arrive with another, and when their orders were placed."""

    window: Window
    late: Late
    placed: Ints


class Lateness:
    """Decides which items are late, and which batch delivers them."""

    def __init__(self, streams: Streams, quality: DataQuality, schedule: Schedule) -> None:
        self._streams, self._schedule = streams, schedule
        self._rate, self._max_late = quality.late_arrival_rate, quality.max_late
        longest_delay = max(1, self._max_late // schedule.longest_span()) if self._rate > 0 else 1
        self._blocks = [min(block, (longest_delay + 1) // 2) for block in _BLOCKS]
        self._window: Callable[[int], Window] = lru_cache(maxsize=64)(schedule.window)
        self._shuffle: Callable[[int, int], tuple[int, int]] = lru_cache(maxsize=64)(self._drawn_shuffle)

    def withheld(self, window: Window, baskets: Baskets) -> Late:
        """The items of some of a batch's orders that come with a later batch."""
        if self._rate <= 0:
            return Late.none()
        rows = baskets.item_rows
        words = self._streams["order_items.late"].at(rows)
        chosen = positions(chance(words, self._rate))
        orders = np.searchsorted(baskets.starts, rows[chosen], side="right") - 1 + baskets.first
        targets = np.array([self._target(lane, window.number) for lane in range(len(_BLOCKS))])
        lanes = _LANE[bits(words[chosen], 0, _LANE_BITS)]
        return self._in_time(window, Late(rows[chosen], orders, targets[lanes]))

    def arriving(self, window: Window) -> list[Sent]:
        """The items of earlier orders that come with this batch, by the batch they should have come with."""
        if self._rate <= 0:
            return []
        found = {self._source(lane, window.number) for lane in range(len(_BLOCKS))}
        sources = [self._window(source) for source in sorted(s for s in found if s is not None)]
        sent = [(source, self._sent(source, window.number)) for source in sources]
        return [Sent(source, late, self._placed(source, late)) for source, late in sent if len(late.items)]

    def _placed(self, window: Window, late: Late) -> Ints:
        return placed_at(self._streams, self._schedule, window, late.orders)

    def _sent(self, window: Window, target: int) -> Late:
        late = self.withheld(window, make_baskets(self._streams, window.first_row, window.end_row))
        return late.taking(late.target == target)

    def _in_time(self, window: Window, late: Late) -> Late:
        """Those whose target exists and begins within the permitted time after the order was placed."""
        if self._schedule.batches is not None:
            late = late.taking(late.target < self._schedule.batches)
        targets = np.unique(late.target)
        earliest = np.array([self._window(int(t)).begin - self._max_late for t in targets], dtype=np.int64)
        if (earliest <= window.begin).all():
            return late
        return late.taking(self._placed(window, late) >= earliest[np.searchsorted(targets, late.target)])

    def _target(self, lane: int, source: int) -> int:
        size = self._blocks[lane]
        block, place = divmod(source, size)
        factor, shift = self._shuffle(lane, block)
        return (block + 1) * size + (factor * place + shift) % size

    def _source(self, lane: int, target: int) -> int | None:
        size = self._blocks[lane]
        block, place = divmod(target, size)
        if block == 0:
            return None
        factor, shift = self._shuffle(lane, block - 1)
        return (block - 1) * size + (place - shift) * pow(factor, -1, size) % size

    def _drawn_shuffle(self, lane: int, block: int) -> tuple[int, int]:
        """Factor and shift of a block's shuffle."""
        size = self._blocks[lane]
        words = self._streams[f"order_items.late.lane{lane}"].words(block, 1, 2)[0]
        factor = int(words[0]) % size
        while gcd(factor, size) != 1:
            factor += 1
        return factor, int(words[1]) % size
