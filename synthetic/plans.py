"""The plans of one shop: everything of it that needs NumPy and PyArrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .plan import Plan
from .pools import Pools
from .schedules import CurveSchedule, EvenSchedule, HistorySchedule
from .streams import Streams

if TYPE_CHECKING:
    from .quality import DataQuality
    from .schedules import Schedule


class Plans:
    """Makes plans that share what has been made of customers and products; times are microseconds since 1970."""

    def __init__(self, seed: int, quality: DataQuality, start: int, span: int) -> None:
        self._quality, self._start, self._span = quality, start, span
        self._streams = Streams(seed)
        self._pools = Pools(self._streams)
        self._jitter = self._streams["orders.moment"]

    def even(self, orders: int) -> Plan:
        """Every batch has `orders` orders."""
        return self._plan(EvenSchedule(self._start, self._span, orders, self._jitter))

    def curve(self, orders_per_day: float) -> Plan:
        """Batches follow the clock, the number of orders the curve."""
        return self._plan(CurveSchedule.daily(self._start, self._span, orders_per_day, self._jitter))

    def history(self, orders: int, period: int, batch_size: int) -> Plan:
        """So many orders over a period along the curve, in batches of `batch_size` orders."""
        return self._plan(HistorySchedule(self._start, period, orders, batch_size, self._jitter))

    def _plan(self, schedule: Schedule) -> Plan:
        return Plan(self._streams, self._quality, schedule, self._pools)
