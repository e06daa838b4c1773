"""Which orders and which stretch of time make up batch k, and when each order is placed.

Two kinds of schedule. With `EvenSchedule` every batch has the same number of orders, which follow each region's own
curve inside the batch's window: nothing but times depends on how many orders a batch has. With `CurveSchedule` the
orders are laid on one timeline that follows the world's curve, and batches are cut out of it by the clock or by number
of orders: not even when an order is placed depends on the cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .demand import WEEK_HOURS, Demand, regional_weights, world_weights
from .distributions import DAY, HOUR
from .regions import REGIONS, SHARES
from .streams import look_up, positions, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .streams import Floats, Ints, Stream

    Regions = NDArray[np.int8]

_WITHIN_STRETCH = 255 / 256
"""An order keeps off the far end of its stretch of time, so that rounding moves none over the edge of a window."""

_LAST_INSTANT = 253_402_300_799_999_999
"""The end of the year 9999, microseconds since 1970."""

_CUTS_AT_ONCE = 1 << 16

REGION_BITS = 10
_REGION_SLOTS = 1 << REGION_BITS


@dataclass(frozen=True, slots=True)
class Window:
    """Batch `number`: orders first_row to end_row - 1, placed in [begin, end), microseconds since 1970."""

    number: int
    first_row: int
    end_row: int
    begin: int
    end: int

    @property
    def orders(self) -> int:
        """How many orders, before duplicates."""
        return self.end_row - self.first_row

    def place_of(self, rows: Ints) -> Ints:
        """The orders' positions in the batch, from 0; those of earlier batches count as the first."""
        return np.maximum(rows, self.first_row) - self.first_row


class Schedule(Protocol):
    """Where orders lie in time."""

    batches: int | None
    """How many there are, where the schedule has an end."""

    last_number: int
    """No batch has a higher number; where the schedule has no end, none later can be told as a date."""

    def longest_span(self) -> int:
        """No window is longer than this, in microseconds; may have to look at all of them."""

    def window(self, number: int) -> Window:
        """Batch `number`, from 0."""

    def place(self, window: Window, rows: Ints, picks: NDArray[np.intp]) -> tuple[Ints, Regions]:
        """When, and in which region, the given orders of a window (ascending) are placed."""

    def not_after(self, window: Window, rows: Ints, regions: Regions | None) -> Ints:
        """An instant in the window not after any order of the same region from these rows on (None: any region)."""


class EvenSchedule:
    """`orders` orders in every stretch of `span` microseconds from `start` on."""

    batches: int | None = None

    def __init__(self, start: int, span: int, orders: int, jitter: Stream) -> None:
        self._span = span
        self.last_number = _last_number(start, span)
        self._start, self._orders, self._jitter = start, orders, jitter
        self._demands = [Demand(regional_weights(r), start) for r in range(len(REGIONS))]

    def longest_span(self) -> int:
        return self._span

    def window(self, number: int) -> Window:
        begin = self._start + number * self._span
        first = number * self._orders
        return Window(number, first, first + self._orders, begin, begin + self._span)

    def place(self, window: Window, rows: Ints, picks: NDArray[np.intp]) -> tuple[Ints, Regions]:
        regions = look_up(_steady_mix(), picks)
        return self._instants(window, _jittered(rows, self._jitter) - window.first_row, regions), regions

    def not_after(self, window: Window, rows: Ints, regions: Regions | None) -> Ints:
        places = (rows - window.first_row).astype(np.float64)
        if regions is not None:
            return self._instants(window, places, regions)
        earliest: Ints = np.minimum.reduce([self._within(window, places, demand) for demand in self._demands])
        return earliest

    def _instants(self, window: Window, places: Floats, regions: Regions) -> Ints:
        instants = np.empty(len(places), dtype=np.int64)
        for region, demand in enumerate(self._demands):
            of_region = positions(regions == region)
            if len(of_region):
                instants[of_region] = self._within(window, places[of_region], demand)
        return instants

    def _within(self, window: Window, places: Floats, demand: Demand) -> Ints:
        opening = demand.until(window.begin)
        each = (demand.until(window.end) - opening) / max(window.orders, 1)
        return demand.instants(opening + places * each, window.begin, window.end)


