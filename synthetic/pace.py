"""Handing out batches in real time. The clock decides when a batch comes, never what is in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .growth import CUSTOMERS, PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .plan import Batch

_BATCHES_PER_SECOND = 20
_RECORDS_PER_ORDER = 3.75
"""An order, its 2.5 items, and a new customer in four orders."""

_UNPACED_ORDERS = 5_000
_OPENING_RECORDS = CUSTOMERS.initial + PRODUCTS.initial


def evenly(batches: Iterator[Batch], seconds: float) -> Iterator[Batch]:
    """One batch every so many seconds, counted from the first; delays do not add up."""
    began = time.monotonic()
    for number, batch in enumerate(batches):
        _wait_until(began + number * seconds)
        yield batch


def at_rate(batches: Iterator[Batch], records_per_second: float) -> Iterator[Batch]:
    """Each batch when its first record is due; what the shop opens with comes with batch 0, beside the rate."""
    began, sent = time.monotonic(), 0
    for batch in batches:
        _wait_until(began + sent / records_per_second)
        sent += batch.records if batch.number else batch.records - _OPENING_RECORDS
        yield batch


def burst_size(records_per_second: float | None) -> int:
    """Orders per batch: twenty batches a second, if the rate is high enough for that."""
    if records_per_second is None:
        return _UNPACED_ORDERS
    return max(1, round(records_per_second / _BATCHES_PER_SECOND / _RECORDS_PER_ORDER))


def _wait_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.monotonic()))
