from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_floe.synthetic import Ecommerce
from pytest_floe.synthetic.schemas import COLUMNS, SCHEMAS

from .oracle import ENTITIES, together, violations

seeds = st.integers(0, 2**64 - 1)
spans = st.sampled_from([timedelta(seconds=1), timedelta(minutes=5), timedelta(days=1), timedelta(days=40)])
starts = st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(seeds, starts, spans, st.integers(0, 400), st.integers(1, 6))
def test_clean_batches_of_equal_size_keep_every_invariant(seed, start, span, orders, batches):
    shop = Ecommerce(seed=seed, start=start, batch_span=span)
    assert violations(list(shop.batches(0, batches, orders=orders))) == {}


@given(seeds, starts, spans, st.floats(0.001, 5000), st.integers(1, 6))
def test_clean_batches_along_the_curve_keep_every_invariant(seed, start, span, per_batch, batches):
    shop = Ecommerce(seed=seed, start=start, batch_span=span)
    per_day = per_batch * (timedelta(days=1) / span)
    assert violations(list(shop.batches(0, batches, orders_per_day=min(per_day, 1e9)))) == {}


@given(seeds, st.integers(0, 1000), st.integers(100, 1000))
def test_a_clean_history_keeps_every_invariant(seed, orders, size):
    batches = list(Ecommerce(seed=seed).history(orders=orders, days=30, batch_size=size).batches())
    assert violations(batches) == {}
    assert sum(len(batch.orders) for batch in batches) == orders
    assert batches[0].begin == Ecommerce().start
    assert batches[-1].end == Ecommerce().start + timedelta(days=30)
    assert all(before.end == after.begin for before, after in pairwise(batches))


@pytest.mark.parametrize("table", [*ENTITIES, "defects"])
def test_every_table_has_the_documented_schema_even_when_empty(table):
    for batch in (Ecommerce().batch(0, orders=0), Ecommerce().batch(3, orders=50)):
        assert getattr(batch, table).schema == SCHEMAS[table]
    assert all(column.meaning for column in COLUMNS[table])


@given(seeds, spans, st.integers(0, 500), st.integers(0, 10_000))
def test_a_batch_covers_its_window_with_the_exact_number_of_orders(seed, span, orders, number):
    shop = Ecommerce(seed=seed, batch_span=span)
    batch = shop.batch(number, orders=orders)
    begin = shop.start + number * span
    dates = batch.orders["order_date"].to_pylist()
    assert len(dates) == orders
    assert all(begin <= date < begin + span for date in dates)
    assert set(batch.orders["_ingested_at"].to_pylist()) <= {begin + span}
    assert set(batch.orders["_batch_id"].to_pylist()) <= {number}


@given(seeds, st.integers(1, 12), st.integers(1, 12))
def test_without_defects_only_times_depend_on_how_many_orders_a_batch_has(seed, small, large):
    shop = Ecommerce(seed=seed)
    timed = {"status", "order_date", "shipped_date", "updated_at", "created_at", "_batch_id", "_ingested_at"}
    for table in ENTITIES:
        many = together(shop.batches(0, large, orders=small), table)
        few = together(shop.batches(0, small, orders=large), table)
        assert many.drop_columns(list(timed & set(many.column_names))).equals(
            few.drop_columns(list(timed & set(few.column_names)))
        )


@given(seeds, st.integers(1, 400), st.integers(40, 400), st.integers(40, 400))
def test_a_history_depends_on_the_batch_size_in_nothing_but_what_is_reckoned_to_delivery(seed, orders, one, other):
    shop = Ecommerce(seed=seed)
    reckoned = {"_batch_id", "_ingested_at"}
    for table in ENTITIES:
        tables = [
            together(shop.history(orders=orders, days=10, batch_size=size).batches(), table) for size in (one, other)
        ]
        drop = reckoned | ({"status", "shipped_date", "updated_at"} if table == "orders" else set())
        first, second = (t.drop_columns([c for c in t.column_names if c in drop]) for t in tables)
        assert first.equals(second)


@given(seeds, st.integers(100, 5_000))
def test_along_the_curve_the_span_moves_no_order_and_no_newcomer_but_to_the_begin_of_its_batch(seed, orders_per_day):
    shop = Ecommerce(seed=seed, batch_span=timedelta(days=1))
    day = shop.curve(orders_per_day).batch(0)
    hours = list(replace(shop, batch_span=timedelta(hours=1)).curve(orders_per_day).batches(0, 24))
    assert together(hours, "orders")["order_date"].equals(together([day], "orders")["order_date"])
    for table in ("customers", "products"):
        joined = [max(created, day.begin) for created in getattr(day, table)["created_at"].to_pylist()]
        for hour in hours:
            here, joined = joined[: len(getattr(hour, table))], joined[len(getattr(hour, table)) :]
            created = [max(at, day.begin) for at in getattr(hour, table)["created_at"].to_pylist()]
            assert created == [max(at, hour.begin) for at in here]


def test_products_and_customers_that_join_during_a_day_precede_their_orders():
    shop = Ecommerce(seed=5, batch_span=timedelta(days=1))
    assert violations(list(shop.batches(0, 3, orders=8000))) == {}


@given(seeds, st.integers(1, 300))
def test_discounts_and_price_tests_are_rounded_to_the_nearest_cent(seed, orders):
    batch = Ecommerce(seed=seed).batch(0, orders=orders)
    listed = {p["product_id"]: int(100 * p["price"]) for p in batch.products.to_pylist()}
    for item in batch.order_items.to_pylist():
        price, discount = int(100 * item["unit_price"]), int(100 * item["discount"])
        assert price in {(listed[item["product_id"]] * p + 500) // 1000 for p in (950, 970, 1000, 1030, 1050)}
        assert discount in {(price * item["quantity"] * p + 50) // 100 for p in (0, 5, 10, 15, 20, 30)}


RANK = {"pending": 0, "processing": 1, "shipped": 2, "delivered": 3}


@given(seeds, st.floats(0.01, 60))
def test_the_life_of_an_order_only_goes_on_however_early_it_is_looked_at(seed, days):
    """Smaller batches are delivered earlier; the orders are the same."""
    shop, seen = Ecommerce(seed=seed), {}
    for size in (10, 50, 200):
        for batch in shop.history(orders=200, days=days, batch_size=size).batches():
            for row in batch.orders.to_pylist():
                seen.setdefault(row["order_id"], []).append(row)
    for before, after in (pair for rows in seen.values() for pair in pairwise(rows)):
        assert before["_ingested_at"] <= after["_ingested_at"]
        assert before["updated_at"] <= after["updated_at"]
        if "cancelled" in {before["status"], after["status"]}:
            assert after["status"] == "cancelled"
            assert before["shipped_date"] is None
        else:
            assert RANK[before["status"]] <= RANK[after["status"]]
        assert before["shipped_date"] in {None, after["shipped_date"]}


@given(seeds, st.integers(0, 167), st.floats(50, 50_000))
def test_the_first_week_has_the_orders_a_day_asked_for_and_each_further_one_half_a_percent_more(seed, hour, per_day):
    start = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(hours=hour)
    weeks = Ecommerce(seed=seed, start=start, batch_span=timedelta(days=7)).curve(per_day)
    for week in (0, 1, 2, 52, 200):
        assert abs(weeks.window(week).orders - 7 * per_day * (1 + 0.005 * week)) <= 2
