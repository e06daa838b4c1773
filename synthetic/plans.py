"""The plans of one shop: everything of it that needs NumPy and PyArrow."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .distributions import DAY
from .plan import Plan
from .pools import Pools
from .provenance import Provenance, number
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
        schedule = EvenSchedule(self._start, self._span, orders, self._jitter)
        return self._plan(schedule, plan="even", orders=str(orders), batch_span=_length(self._span))

    def curve(self, orders_per_day: float) -> Plan:
        """Batches follow the clock, the number of orders the curve."""
        schedule = CurveSchedule.daily(self._start, self._span, orders_per_day, self._jitter)
        return self._plan(schedule, plan="curve", orders_per_day=number(orders_per_day), batch_span=_length(self._span))

    def history(self, orders: int, period: int, batch_size: int) -> Plan:
        """So many orders over a period along the curve, in batches of `batch_size` orders."""
        schedule = HistorySchedule(self._start, period, orders, batch_size, self._jitter)
        return self._plan(
            schedule, plan="history", orders=str(orders), days=number(period / DAY), batch_size=str(batch_size)
        )

    def _plan(self, schedule: Schedule, **division: str) -> Plan:
        provenance = Provenance.of_plan(self._streams.seed, self._quality, self._start, division)
        return Plan(self._streams, self._quality, schedule, self._pools, provenance)


def _length(span: int) -> str:
    return str(timedelta(microseconds=span))
