from __future__ import annotations

from datetime import timedelta

import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_floe.synthetic import DataQuality, Ecommerce, restore
from pytest_floe.synthetic.quality import rate_names

from .oracle import ENTITIES, plausible, together
from .shops import qualities, rates, seeds, spans


@given(seeds, spans, qualities, st.integers(0, 120), st.integers(1, 8))
def test_undoing_the_ledger_gives_the_clean_tables(seed, span, quality, orders, batches):
    shop = Ecommerce(seed=seed, quality=quality, batch_span=span)
    plan = shop.history(orders=orders, days=batches * span / timedelta(days=1), batch_size=max(1, orders // batches))
    clean = shop.clean().history(orders=orders, days=batches * span / timedelta(days=1), batch_size=max(1, orders // batches))
    for restored, expected in zip(restore(plan.batches()), clean.batches(), strict=True):
        for table in ENTITIES:
            assert getattr(restored, table).equals(getattr(expected, table).combine_chunks()), table
