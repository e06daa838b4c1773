from __future__ import annotations

import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_floe.synthetic import DataQuality, Ecommerce, slices
from pytest_floe.synthetic.arrays import uuids
from pytest_floe.synthetic.delivery import REACH, schedule_deliveries
from pytest_floe.synthetic.errors import InvalidSettings
from pytest_floe.synthetic.schemas import TABLES
from pytest_floe.synthetic.streams import Streams

from .oracle import together
from .shops import qualities, seeds, spans


@given(seeds, spans, qualities, st.integers(0, 400), st.integers(0, 40), st.lists(st.floats(0, 1), max_size=4))
def test_the_parts_of_a_batch_one_behind_the_other_are_the_batch(seed, span, quality, orders, number, cuts):
    plan = Ecommerce(seed=seed, quality=quality, batch_span=span).even(orders)
    edges = sorted([0, orders, *(int(cut * orders) for cut in cuts if orders)])
    parts = [plan.part(number, a, b) for a, b in pairwise(edges)]
    whole = plan.batch(number)
    assert [t for t in TABLES if not together(parts, t).equals(getattr(whole, t).combine_chunks())] == []


@pytest.mark.parametrize("number", [0, 7])
def test_parts_without_orders_bring_nothing(number):
    """Three orders among five workers: two have none."""
    plan = Ecommerce(quality=DataQuality(late_arrival_rate=1, schema_drift_rate=1)).even(3)
    parts = [plan.part(number, *cut) for cut in pairwise([0, 0, 1, 3, 3])]
    for table in TABLES:
        first, *others, last = (len(getattr(part, table)) for part in parts)
        assert (first, sum(others), last) == (0, len(getattr(plan.batch(number), table)), 0)


@pytest.mark.parametrize(
    "plan",
    [
        Ecommerce(seed=5, quality=DataQuality.demo()).even(30),
        Ecommerce(seed=5, quality=DataQuality.demo()).curve(9000.5),
        Ecommerce(seed=5, quality=DataQuality.demo()).history(orders=90, days=1.1, batch_size=30),
    ],
)
def test_a_plan_works_in_other_processes(plan):
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert list(pool.map(plan.batch, (2, 0))) == [plan.batch(2), plan.batch(0)]


def test_tables_that_are_none_are_not_left_out_in_silence():
    with pytest.raises(InvalidSettings, match=r"'order' is none of customers, .*, defects$"):
        Ecommerce().even(3).part(0, 0, 3, only=("customers", "order"))


@given(seeds, qualities, st.integers(0, 60), st.permutations(range(5)))
def test_batches_can_be_made_alone_and_in_any_order(seed, quality, orders, order):
    plan = Ecommerce(seed=seed, quality=quality).even(orders)
    alone = {number: Ecommerce(seed=seed, quality=quality).batch(number, orders=orders) for number in order}
    for batch in plan.batches(0, 5):
        assert batch == alone[batch.number]


@given(seeds, qualities, st.integers(0, 200))
def test_dictionary_arrays_hold_the_same_values(seed, quality, orders):
    plan = Ecommerce(seed=seed, quality=quality).even(orders)
    plain, encoded = plan.part(2, 0, orders), plan.part(2, 0, orders, encoded=True)
    for table in TABLES:
        expected = getattr(plain, table)
        assert getattr(encoded, table).cast(expected.schema).equals(expected)


@given(seeds, qualities, st.integers(0, 100), st.sets(st.sampled_from(TABLES)))
def test_tables_that_are_not_asked_for_are_empty_and_change_no_other(seed, quality, orders, wanted):
    plan = Ecommerce(seed=seed, quality=quality).even(orders)
    everything, some = plan.part(0, 0, orders), plan.part(0, 0, orders, only=wanted)
    for table in TABLES:
        assert getattr(some, table).equals(getattr(everything, table)) if table in wanted else not getattr(some, table)


def test_late_items_stand_behind_those_of_the_batch_in_parts_too():
    plan = Ecommerce(seed=1, quality=DataQuality(late_arrival_rate=0.5)).even(100)
    parts = [plan.part(9, 0, 60), plan.part(9, 60, 100)]
    assert together(parts, "order_items").equals(plan.batch(9).order_items.combine_chunks())
    due = plan.batch(9).defects.filter(pc.field("kind") == "late").filter(pc.field("column") == "_batch_id")
    assert min(due["row"].to_pylist()) > 50


def test_a_row_that_is_as_late_as_can_be_is_in_the_part_where_it_is_delivered():
    """Displaced by 63 places, and again by 63 when it is delivered a second time: one row in 4,000."""
    plan = Ecommerce(seed=3, quality=DataQuality(duplicate_rate=1, out_of_order_rate=1)).even(20_000)
    streams, rows = Streams(3), np.arange(20_000)
    deliveries = schedule_deliveries(streams, plan.quality, "orders", rows, rows, len(rows) - 1)
    late = np.flatnonzero(deliveries.place - deliveries.origin == REACH)
    assert len(late)
    whole = plan.batch(0)
    for place in deliveries.place[late[:3]].tolist():
        parts = [plan.part(0, 0, place), plan.part(0, place, 20_000)]
        assert [t for t in TABLES if not together(parts, t).equals(getattr(whole, t).combine_chunks())] == []


def test_a_part_far_into_a_batch_knows_how_many_rows_come_before_it(monkeypatch):
    """They are counted a quarter of a million orders at a time."""
    plan = Ecommerce(seed=4, quality=DataQuality(duplicate_rate=0.5, out_of_order_rate=0.5)).even(1000)
    expected = plan.part(0, 900, 1000)
    monkeypatch.setattr(slices, "_COUNTED_AT_ONCE", 170)
    assert plan.part(0, 900, 1000) == expected


def test_more_keys_than_an_array_of_text_holds_are_refused():
    cells = np.broadcast_to(np.array([b"-" * 36]), 60_000_000)
    with pytest.raises(InvalidSettings, match="60000000 keys exceed the 2 GiB"):
        uuids(cells)


def test_a_history_of_many_batches_takes_no_memory_for_each():
    """Of 2 million, 8 bytes each would be 16 MB."""
    shop = Ecommerce(quality=DataQuality(late_arrival_rate=0.1))  # so that the longest of them matters
    shop.history(orders=1, days=90, batch_size=1)  # loads what all have in common
    tracemalloc.start()
    try:
        plan = shop.history(orders=2_000_000, days=90, batch_size=1)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()
    windows = [plan.window(number) for number in (65_534, 65_535, 65_536, 65_537)]
    assert all(before.end == after.begin for before, after in pairwise(windows))


def test_a_batch_along_the_curve_takes_no_memory_for_the_time_before_it():
    """A century has 876,000 hours, of 8 bytes each."""
    plan = Ecommerce().curve(100)
    plan.window(0)
    tracemalloc.start()
    try:
        window = plan.window(100 * 365 * 288)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
    assert plan.window(window.number - 1).end_row == window.first_row
