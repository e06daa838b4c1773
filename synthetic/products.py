"""Products: what is on sale, at what price, and since when."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .arrays import instants, joined, money, numbers, uuids
from .distributions import DAY, lognormal
from .growth import PRODUCTS
from .streams import bits, uniform
from .uuids import uuid_text
from .vocabulary import wares

if TYPE_CHECKING:
    from .schedules import Schedule, Window
    from .streams import Ints, Streams, Words

_BEFORE_OPENING = 365 * DAY
_CENTS_BELOW = 1
"""Prices end in .99."""

_SPREAD_BITS = 11


def product_columns(streams: Streams, schedule: Schedule, window: Window, first: int, end: int) -> dict[str, pa.Array]:
    """The data model's columns for products `first` to `end - 1`, listed in this window."""
    rows = np.arange(first, end)
    kinds = _kinds(streams["products.kind"].words(first, len(rows)))
    series = numbers(rows + 100).cast(pa.string())
    return {
        "product_id": uuids(uuid_text(streams["products.id"].words(first, len(rows), 2))),
        "name": joined(wares().names.take(numbers(kinds)), " S", series),
        "category": wares().categories.take(numbers(kinds)),
        "price": money(prices(streams["products.kind"].words(first, len(rows)))),
        "created_at": instants(_created(streams, schedule, window, rows)),
    }


def _kinds(words: Words) -> Ints:
    return (uniform(words) * len(wares().names)).astype(np.int64)


def prices(words: Words) -> Ints:
    """Cents: a typical price of the kind, spread, rounded up to the next whole unit, less one cent."""
    units = wares().typical_cents[_kinds(words)] * _spread()[bits(words, 0, _SPREAD_BITS)] // 100_000
    return (units + 1) * 100 - _CENTS_BELOW


@cache
def _spread() -> Ints:
    """Per mille of the typical price: log-normal, sigma 0.35, so two thirds lie within 70 to 142 %."""
    quantile, count = lognormal(1, 0.35), 1 << _SPREAD_BITS
    return np.array([round(1000 * quantile((i + 0.5) / count)) for i in range(count)], dtype=np.int64)


def _created(streams: Streams, schedule: Schedule, window: Window, rows: Ints) -> Ints:
    newcomers = rows[rows >= PRODUCTS.initial]
    listed = schedule.not_after(window, PRODUCTS.first_order(newcomers), None)
    earlier = len(rows) - len(newcomers)
    ago = uniform(streams["products.opened"].words(int(rows[0]) if earlier else 0, earlier))
    return np.concatenate((window.begin - 1 - (ago * _BEFORE_OPENING).astype(np.int64), listed))
