"""Order items before any defect: how many per order, of what, at what price."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .distributions import (
    BASKET_BITS,
    DISCOUNT_PERCENT,
    ITEMS_PER_DEAL,
    ORDERS_PER_DEAL,
    PRICE_PER_MILLE,
    QUANTITIES,
    deal_baskets,
    zipf_rank,
    zipf_span,
)
from .growth import PRODUCTS
from .streams import bits, look_up, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pools import Pools
    from .streams import Ints, Streams


@dataclass(frozen=True, slots=True)
class Baskets:
    """The items of orders `first` on: item rows `starts[i]` to `starts[i + 1] - 1` belong to order `first + i`."""

    first: int
    starts: Ints

    @property
    def sizes(self) -> Ints:
        """Items per order."""
        return np.diff(self.starts)

    @property
    def item_rows(self) -> Ints:
        """All item rows."""
        return np.arange(self.starts[0], self.starts[-1])

    @property
    def orders(self) -> NDArray[np.intp]:
        """The order of each item, counted from the first."""
        return np.repeat(np.arange(len(self.starts) - 1), self.sizes)


def make_baskets(streams: Streams, first: int, end: int) -> Baskets:
    """The items of orders `first` to `end - 1`."""
    deal, skipped = divmod(first, ORDERS_PER_DEAL)
    deals = -(-end >> BASKET_BITS) - deal if end > first else 1
    words = streams["orders.basket"].words(deal * ORDERS_PER_DEAL, deals * ORDERS_PER_DEAL)
    sizes = deal_baskets(words.reshape(deals, ORDERS_PER_DEAL)).ravel()
    starts = np.concatenate(([0], np.cumsum(sizes))) + deal * ITEMS_PER_DEAL
    return Baskets(first, starts[skipped : skipped + end - first + 1])


@lru_cache(maxsize=256)
def first_item(streams: Streams, order_row: int) -> int:
    """The first item row of an order, which is also the number of items before it."""
    return int(make_baskets(streams, order_row, order_row).starts[0])


@dataclass(frozen=True, slots=True)
class Items:
    """What stands on each line: product row, pieces, and cents."""

    products: Ints
    quantity: Ints
    unit_price: Ints
    discount: Ints
    subtotal: Ints

    def taking(self, lines: Ints) -> Items:
        """Some of them, by position."""
        return Items(*(look_up(getattr(self, name), lines) for name in self.__slots__))


def make_items(streams: Streams, pools: Pools, item_rows: Ints, order_rows: Ints, orders: NDArray[np.integer]) -> Items:
    """The given items of the given orders, both in ascending order; `orders` is each item's position among them."""
    words = streams["order_items.line"].at(item_rows)
    known = PRODUCTS.known_each(order_rows)
    products = zipf_rank(uniform(words), look_up(zipf_span(known), orders), look_up(known, orders))
    catalogue = pools.catalogue(int(known[-1]) if len(known) else PRODUCTS.initial)
    per_mille, quantity, percent = (
        look_up(table, bits(words, i * _PICK_BITS, _PICK_BITS))
        for i, table in enumerate((PRICE_PER_MILLE, QUANTITIES, DISCOUNT_PERCENT))
    )
    unit_price = (look_up(catalogue.prices, products) * per_mille + 500) // 1000
    gross = quantity * unit_price
    discount = (gross * percent + 50) // 100
    return Items(products, quantity, unit_price, discount, gross - discount)


_PICK_BITS = 8
"""Three picks take the lowest 24 bits of a word; the product is settled by the uppermost 30."""


def totals(subtotals: Ints, baskets: Baskets) -> Ints:
    """The sum of each order's items, in cents."""
    if not len(subtotals):
        return np.zeros(0, dtype=np.int64)
    return np.add.reduceat(subtotals, baskets.starts[:-1] - baskets.starts[0])
