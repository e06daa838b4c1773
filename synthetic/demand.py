"""When people buy: hours of the day, days of the week, growth over the months.

Demand is a step function of time, one weight per hour. Its integral is counted in weight-hours, as whole numbers at the
full hours (exact in a float up to 2**53, about 70 years), so the instant belonging to an amount of demand is the same
from whichever side it is approached.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from .distributions import HOUR
from .regions import SHARES, UTC_OFFSETS

if TYPE_CHECKING:
    from .streams import Floats, Ints

Whole = TypeVar("Whole", int, "Ints")

WEEK_HOURS = 168
_EPOCH_HOUR_OF_WEEK = 72
"""1970-01-01 was a Thursday; hours count from Monday 00:00."""

_DAY_CURVE = np.array(
    [12, 7, 4, 3, 3, 5, 12, 26, 45, 62, 70, 66, 58, 48, 54, 58, 60, 62, 68, 80, 92, 88, 62, 32], dtype=np.int64
)
"""Orders by local hour: a morning peak at 10, a dip after lunch at 13, the evening's surge at 20.

The shape that card networks and shop operators publish for retail sites; the figures are this module's own.
"""

_WEEK_CURVE = np.array([108, 104, 102, 100, 98, 88, 100], dtype=np.int64)
"""Orders by weekday, Monday first, in percent: people order at the start of the week and go out on Saturday."""

_LOCAL_WEEK = np.outer(_WEEK_CURVE, _DAY_CURVE).ravel()
_WHOLE = 1_000
_GROWTH_PER_WEEK = 5
"""Per mille of the first week's demand that each week adds: 26 % in a year."""


def regional_weights(region: int) -> Ints:
    """Demand of one region by UTC hour of the week."""
    return np.roll(_LOCAL_WEEK, -UTC_OFFSETS[region])


def world_weights() -> Ints:
    """Demand of all regions by UTC hour of the week, each by its share of customers."""
    return sum((share * regional_weights(r) for r, share in enumerate(SHARES)), np.zeros(WEEK_HOURS, dtype=np.int64))


class Demand:
    """One demand curve from `anchor` (microseconds since 1970, UTC) onwards."""

    def __init__(self, weights: Ints, anchor: int) -> None:
        self._first_hour = anchor // HOUR
        self._weights = np.roll(weights, -((self._first_hour + _EPOCH_HOUR_OF_WEEK) % WEEK_HOURS))
        self._sums = np.concatenate(([0], np.cumsum(self._weights)))
        self._week = int(self._sums[-1])
        self.until = lru_cache(maxsize=64)(self._until)
        """Weight-hours from the anchor's hour to an instant."""
        self._hours = lru_cache(maxsize=8)(self._hours_between)
        self._steps: list[tuple[int, int]] = list(zip(self._weights.tolist(), self._sums.tolist(), strict=False))

    @property
    def first_week(self) -> int:
        """Weight-hours of the first week."""
        return self._week * _WHOLE

    def _until(self, instant: int) -> float:
        hours, rest = divmod(instant - self._first_hour * HOUR, HOUR)
        week, hour = divmod(hours, WEEK_HOURS)
        weight, passed = self._steps[hour]
        level = _WHOLE + _GROWTH_PER_WEEK * week
        return float(self._whole_weeks(week) + passed * level) + weight * level * (rest / HOUR)

    def instants(self, amounts: Floats, begin: int, end: int) -> Ints:
        """The instants in [begin, end) at which the given weight-hours are reached."""
        starts, edges, weights = self._hours(begin, end)
        step = edges.searchsorted(amounts, side="right") - 1
        np.minimum(np.maximum(step, 0, out=step), len(starts) - 2, out=step)
        passed = (amounts - edges[step]) / weights[step]
        instants: Ints = starts[step] + (passed * HOUR).astype(np.int64)
        return np.minimum(np.maximum(instants, begin, out=instants), end - 1, out=instants)

    def _hours_between(self, begin: int, end: int) -> tuple[Ints, Floats, Ints]:
        """The hours that cover [begin, end), and the one behind: start, demand until then, demand during it."""
        hours = np.arange((begin // HOUR) - self._first_hour, -(-end // HOUR) - self._first_hour + 1)
        return (self._first_hour + hours) * HOUR, self._until_hour(hours).astype(np.float64), self._weight(hours)

    def _weight(self, hours: Ints) -> Ints:
        week, hour = np.divmod(hours, WEEK_HOURS)
        weights: Ints = self._weights[hour] * (_WHOLE + _GROWTH_PER_WEEK * week)
        return weights

    def _until_hour(self, hours: Ints) -> Ints:
        week, hour = np.divmod(hours, WEEK_HOURS)
        amounts: Ints = self._whole_weeks(week) + self._sums[hour] * (_WHOLE + _GROWTH_PER_WEEK * week)
        return amounts

    def _whole_weeks(self, weeks: Whole) -> Whole:
        return self._week * (weeks * _WHOLE + _GROWTH_PER_WEEK * (weeks * (weeks - 1) // 2))
