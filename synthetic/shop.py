"""The shop: what a user holds in hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from .arguments import as_number, as_whole, not_above_zero, not_whole
from .errors import collected, needing, refuse
from .pace import at_rate, burst_size, evenly
from .quality import DataQuality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .plan import Batch, Plan
    from .plans import Plans

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST_SPAN = timedelta(days=3653)
BATCH_ORDERS = 100
"""Orders in a batch unless a number is given."""

_MOST_ORDERS = 1 << 32
_MOST_DAYS = 36_500
_LONGEST_WAIT = _MOST_DAYS * 86_400
_LEAST_TIME = 4
"""Microseconds for an order on average: the busiest hour, with 2.7 times the orders of the quietest, leaves one."""


@dataclass(frozen=True)
class Ecommerce:
    """A shop whose every batch is determined by these settings and the batch's number.

    `seed`: any whole number. `quality`: how much is spoiled; nothing by default. `start`: when the shop opens, with a
    time zone. `batch_span`: the time a batch covers. Raises InvalidSettings, with every mistake at once.
    """

    seed: int = 0
    quality: DataQuality = DataQuality()  # noqa: RUF009 - frozen
    start: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    batch_span: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        refuse(self._mistakes())
        object.__setattr__(self, "seed", as_whole(self.seed))

    def __reduce__(self) -> tuple[type[Ecommerce], tuple[object, ...]]:
        """Travels as its settings alone; what has been made with it is made again."""
        return Ecommerce, (self.seed, self.quality, self.start, self.batch_span)

    def _mistakes(self) -> Iterator[str]:
        given: dict[str, object] = vars(self)
        seed, start, span = given["seed"], given["start"], given["batch_span"]
        if as_whole(seed) is None:
            yield f"seed={seed!r} is not a whole number"
        if not isinstance(given["quality"], DataQuality):
            yield f"quality={given['quality']!r} is not a DataQuality"
        if not isinstance(start, datetime) or start.tzinfo is None:
            yield f"start={start!r} is not a datetime with a time zone"
        elif not _EPOCH <= start < _LATEST:
            yield f"start={start} does not lie between 1970 and 2200"
        if not isinstance(span, timedelta) or not _MICROSECOND <= span <= _LONGEST_SPAN:
            yield f"batch_span={span!r} is not a timedelta above nothing, up to {_LONGEST_SPAN.days} days"

    def clean(self) -> Ecommerce:
        """The same shop with nothing spoiled."""
        return replace(self, quality=DataQuality())

    def batch(self, number: int, *, orders: int = BATCH_ORDERS) -> Batch:
        """Batch `number`, from 0, of batches of `orders` orders each."""
        return self.even(orders).batch(number)

    def batches(
        self, start: int = 0, stop: int | None = None, *, orders: int | None = None, orders_per_day: float | None = None
    ) -> Iterator[Batch]:
        """Batches `start` to `stop - 1` (None: without end), of `orders` each (100) or following the curve.

        With `orders_per_day`, the mean of the first week, the number of orders in a batch follows the hours, the
        weekdays and the growth of the shop.
        """
        if orders_per_day is None:
            return self.even(BATCH_ORDERS if orders is None else orders).batches(start, stop)
        if orders is not None:
            refuse(["orders, the number in every batch, and orders_per_day exclude each other"])
        return self.curve(orders_per_day).batches(start, stop)

    def stream(
        self, *, every: timedelta | float, orders: int = BATCH_ORDERS, start: int = 0, stop: int | None = None
    ) -> Iterator[Batch]:
        """Batches as a schedule would bring them: one now, and one more after each `every` (a timedelta or seconds).

        A consumer that takes longer gets the next one at once, until it has caught up.
        """
        seconds = as_number(every.total_seconds() if isinstance(every, timedelta) else every)
        mistakes: list[str] = []
        if seconds is None or not 0 <= seconds <= _LONGEST_WAIT:
            mistakes.append(f"every={every!r} is not a timedelta or a number of seconds, from 0 to {_LONGEST_WAIT}")
        with collected(mistakes):
            batches = self.batches(start, stop, orders=orders)
        refuse(mistakes)
        return evenly(batches, seconds or 0.0)

    def burst(
        self, records_per_second: float | None = 1000, *, start: int = 0, stop: int | None = None
    ) -> Iterator[Batch]:
        """Small batches whose rows, all four tables together, come at a steady rate; None: as fast as they are made.

        The customers and products the shop opens with come with batch 0 and do not count.
        """
        if records_per_second is not None:
            refuse(not_above_zero("records_per_second", records_per_second, _MOST_ORDERS))
        batches = self.batches(start, stop, orders=burst_size(records_per_second))
        return batches if records_per_second is None else at_rate(batches, records_per_second)

    def even(self, orders: int) -> Plan:
        """The plan in which every batch has `orders` orders."""
        refuse(not_whole("orders", orders, 0, _MOST_ORDERS))
        return self._plans.even(int(orders))

    def curve(self, orders_per_day: float) -> Plan:
        """The plan in which batches follow the clock, and the number of orders the curve."""
        refuse(not_above_zero("orders_per_day", orders_per_day, _MOST_ORDERS))
        return self._plans.curve(float(orders_per_day))

    def history(self, *, orders: int, days: float, batch_size: int) -> Plan:
        """The plan of `orders` orders over `days` days along the curve, in batches of `batch_size` orders.

        Its batches are as long as the curve makes them; `batch_span` plays no part.
        """
        refuse(_history_mistakes(orders, days, batch_size))
        return self._plans.history(int(orders), _period(days), int(batch_size))

    @cached_property
    def _plans(self) -> Plans:
        with needing("synthetic"):
            from .plans import Plans  # noqa: PLC0415 - a shop that makes nothing, such as a test's, imports no NumPy

        return Plans(self.seed, self.quality, (self.start - _EPOCH) // _MICROSECOND, self.batch_span // _MICROSECOND)


def _history_mistakes(orders: int, days: float, batch_size: int) -> Iterator[str]:
    wrong_orders = list(not_whole("orders", orders, 0, _MOST_ORDERS))
    wrong_days = list(not_above_zero("days", days, _MOST_DAYS))
    yield from (*wrong_orders, *wrong_days, *not_whole("batch_size", batch_size, 1, _MOST_ORDERS))
    if not wrong_orders and not wrong_days and _period(days) < max(orders, 1) * _LEAST_TIME:
        yield f"days={days!r} is too short for orders={orders}: each takes {_LEAST_TIME} microseconds at least"


def _period(days: float) -> int:
    return timedelta(days=float(days)) // _MICROSECOND
