"""Orders before any defect: who orders, when, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .distributions import (
    QUANTILE_BITS,
    delivery_delays,
    payment_delays,
    shipping_delays,
    zipf_rank,
    zipf_span,
)
from .growth import CUSTOMERS
from .regions import resident, residents
from .schedules import REGION_BITS
from .streams import bits, look_up, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .schedules import Schedule, Window
    from .streams import Ints, Mask, Streams, Words

PENDING, PROCESSING, SHIPPED, DELIVERED, CANCELLED = range(5)
"""Codes of `schemas.STATUSES`."""

_CANCELLED_BITS = 16
_CANCELLED_BELOW = 1966
"""3 % of orders are cancelled, half-way between payment and shipping: what retail calls its cancellation rate."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Orders as known at some instant; `shipped` and `updated` are microseconds, `shipped` counts if `is_shipped`."""

    status: NDArray[np.int8]
    shipped: Ints
    is_shipped: Mask
    updated: Ints


@dataclass(frozen=True, slots=True)
class Lives:
    """What becomes of orders: delays of each step, microseconds, and which are cancelled."""

    payment: Ints
    shipping: Ints
    delivery: Ints
    cancelled: Mask

    @classmethod
    def drawn(cls, words: Words) -> Lives:
        """From one word each."""
        delays = (payment_delays(), shipping_delays(), delivery_delays())
        paid, shipped, delivered = (
            look_up(table, bits(words, i * QUANTILE_BITS, QUANTILE_BITS)) for i, table in enumerate(delays)
        )
        cancelled = bits(words, 64 - _CANCELLED_BITS, _CANCELLED_BITS) < _CANCELLED_BELOW
        return cls(paid, shipped, delivered, cancelled)

    def as_of(self, placed: Ints, now: int) -> Snapshot:
        """The state at `now` of orders placed at the given instants: a step counts once it lies in the past."""
        paid = placed + self.payment
        shipped = paid + self.shipping
        delivered = shipped + self.delivery
        status = (paid < now).astype(np.int8) + (shipped < now) + (delivered < now)
        updated = np.choose(status, (placed, paid, shipped, delivered))
        cancelled_at = paid + self.shipping // 2
        is_cancelled = self.cancelled & (cancelled_at < now)
        status[is_cancelled] = CANCELLED
        np.copyto(updated, cancelled_at, where=is_cancelled)
        return Snapshot(status, shipped, (status == SHIPPED) | (status == DELIVERED), updated)


@dataclass(frozen=True, slots=True)
class Orders:
    """Clean orders `first` to `first + len(placed) - 1`: row of the customer, instant placed, what becomes of them."""

    first: int
    customers: Ints
    placed: Ints
    lives: Lives

    @property
    def rows(self) -> Ints:
        """Their rows."""
        return np.arange(self.first, self.first + len(self.placed))


def make_orders(streams: Streams, schedule: Schedule, window: Window, first: int, end: int) -> Orders:
    """Orders `first` to `end - 1`, all of them in `window`."""
    rows = np.arange(first, end)
    words = streams["orders.customer"].words(first, len(rows))
    placed, regions = schedule.place(window, rows, _region_picks(words))
    population = residents(regions, CUSTOMERS.known_each(rows))
    ranks = zipf_rank(uniform(words), zipf_span(population), population)
    lives = Lives.drawn(streams["orders.life"].words(first, len(rows)))
    return Orders(first, resident(regions, ranks), placed, lives)


def placed_at(streams: Streams, schedule: Schedule, window: Window, rows: Ints) -> Ints:
    """The instants at which some orders of a window, given in ascending order, are placed."""
    return schedule.place(window, rows, _region_picks(streams["orders.customer"].at(rows)))[0]


def _region_picks(words: Words) -> NDArray[np.intp]:
    return bits(words, 0, REGION_BITS)
