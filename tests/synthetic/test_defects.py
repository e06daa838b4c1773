from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from pytest_floe.synthetic import Ecommerce, restore

from .oracle import ENTITIES
from .shops import qualities, seeds, spans


@given(seeds, spans, qualities, st.integers(0, 60), st.integers(1, 4))
def test_undoing_the_ledger_gives_the_clean_tables(seed, span, quality, orders, batches):
    shop = Ecommerce(seed=seed, quality=quality, batch_span=span)
    size, days = max(1, orders // batches), batches * span / timedelta(days=1)
    spoiled = shop.history(orders=orders, days=days, batch_size=size)
    clean = shop.clean().history(orders=orders, days=days, batch_size=size)
    for restored, expected in zip(restore(spoiled.batches()), clean.batches(), strict=True):
        assert differing(restored, expected) == []


def differing(one, other):
    """Names of tables that differ; keeps a failing example readable."""
    return [t for t in ENTITIES if not getattr(one, t).combine_chunks().equals(getattr(other, t).combine_chunks())]
