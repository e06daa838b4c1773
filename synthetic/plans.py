"""The plans of one shop: everything of it that needs NumPy and PyArrow."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
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
        self._settings = (seed, quality, start, span)
        self._quality, self._start, self._span = quality, start, span
        self._streams = Streams(seed)
        self._pools = Pools(self._streams)
        self._jitter = self._streams["orders.moment"]

    def even(self, orders: int) -> Plan:
        """Every batch has `orders` orders."""
        schedule = EvenSchedule(self._start, self._span, orders, self._jitter)
        return self._plan(schedule, (orders,), plan="even", orders=str(orders), batch_span=_length(self._span))

    def curve(self, orders_per_day: float) -> Plan:
        """Batches follow the clock, the number of orders the curve."""
        schedule = CurveSchedule.daily(self._start, self._span, orders_per_day, self._jitter)
        each_day, span = number(orders_per_day), _length(self._span)
        return self._plan(schedule, (orders_per_day,), plan="curve", orders_per_day=each_day, batch_span=span)

    def history(self, orders: int, period: int, batch_size: int) -> Plan:
        """So many orders over a period along the curve, in batches of `batch_size` orders."""
        schedule = HistorySchedule(self._start, period, orders, batch_size, self._jitter)
        days, size = number(period / DAY), str(batch_size)
        arguments = (orders, period, batch_size)
        return self._plan(schedule, arguments, plan="history", orders=str(orders), days=days, batch_size=size)

    def _plan(self, schedule: Schedule, arguments: tuple[float, ...], *, plan: str, **division: str) -> Plan:
        """The plan that the method named `plan` makes of these arguments."""
        provenance = Provenance.of_plan(self._streams.seed, self._quality, self._start, {"plan": plan, **division})
        remade = (_made_again, (self._settings, plan, arguments))
        return Plan(self._streams, self._quality, schedule, self._pools, provenance, remade)


@lru_cache(maxsize=8)
def _made_again(settings: tuple[int, DataQuality, int, int], method: str, arguments: tuple[float, ...]) -> Plan:
    """A plan in another process, which gets it with every task and keeps what it has made of customers and products."""
    plan: Plan = getattr(Plans(*settings), method)(*arguments)
    return plan


def _length(span: int) -> str:
    return str(timedelta(microseconds=span))
