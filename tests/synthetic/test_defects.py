from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from pytest_floe.synthetic import DataQuality, Ecommerce, restore
from pytest_floe.synthetic.schemas import KEYS

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


def test_undoing_the_ledger_of_a_growing_shop_gives_the_clean_tables():
    """Late items too are of what was on sale when their order was placed: a product is listed every 200 orders."""
    quality = DataQuality(null_rate=0.1, duplicate_rate=0.1, late_arrival_rate=0.5, orphan_rate=0.1)
    shop, history = Ecommerce(seed=2, quality=quality), {"orders": 20_000, "days": 30, "batch_size": 1000}
    clean = shop.clean().history(**history).batches()
    for restored, expected in zip(restore(shop.history(**history).batches()), clean, strict=True):
        assert differing(restored, expected) == []


def differing(one, other):
    """Names of tables that differ; keeps a failing example readable."""
    return [t for t in ENTITIES if not getattr(one, t).combine_chunks().equals(getattr(other, t).combine_chunks())]


AGAIN = {"status", "shipped_date", "updated_at"}
"""What a second delivery of an order may say anew."""


@given(seeds, spans, qualities, st.integers(0, 30))
def test_every_cell_that_differs_has_a_line_of_its_own_and_no_other_has(seed, span, quality, orders):
    """In second deliveries too, which undoing the ledger throws away."""
    shop = Ecommerce(seed=seed, quality=quality.but(schema_drift_rate=0.0), batch_span=span)
    clean = list(shop.clean().batches(0, 2, orders=orders))
    for batch in shop.batches(0, 2, orders=orders):
        for entity in ENTITIES:
            key, rows = KEYS[entity], getattr(batch, entity).to_pylist()
            before = {row[key]: row for tables in clean for row in getattr(tables, entity).to_pylist()}
            lines = [line for line in batch.defects.to_pylist() if line["entity"] == entity]
            lines = [line for line in lines if line["kind"] != "withheld"]
            assert [line for line in lines if rows[line["row"]][key] != line["key"]] == []
            again = {line["row"] for line in lines if line["kind"] == "duplicate" and entity == "orders"}
            left_open = {(at, column) for at in again for column in AGAIN}
            told = Counter((line["row"], line["column"]) for line in lines if line["column"])
            differ = {(at, name) for at, row in enumerate(rows) for name in row if row[name] != before[row[key]][name]}
            there_and_back = {cell for cell, times in told.items() if times == 2} - differ
            assert told.keys() - left_open - there_and_back == differ - left_open, entity
