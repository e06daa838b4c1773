"""How many customers and products exist by the time a given order is placed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .streams import Ints

MOST_ORDERS = 1 << 40
"""Orders of a shop: with more, what they are multiplied by exceeds 64 bits."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A population that starts at `initial`, gains one member per `orders_each` orders, and levels off.

    known(i) = initial + floor(ceiling * i / (i + ceiling * orders_each)): saturating (Michaelis-Menten) growth, in
    whole numbers so that it can be inverted exactly. A market is finite: without a ceiling, memory would grow with
    the number of orders.
    """

    initial: int
    ceiling: int
    orders_each: int

    @property
    def _half(self) -> int:
        return self.ceiling * self.orders_each

    def known(self, order_row: int) -> int:
        """Members that exist when order `order_row` is placed."""
        return self.initial + self.ceiling * order_row // (order_row + self._half)

    def known_each(self, order_rows: Ints) -> Ints:
        """As `known`, for an array of rows below MOST_ORDERS."""
        return self.initial + self.ceiling * order_rows // (order_rows + self._half)

    def first_order(self, members: Ints) -> Ints:
        """The first order row that each member beyond the initial ones exists for."""
        newcomers = members - self.initial + 1
        return -(-newcomers * self._half // (self.ceiling - newcomers))

    def between(self, first_row: int, last_row: int, *, opening: bool) -> tuple[int, int]:
        """The members that join with the orders first_row to last_row, as a half-open range.

        The initial ones join with the `opening` of the shop.
        """
        joined_before = 0 if opening else self.known(max(first_row - 1, 0))
        return joined_before, self.known(max(last_row - 1, 0))


CUSTOMERS = Growth(initial=1_000, ceiling=4_000_000, orders_each=4)
"""A new customer in four orders at first: three quarters of a young shop's orders are repeat purchases."""

PRODUCTS = Growth(initial=500, ceiling=20_000, orders_each=200)
"""A catalogue that gains one product per 200 orders and never exceeds 20,500."""
