"""How much of the data is spoiled, and how."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from .arguments import as_number
from .errors import refuse

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DataQuality:
    """Rates of defects, each in [0, 1]; without arguments nothing is spoiled.

    `null_rate`: cells of customers.email, orders.shipped_date (shipped orders) and order_items.discount made null.
    `duplicate_rate`: orders and order items delivered a second time; an order with a later `updated_at`.
    `late_arrival_rate`: orders placed up to `max_late_days` before their batch's window, and order items delivered
    with a later batch than their order, at most `max_late_days` after it was placed.
    `orphan_rate`: orders without an existing customer and order items without an existing product.
    `out_of_order_rate`: rows delivered up to 63 places late, counted in the clean table.
    `schema_drift_rate`: batches in which one table has another schema.
    """

    null_rate: float = 0.0
    duplicate_rate: float = 0.0
    late_arrival_rate: float = 0.0
    max_late_days: int = 7
    orphan_rate: float = 0.0
    out_of_order_rate: float = 0.0
    schema_drift_rate: float = 0.0

    def __post_init__(self) -> None:
        mistakes = [m for name in rate_names() if (m := _mistake(name, getattr(self, name)))]
        if not 1 <= (as_number(self.max_late_days) or 0) <= 3650:  # noqa: PLR2004
            mistakes.append(f"max_late_days={self.max_late_days!r} is not a number of days from 1 to 3650")
        refuse(mistakes)
        for name in (*rate_names(), "max_late_days"):
            if not isinstance(value := getattr(self, name), (int, float)):  # one of NumPy's
                object.__setattr__(self, name, as_number(value))

    @classmethod
    def demo(cls) -> DataQuality:
        """The rates of the platform's demo: 2 % nulls, 1 % duplicates, 5 % late within 7 days."""
        return cls(null_rate=0.02, duplicate_rate=0.01, late_arrival_rate=0.05, max_late_days=7)

    def but(self, **changes: float) -> DataQuality:
        """The same with some rates changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def max_late(self) -> int:
        """`max_late_days` in microseconds."""
        return int(self.max_late_days * _DAY_US)

    @property
    def is_clean(self) -> bool:
        """Whether no defect can occur."""
        return not any(getattr(self, name) for name in rate_names())

    @property
    def keeps_order(self) -> bool:
        """Whether every row is delivered once, at its place."""
        return not (self.duplicate_rate or self.out_of_order_rate)


def rate_names() -> tuple[str, ...]:
    """The fields of DataQuality that are rates."""
    return tuple(f.name for f in fields(DataQuality) if f.name.endswith("_rate"))


def _mistake(name: str, rate: object) -> str | None:
    number = as_number(rate)
    return None if number is not None and 0 <= number <= 1 else f"{name}={rate!r} is not a number from 0 to 1"
