"""Shapes of random quantities, as tables of whole numbers looked up by random bits.

Tables instead of formulas per row: faster, and free of logarithms and exponentials, whose last digit differs between
processors. What is left (+, -, *, / and square root) IEEE 754 rounds the same everywhere.
"""

from __future__ import annotations

from functools import cache
from math import exp, log
from typing import TYPE_CHECKING

import numpy as np

from .streams import look_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from .streams import Floats, Ints

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

QUANTILE_BITS = 12
_QUANTILES = 1 << QUANTILE_BITS


def weighted(weights: Mapping[int, int], size_bits: int) -> Ints:
    """A table of 2**size_bits entries in which each value stands as often as its weight says."""
    if sum(weights.values()) != 1 << size_bits:
        raise ValueError(f"weights add up to {sum(weights.values())}, not {1 << size_bits}")
    return np.repeat(np.array(list(weights), dtype=np.int64), list(weights.values()))


def lognormal(median: float, sigma: float) -> Callable[[float], float]:
    """The quantile function of a log-normal distribution; `sigma` is that of the logarithm."""
    from statistics import NormalDist  # noqa: PLC0415 - needed once a table is made, not to import this package

    normal = NormalDist(log(median), sigma)
    return lambda p: exp(normal.inv_cdf(p))


def either(share: float, first: Callable[[float], float], second: Callable[[float], float]) -> Callable[[float], float]:
    """The quantile function of a choice: with probability `share` from `first`, else from `second`."""
    return lambda p: first(p / share) if p < share else second((p - share) / (1 - share))


def delays(quantile: Callable[[float], float]) -> Ints:
    """2**QUANTILE_BITS equally likely delays in microseconds, each a whole number of seconds and at least one."""
    middles = ((i + 0.5) / _QUANTILES for i in range(_QUANTILES))
    return np.array([max(1, round(quantile(p) / SECOND)) * SECOND for p in middles], dtype=np.int64)


_OFFSET = 16.0
_ROOT_OF_OFFSET = 2.0


def zipf_span(populations: Ints) -> Floats:
    """What `zipf_rank` needs to know about populations, each at least 1."""
    spans: Floats = np.sqrt(np.sqrt(populations + _OFFSET)) - _ROOT_OF_OFFSET
    return spans


def zipf_rank(fractions: Floats, spans: Floats, populations: Ints) -> Ints:
    """Ranks from 0, where rank r is picked in proportion to (r + 16)**(-3/4).

    The Zipf-Mandelbrot law with s = 3/4 and q = 16, by inverting the integral of its density; 3/4 because the inverse
    then needs nothing but a fourth power. Of 100,000 customers the first fifth places 63 % of the orders.
    """
    roots = fractions * spans + _ROOT_OF_OFFSET
    squares = roots * roots
    ranks = (squares * squares - _OFFSET).astype(np.int64)
    return np.minimum(ranks, populations - 1, out=ranks)


@cache
def payment_delays() -> Ints:
    """From placing to processing: half are paid and accepted within 4 minutes, 1 in 20 takes over 20."""
    return delays(lognormal(4 * MINUTE, 1.0))


@cache
def shipping_delays() -> Ints:
    """From processing to shipping: 6 % are digital or picked up within the hour, the rest mostly the next day."""
    return delays(either(0.06, lognormal(15 * MINUTE, 0.8), lognormal(22 * HOUR, 0.6)))


@cache
def delivery_delays() -> Ints:
    """From shipping to delivery: a median of 3 days, 1 in 20 over a week."""
    return delays(lognormal(3 * DAY, 0.5))


BASKET_BITS = 6
_BASKETS = np.repeat([1, 2, 3, 4, 5, 6, 7, 8], [22, 17, 11, 6, 4, 2, 1, 1])
"""Items per order: a third buys one thing, the mean is 2.5, and nobody buys more than 8."""

ORDERS_PER_DEAL = len(_BASKETS)
ITEMS_PER_DEAL = int(_BASKETS.sum())


def deal_baskets(words: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Basket sizes for whole deals of 64 orders; shape (deals, 64).

    Every deal is a shuffle of the same 64 sizes, 160 items in all: so the first item of any order is known without
    counting through the orders before it.
    """
    low = np.uint64(ORDERS_PER_DEAL - 1)
    shuffled = np.sort((words & ~low) | np.arange(ORDERS_PER_DEAL, dtype=np.uint64), axis=1) & low
    return look_up(_BASKETS, shuffled.astype(np.intp))


QUANTITIES = weighted({1: 176, 2: 46, 3: 16, 4: 9, 5: 4, 6: 3, 8: 1, 10: 1}, 8)
"""Pieces of one product in an order: 7 in 10 buy a single one."""

DISCOUNT_PERCENT = weighted({0: 192, 5: 20, 10: 20, 15: 11, 20: 8, 30: 5}, 8)
"""Discount on a line: none on three lines in four; coupon steps up to 30 % on the rest."""

PRICE_PER_MILLE = weighted({1000: 208, 1030: 16, 970: 16, 1050: 8, 950: 8}, 8)
"""Price at the time of order, per mille of the list price: price tests and currency rounding on one line in five."""
