"""What order items need to know about customers and products that joined earlier, made as far as it has been needed."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from .growth import CUSTOMERS, PRODUCTS
from .products import prices
from .uuids import uuid_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from .streams import Ints, Streams, Words
    from .uuids import Cells

T = TypeVar("T")


class _Pool(Generic[T]):
    """The first members of a population; safe to share between threads, and never more than half too large."""

    def __init__(self, make: Callable[[int], T], initial: int) -> None:
        self._make, self._count, self._lock = make, initial, Lock()
        self._members = make(initial)

    def at_least(self, count: int) -> T:
        with self._lock:
            if count > self._count:
                self._count = count * 3 // 2
                self._members = self._make(self._count)
            return self._members


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Keys and list prices (cents) of the first products."""

    ids: Cells
    prices: Ints


class Pools:
    """Customers' keys and the catalogue of one seed."""

    def __init__(self, streams: Streams) -> None:
        self._customers = _Pool(lambda n: streams["customers.id"].words(0, n, 2), CUSTOMERS.initial)
        self._products = _Pool(
            lambda n: Catalogue(
                uuid_text(streams["products.id"].words(0, n, 2)), prices(streams["products.kind"].words(0, n))
            ),
            PRODUCTS.initial,
        )

    def customer_keys(self, count: int) -> Words:
        """Key words of at least the first `count` customers, shape (n, 2)."""
        return self._customers.at_least(count)

    def catalogue(self, count: int) -> Catalogue:
        """The first `count` products."""
        made = self._products.at_least(count)
        return Catalogue(made.ids[:count], made.prices[:count])
