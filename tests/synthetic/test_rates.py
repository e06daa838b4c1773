"""Each defect comes at its own rate, is in the ledger exactly, and changes nothing but itself."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import combinations, pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pytest_floe.synthetic import DataQuality, Ecommerce
from pytest_floe.synthetic.schemas import KEYS

from .oracle import ENTITIES, database, plausible, together
from .shops import rates, seeds, spans

sizes = st.sampled_from([0, 1, 2, 100, 5_000]) | st.integers(0, 2_000)


def shop(seed, **quality):
    return Ecommerce(seed=seed, quality=DataQuality(**quality))


def lines_of(batch, entity, kind, column=None):
    lines = batch.defects.filter((pc.field("entity") == entity) & (pc.field("kind") == kind))
    return lines if column is None else lines.filter(pc.field("column") == column)


def count(batch, *what):
    return len(lines_of(batch, *what))


@given(seeds, rates, sizes)
def test_nulls_come_at_their_rate_and_are_all_in_the_ledger(seed, rate, orders):
    quality = {"late_arrival_rate": 0.5}
    spoiled, whole = shop(seed, null_rate=rate, **quality), shop(seed, **quality)
    spoiled, whole = spoiled.batch(1, orders=orders), whole.batch(1, orders=orders)
    for entity, column in (("customers", "email"), ("orders", "shipped_date"), ("order_items", "discount")):
        before, after = getattr(whole, entity)[column], getattr(spoiled, entity)[column]
        lost = after.null_count - before.null_count
        assert lost == count(spoiled, entity, "null", column)
        assert plausible(lost, len(before) - before.null_count, rate), (entity, lost)


@given(seeds, rates, sizes)
def test_a_null_is_one_however_often_the_row_comes(seed, rate, orders):
    """A duplicate may have been shipped where the first delivery has not."""
    quality = {"late_arrival_rate": 0.5, "duplicate_rate": 0.5}
    spoiled, whole = shop(seed, null_rate=rate, **quality), shop(seed, **quality)
    spoiled, whole = (made.batch(1, orders=orders).orders.to_pylist() for made in (spoiled, whole))
    of_order = defaultdict(set)
    for row, before in zip(spoiled, whole, strict=True):
        if before["shipped_date"] is not None:
            of_order[row["order_id"]].add(row["shipped_date"] is None)
    assert all(len(nulls) == 1 for nulls in of_order.values())
    assert plausible(sum(True in nulls for nulls in of_order.values()), len(of_order), rate)


@given(seeds, rates, sizes)
def test_duplicates_come_at_their_rate(seed, rate, orders):
    batch, clean = shop(seed, duplicate_rate=rate).batch(1, orders=orders), shop(seed).batch(1, orders=orders)
    for entity in ("orders", "order_items"):
        extra = len(getattr(batch, entity)) - len(getattr(clean, entity))
        assert extra == count(batch, entity, "duplicate")
        assert plausible(extra, len(getattr(clean, entity)), rate)


@given(seeds, st.floats(0.1, 1), st.integers(1, 200))
def test_a_duplicate_comes_up_to_63_places_of_the_clean_table_later(seed, rate, orders):
    place = {}
    for key in shop(seed, duplicate_rate=rate).batch(1, orders=orders).orders["order_id"].to_pylist():
        assert len(place) - 1 - place.setdefault(key, len(place)) <= 63


NEXT = {"pending": "processing", "processing": "shipped", "shipped": "delivered"}


@given(seeds, st.floats(0.1, 1), st.integers(1, 200))
def test_a_duplicate_order_is_updated_later_and_is_otherwise_itself(seed, rate, orders):
    batch = shop(seed, duplicate_rate=rate, late_arrival_rate=0.5).batch(1, orders=orders)
    first = {}
    for row in batch.orders.to_pylist():
        original = first.setdefault(row["order_id"], row)
        if original is row:
            continue
        assert original["updated_at"] < row["updated_at"] <= row["_ingested_at"]
        assert {k for k in row if row[k] != original[k]} <= {"updated_at", "status", "shipped_date"}
        assert (row["shipped_date"] is not None) == (row["status"] in {"shipped", "delivered"})
        assert row["status"] in {original["status"], NEXT.get(original["status"])}
        shipped_now = original["status"] == "processing" and row["status"] == "shipped"
        assert row["shipped_date"] == (row["updated_at"] if shipped_now else original["shipped_date"])


@given(seeds)
def test_half_of_the_duplicates_are_a_step_further(seed):
    batch = shop(seed, duplicate_rate=1.0, late_arrival_rate=0.5).batch(1, orders=500)
    states = defaultdict(list)
    for row in batch.orders.to_pylist():
        states[row["order_id"]].append(row["status"])
    steps = [before != after for before, after in states.values() if before in NEXT]
    assert plausible(sum(steps), len(steps), 0.5)


@given(seeds, rates, spans, sizes, st.integers(1, 30))
def test_late_orders_come_at_their_rate_from_before_the_window(seed, rate, span, orders, days):
    quality = DataQuality(late_arrival_rate=rate, max_late_days=days)
    made = Ecommerce(seed=seed, quality=quality, batch_span=span)
    batch, begin = made.batch(1, orders=orders), made.start + span
    late = [date for date in batch.orders["order_date"].to_pylist() if date < begin]
    assert all(begin - timedelta(days=days) <= date for date in late)
    assert len(late) == count(batch, "orders", "late", "order_date")
    assert plausible(len(late), orders, rate)
    assert set(batch.orders["_ingested_at"].to_pylist()) <= {begin + span}


@given(seeds, rates, st.integers(0, 300), st.integers(0, 40))
def test_order_items_are_withheld_at_the_rate_of_late_arrivals(seed, rate, orders, number):
    made = shop(seed, late_arrival_rate=rate)
    items = len(made.clean().batch(number, orders=orders).order_items)
    assert plausible(count(made.batch(number, orders=orders), "order_items", "withheld"), items, rate)


@given(seeds, rates, st.integers(0, 60), st.sampled_from([timedelta(hours=12), timedelta(days=2)]), st.integers(1, 3))
def test_every_late_item_is_delivered_once_within_max_late_days(seed, rate, orders, span, days):
    made = Ecommerce(seed=seed, quality=DataQuality(late_arrival_rate=rate, max_late_days=days), batch_span=span)
    batches = list(made.batches(0, 12, orders=orders))
    clean = list(made.clean().batches(0, 12, orders=orders))
    tables = database(batches)
    tables.register("clean_orders", together(clean, "orders"))
    tables.register("clean_items", together(clean, "order_items"))
    late = tables.execute(
        """SELECT count(*), count(DISTINCT order_item_id), bool_and(i._batch_id > o._batch_id),
                  max(i._ingested_at - to_microseconds($1) - o.order_date) <= to_days($2)
           FROM order_items i JOIN clean_orders o USING (order_id) WHERE i._batch_id <> o._batch_id""",
        [span // timedelta(microseconds=1), days],
    ).fetchone()
    assert late[0] == late[1]
    assert late[2:] in {(None, None), (True, True)}
    due = tables.execute(
        """SELECT count(*) FROM defects LEFT JOIN order_items i ON i.order_item_id = key
           WHERE kind = 'withheld' AND original::BIGINT < 12 AND i._batch_id IS DISTINCT FROM original::BIGINT"""
    ).fetchone()
    assert due == (0,)
    totals = tables.execute(
        """SELECT order_id FROM clean_orders LEFT JOIN clean_items USING (order_id) LEFT JOIN orders USING (order_id)
           GROUP BY order_id, orders.total_amount HAVING sum(subtotal) <> orders.total_amount"""
    ).fetchall()
    assert totals == []


@given(seeds, rates, st.integers(1, 12))
def test_no_item_of_a_history_is_late_for_a_batch_behind_its_end(seed, rate, batches):
    plan = shop(seed, late_arrival_rate=rate).history(orders=20 * batches, days=5, batch_size=20)
    made = list(plan.batches())
    withheld = together(made, "defects").filter(pc.field("kind") == "withheld")
    assert all(int(target) < batches for target in withheld["original"].to_pylist())
    assert count(made[-1], "order_items", "withheld") == 0


@given(seeds, rates, sizes)
def test_orphans_name_nobody_and_nothing(seed, rate, orders):
    made = shop(seed, orphan_rate=rate)
    batches = [made.batch(0, orders=orders), made.batch(1, orders=orders)]
    for child, parent, key in (("orders", "customers", "customer_id"), ("order_items", "products", "product_id")):
        known = together(batches, parent)[key].combine_chunks()
        for batch in batches:
            missing = pc.sum(pc.invert(pc.is_in(getattr(batch, child)[key], known))).as_py() or 0
            assert missing == count(batch, child, "orphan", key)
            assert plausible(missing, len(getattr(batch, child)), rate)


@given(seeds, rates, sizes)
def test_rows_out_of_order_stand_after_their_place(seed, rate, orders):
    made = shop(seed, out_of_order_rate=rate)
    batch, clean = made.batch(1, orders=orders), made.clean().batch(1, orders=orders)
    for entity in ("orders", "order_items"):
        table, expected = getattr(batch, entity), getattr(clean, entity)
        assert sorted(table[KEYS[entity]].to_pylist()) == sorted(expected[KEYS[entity]].to_pylist())
        assert plausible(count(batch, entity, "out_of_order"), max(len(expected) - 1, 0), rate)
        lines = lines_of(batch, entity, "out_of_order")
        stands = {key: row for row, key in enumerate(table[KEYS[entity]].to_pylist())}
        followed_by = dict(pairwise(expected[KEYS[entity]].to_pylist()))
        late = set(lines["key"].to_pylist())
        assert all(stands[key] > stands[followed_by[key]] for key in late if followed_by[key] not in late)


@pytest.mark.parametrize("entity", ["orders", "order_items"])
def test_a_row_out_of_order_stands_up_to_63_places_late(entity):
    """Exactly so far as it is late itself, where few others are."""
    defects = shop(1, out_of_order_rate=0.005).batch(0, orders=40_000).defects
    lines = defects.filter(pc.field("entity") == entity)
    late = pc.subtract(lines["row"], lines["original"].cast(pa.int64()))
    assert pc.max(late).as_py() == 63


@given(seeds, rates, st.integers(0, 5))
def test_schemas_drift_batch_by_batch(seed, rate, orders):
    made = shop(seed, schema_drift_rate=rate).even(orders)
    drifted = 0
    for number in range(20):
        batch, expected = made.batch(number), Ecommerce(seed=seed).batch(number, orders=orders)
        changed = [e for e in ENTITIES if getattr(batch, e).schema != getattr(expected, e).schema]
        assert changed == batch.defects["entity"].to_pylist()
        drifted += len(changed)
    assert plausible(drifted, 20, rate)


KINDS = {
    "null_rate": {"email", "shipped_date", "discount"},
    "duplicate_rate": set(),
    "late_arrival_rate": {"order_date", "status", "shipped_date", "updated_at", "_batch_id", "_ingested_at"},
    "orphan_rate": {"customer_id", "product_id"},
    "out_of_order_rate": set(),
}


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds, rate=rates, others=st.dictionaries(st.sampled_from(sorted(KINDS)), rates), orders=st.integers(0, 60))
def test_turning_a_defect_on_changes_no_other_value(kind, seed, rate, others, orders):
    with_it = shop(seed, **(others | {kind: rate})).batch(2, orders=orders)
    without = shop(seed, **(others | {kind: 0.0})).batch(2, orders=orders)
    for entity in ENTITIES:
        one, other = ({r[KEYS[entity]]: r for r in getattr(b, entity).to_pylist()[::-1]} for b in (with_it, without))
        for key in one.keys() & other.keys():
            changed = {column for column in one[key] if one[key][column] != other[key][column]}
            assert changed <= KINDS[kind], (entity, changed)


def chosen_by(seed, entity, kind, column):
    """The first rows of an unspoiled shop that a kind of defect could choose, and whether it has."""
    rate = "late_arrival_rate" if kind in {"late", "withheld"} else f"{kind}_rate"
    quality = DataQuality(max_late_days=30, **{rate: 0.5})
    made = Ecommerce(seed=seed, quality=quality, batch_span=timedelta(days=7))
    batch, clean = made.batch(0, orders=400), getattr(made.clean().batch(0, orders=400), entity)
    chosen = pc.is_in(clean[KEYS[entity]], lines_of(batch, entity, kind)["key"].combine_chunks()).to_pylist()
    possible = pc.is_valid(clean[column]).to_pylist() if column else [True] * len(clean)
    return {row: chosen[row] for row in range(len(clean)) if possible[row]}


CHILDREN = ("orders", "order_items")


@settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))  # it has nothing but a seed to shrink
@given(seeds)
def test_no_two_kinds_of_defects_choose_the_same_rows(seed):
    kinds = [
        ("customers", "null", "email"), ("orders", "null", "shipped_date"), ("order_items", "null", "discount"),
        *((entity, kind, None) for kind in ("duplicate", "orphan", "out_of_order") for entity in CHILDREN),
        ("orders", "late", None), ("order_items", "withheld", None),
    ]  # fmt: skip
    choices = {kind: chosen_by(seed, *kind) for kind in kinds}
    for one, other in combinations(kinds, 2):
        rows = choices[one].keys() & choices[other].keys()
        alike = sum(choices[one][row] == choices[other][row] for row in rows)
        assert plausible(alike, len(rows), 0.5), (one, other)


AT_ONCE = 100_000
large = st.floats(3, 6).map(lambda power: round(10**power))


def spoiled_keys(plan, orders, chosen):
    """How many different rows have lines of some kinds: those of second deliveries have lines, too."""
    found = {line: [] for line in chosen}
    for first in range(0, orders, AT_ONCE):
        part = plan.part(0, first, min(first + AT_ONCE, orders))
        for line in chosen:
            found[line].append(lines_of(part, *line).select(["key"]))
    return {line: pc.count_distinct(pa.concat_tables(keys)["key"]).as_py() for line, keys in found.items()}


# Shrinking would keep the tables of every attempt, which fill the memory.
@settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(seeds, large, rates, rates, rates)
def test_rates_and_sums_hold_in_large_batches(seed, orders, null, duplicate, late):
    plan = shop(seed, null_rate=null, duplicate_rate=duplicate, late_arrival_rate=late).even(orders)
    duplicates, moved = ("orders", "duplicate", None), ("orders", "late", "order_date")
    withheld, undiscounted = ("order_items", "withheld", None), ("order_items", "null", "discount")
    found = spoiled_keys(plan, orders, (duplicates, moved, withheld, undiscounted))
    total = sold = items = 0
    for first in range(0, orders, AT_ONCE):
        clean = shop(seed).even(orders).part(0, first, min(first + AT_ONCE, orders), only=CHILDREN)
        total += pc.sum(clean.orders["total_amount"]).as_py()
        sold += pc.sum(clean.order_items["subtotal"]).as_py()
        items += len(clean.order_items)
    assert total == sold
    assert plausible(found[duplicates], orders, duplicate)
    assert plausible(found[moved], orders, late)
    assert plausible(found[withheld], items, late)
    assert plausible(found[undiscounted], items - found[withheld], null)
