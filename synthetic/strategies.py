"""Hypothesis strategies for settings and batches. They shrink to a clean shop and few orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from .quality import DataQuality, rate_names
from .shop import Ecommerce

if TYPE_CHECKING:
    from .plan import Batch

_LARGEST_SEED = 2**32 - 1


def rates(*, max_rate: float = 1.0) -> st.SearchStrategy[float]:
    """Rates from 0 to `max_rate`, the ends among them often."""
    return st.sampled_from([0.0, max_rate]) | st.floats(0, max_rate)


@st.composite
def data_quality(
    draw: st.DrawFn, *, kinds: tuple[str, ...] = (), max_rate: float = 1.0, max_late_days: int = 30
) -> DataQuality:
    """Defects of all kinds, or only of the given ones: names of rates without `_rate`, such as "null"."""
    chosen = [name for name in rate_names() if not kinds or name.removesuffix("_rate") in kinds]
    unknown = set(kinds) - {name.removesuffix("_rate") for name in rate_names()}
    if unknown:
        raise ValueError(f"no such kinds of defects: {', '.join(sorted(unknown))}")
    drawn = {name: draw(rates(max_rate=max_rate), label=name) for name in chosen}
    return DataQuality(**drawn, max_late_days=draw(st.integers(1, max_late_days), label="max_late_days"))


@st.composite
def batches(
    draw: st.DrawFn,
    *,
    quality: st.SearchStrategy[DataQuality] | None = None,
    max_orders: int = 50,
    max_number: int = 100,
) -> Batch:
    """One batch of any shop; keys resolve within the batches before it, so `max_number=0` gives closed data."""
    shop = Ecommerce(
        seed=draw(st.integers(0, _LARGEST_SEED), label="seed"),
        quality=draw(data_quality() if quality is None else quality, label="quality"),
    )
    number = draw(st.integers(0, max_number), label="number")
    return shop.batch(number, orders=draw(st.integers(0, max_orders), label="orders"))