class CurveSchedule:
    """Orders along the world's demand, `per_order` weight-hours apart, cut into windows of `span` microseconds."""

    batches: int | None = None

    def __init__(self, start: int, span: int, per_order: float, jitter: Stream) -> None:
        self._span = span
        self.last_number = _last_number(start, span)
        self._start, self._per_order, self._jitter = start, per_order, jitter
        self._demand = Demand(world_weights(), start)
        self._origin = self._demand.until(start)

    @classmethod
    def daily(cls, start: int, span: int, orders_per_day: float, jitter: Stream) -> CurveSchedule:
        """A mean of `orders_per_day` in the first week, growing afterwards."""
        return cls(start, span, Demand(world_weights(), start).first_week / (7 * orders_per_day), jitter)

    def longest_span(self) -> int:
        return self._span

    def window(self, number: int) -> Window:
        begin = self._start + number * self._span
        end = begin + self._span
        return Window(number, self._first_row(begin), self._first_row(end), begin, end)

    def place(self, window: Window, rows: Ints, picks: NDArray[np.intp]) -> tuple[Ints, Regions]:
        instants = self._instants(_jittered(rows, self._jitter), window.begin, window.end)
        hours = (instants // HOUR + 72) % WEEK_HOURS
        return instants, _hourly_mix()[hours, picks]

    def not_after(self, window: Window, rows: Ints, regions: Regions | None) -> Ints:  # noqa: ARG002
        return self._instants(rows.astype(np.float64), window.begin, window.end)

    def _instants(self, places: Floats, begin: int, end: int) -> Ints:
        return self._demand.instants(self._amounts(places), begin, end)

    def _amounts(self, places: Floats) -> Floats:
        return self._origin + places * self._per_order

    def _first_row(self, instant: int) -> int:
        """The first order placed at or after an instant."""
        row = int((self._demand.until(instant) - self._origin) / self._per_order)
        earliest = max(row - 1, 0)
        candidates = np.arange(earliest, row + 2)
        begin = max(self._start, instant - DAY)  # those before need only be known to lie before
        # An order may be more years away than fit into 64 bits: that it comes later is enough.
        amounts = np.minimum(self._amounts(_jittered(candidates, self._jitter)), self._demand.until(instant + DAY))
        placed = self._demand.instants(amounts, begin, instant + DAY)
        return int(candidates[np.searchsorted(placed, instant)]) if placed[-1] >= instant else row + 2


class HistorySchedule(CurveSchedule):
    """A given number of orders over a given time along the world's demand, cut into batches of `size` orders."""

    def __init__(self, start: int, period: int, orders: int, size: int, jitter: Stream) -> None:
        demand = Demand(world_weights(), start)
        amount = demand.until(start + period) - demand.until(start)
        super().__init__(start, period, amount / max(orders, 1), jitter)
        self._period_end, self._total, self._size = start + period, orders, size
        self.batches = max(1, -(-orders // size))
        self.last_number = self.batches - 1

    def window(self, number: int) -> Window:
        first, last = (min((number + step) * self._size, self._total) for step in (0, 1))
        begin, end = self._cuts(np.array((first, last))).tolist()
        return Window(number, first, last, begin if self._total else self._start, end)

    def longest_span(self) -> int:
        """Made of some cuts at a time: they may be too many for memory."""
        longest = 0
        for number in range(0, self.last_number + 1, _CUTS_AT_ONCE):
            numbers = np.arange(number, min(number + _CUTS_AT_ONCE, self.last_number + 1) + 1)
            cuts = self._cuts(np.minimum(numbers * self._size, self._total))
            longest = max(longest, int(np.diff(cuts).max()))
        return longest or self._span

    def _cuts(self, rows: Ints) -> Ints:
        """Where the batches that begin with these rows do; the end of the period behind the last row."""
        cuts = self._instants(rows.astype(np.float64), self._start, self._period_end)
        cuts[rows >= self._total] = self._period_end
        return cuts


def _last_number(start: int, span: int) -> int:
    return (_LAST_INSTANT - start) // span - 1


def _jittered(rows: Ints, jitter: Stream) -> Floats:
    return rows + uniform(jitter.at(rows)) * _WITHIN_STRETCH


@cache
def _steady_mix() -> Regions:
    """Regions by random bits, by their share of customers."""
    return _mix(SHARES)


@cache
def _hourly_mix() -> Regions:
    """Regions by hour of the week and random bits, by who is awake; shape (168, 1024)."""
    demand = np.stack([share * regional_weights(r) for r, share in enumerate(SHARES)], axis=1)
    return np.stack([_mix(row) for row in demand])


def _mix(weights: Ints) -> Regions:
    borders = np.cumsum(weights) * _REGION_SLOTS // weights.sum()
    return np.searchsorted(borders, np.arange(_REGION_SLOTS), side="right").astype(np.int8)
