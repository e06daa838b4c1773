from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_floe.synthetic import DataQuality, Ecommerce
from pytest_floe.synthetic.errors import InvalidSettings
from pytest_floe.synthetic.quality import rate_names
from pytest_floe.synthetic.sinks.files import FileSink
from pytest_floe.synthetic.sinks.formats import Parquet
from pytest_floe.synthetic.strategies import batches, data_quality

wrong = st.floats(max_value=-1e-9) | st.floats(min_value=1.0000001) | st.sampled_from([float("nan"), "0.1", None, True])


@given(st.dictionaries(st.sampled_from(rate_names()), wrong, min_size=1))
def test_every_wrong_rate_is_told_at_once(rates):
    with pytest.raises(InvalidSettings) as told:
        DataQuality(**rates, max_late_days=0)
    assert len(told.value.mistakes) == len(rates) + 1
    assert all(any(name in mistake for mistake in told.value.mistakes) for name in (*rates, "max_late_days"))


def test_the_demos_rates_are_the_documented_ones():
    demo = DataQuality(null_rate=0.02, duplicate_rate=0.01, late_arrival_rate=0.05, max_late_days=7)
    assert DataQuality.demo() == demo


def test_every_wrong_setting_of_a_shop_is_told_at_once():
    with pytest.raises(InvalidSettings) as told:
        Ecommerce(seed="x", quality=None, start=datetime(2025, 1, 1), batch_span=timedelta(0))  # noqa: DTZ001
    assert len(told.value.mistakes) == 4


@pytest.mark.parametrize("seed", [True, np.True_, 1.0, np.float64(1), None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InvalidSettings, match=r"^seed=.* is not a whole number"):
        Ecommerce(seed=seed)


def test_a_seed_of_numpy_is_the_same_seed():
    shop = Ecommerce(seed=np.int64(5))
    assert shop == Ecommerce(seed=5)
    assert type(shop.seed) is int
    assert shop.batch(0, orders=3) == Ecommerce(seed=5).batch(0, orders=3)


def test_rates_and_days_of_numpy_are_the_same_ones():
    given = DataQuality(null_rate=np.float32(0.5), duplicate_rate=np.int64(1), max_late_days=np.int64(3))
    assert given == DataQuality(null_rate=0.5, duplicate_rate=1, max_late_days=3)
    assert not any(isinstance(getattr(given, name), np.generic) for name in ("null_rate", "duplicate_rate"))
    with pytest.raises(InvalidSettings, match=r"null_rate=.*True.*; max_late_days=.*nan"):
        DataQuality(null_rate=np.True_, max_late_days=np.float32("nan"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("orders_per_day", [1e-8, 1e-12, 5e-324])
def test_a_shop_may_have_no_order_for_decades(orders_per_day):
    plan = Ecommerce(batch_span=timedelta(days=3653)).curve(orders_per_day)
    assert [plan.window(number).end_row for number in (0, 1, 2)] == [0, 0, 0]


@pytest.mark.parametrize(
    "call",
    [
        lambda shop: shop.batch(-1, orders=1),
        lambda shop: shop.batch(0, orders=-1),
        lambda shop: shop.batch(0, orders=1.5),
        lambda shop: shop.batches(0, 1, orders=1, orders_per_day=1),
        lambda shop: shop.batches(0, 1, orders_per_day=-3),
        lambda shop: shop.history(orders=-1, days=0, batch_size=0),
        lambda shop: shop.even(10).part(0, 5, 11),
        lambda shop: shop.burst(0),
    ],
)
def test_a_wrong_argument_is_told(call):
    with pytest.raises(InvalidSettings):
        list(call(Ecommerce()))


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda shop: shop.stream(every=-1), ["every=-1 "]),
        (lambda shop: shop.stream(every=NAN), ["every=nan "]),
        (lambda shop: shop.stream(every=timedelta.max), ["every=datetime.timedelta"]),
        (lambda shop: shop.stream(every=INF, orders=-1), ["every=inf ", "orders=-1 "]),
        (lambda shop: shop.burst(INF), ["records_per_second=inf "]),
        (lambda shop: shop.burst("10"), ["records_per_second='10' "]),
        (lambda shop: shop.even(True), ["orders=True "]),
        (lambda shop: shop.even(10).batch(True), ["batch True "]),
        (lambda shop: shop.even(10).part(0, 0.0, 20), ["first=0.0 ", "end=20 "]),
        (lambda shop: shop.batches(-1, 2.0), ["start=-1 ", "stop=2.0 "]),
        (lambda shop: shop.curve("10"), ["orders_per_day='10' "]),
        (
            lambda shop: shop.history(orders=10.5, days=NAN, batch_size=NAN),
            ["orders=10.5 ", "days=nan ", "batch_size=nan "],
        ),
        (lambda shop: shop.history(orders=10, days=10**400, batch_size=5), ["days=1000"]),
        (lambda shop: shop.history(orders=10, days=1e-12, batch_size=5), ["days=1e-12 "]),
    ],
)
def test_a_wrong_argument_is_told_by_name_and_value_when_it_is_given(call, named):
    with pytest.raises(InvalidSettings) as told:
        call(Ecommerce())
    assert [m[: len(name)] for m, name in zip(told.value.mistakes, named, strict=True)] == named


def test_every_wrong_setting_of_a_format_is_told_at_once():
    with pytest.raises(InvalidSettings) as told:
        Parquet("zip", 0)
    assert [m.split()[0] for m in told.value.mistakes] == ["compression='zip'", "row_group_size=0"]


def test_the_name_of_a_format_is_none(tmp_path):
    with pytest.raises(InvalidSettings, match=r"^file_format='csv' is not a FileFormat: give .*FORMATS"):
        FileSink(tmp_path, "csv")


def test_a_history_has_no_batches_but_its_own():
    plan = Ecommerce().history(orders=10, days=5, batch_size=3)
    assert [b.number for b in plan.batches(2, 4)] == [2, 3]
    assert list(plan.batches(4)) == []
    for call in (
        lambda: plan.batch(4),
        lambda: plan.part(400, 0, 0),
        lambda: plan.batches(2, 5),
        lambda: plan.batches(5),
    ):
        with pytest.raises(InvalidSettings, match=r"from 0 to [34]$"):
            call()


def test_no_batch_ends_after_the_year_9999():
    shop = Ecommerce(batch_span=timedelta(days=1))
    last = (datetime.max.replace(tzinfo=UTC) - shop.start).days - 1
    assert shop.batch(last, orders=3).end == datetime(9999, 12, 31, tzinfo=UTC)
    for plan in (shop.even(3), shop.curve(3)):
        with pytest.raises(InvalidSettings, match=f"^batch {last + 1} does not exist: .* 0 to {last}, .* 9999"):
            plan.batch(last + 1)


def test_a_shop_has_as_many_orders_as_can_be_reckoned_with():
    plan = Ecommerce().even(1 << 20)
    assert plan.part((1 << 20) - 1, (1 << 20) - 3, 1 << 20).orders.num_rows == 3
    with pytest.raises(InvalidSettings, match=r"^batch 1048576 ends with order 1099512676352 .*: take an"):
        plan.part(1 << 20, 0, 3)


def test_numbers_of_numpy_are_taken_for_what_they_are():
    shop = Ecommerce()
    assert shop.batch(np.int64(3), orders=np.int32(7)) == shop.batch(3, orders=7)
    given = shop.history(orders=np.int64(10), days=np.float32(5), batch_size=np.uint8(3))
    assert given.batch(1) == shop.history(orders=10, days=5, batch_size=3).batch(1)


@given(st.integers(1, 3000), st.integers(0, 168), st.floats(0, 1), st.integers(1, 5))
def test_the_shortest_history_has_no_batch_without_time(orders, hours, share, batch_size):
    """Also if it begins in a quiet hour and ends in a busy one."""
    period = timedelta(microseconds=4 * orders)
    start = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(hours=hours) - share * period
    plan = Ecommerce(start=start).history(orders=orders, days=period / timedelta(days=1), batch_size=batch_size)
    windows = [plan.window(number) for number in range(plan.batch_count)]
    assert [w for w in windows if w.begin >= w.end] == []


@given(data_quality(kinds=("null", "duplicate"), max_rate=0.5, max_late_days=3))
def test_strategies_draw_what_they_are_asked_for(quality):
    assert max(quality.null_rate, quality.duplicate_rate) <= 0.5
    assert quality.late_arrival_rate == quality.orphan_rate == 0
    assert quality.max_late_days <= 3


@given(batches(max_orders=20, max_number=0))
def test_a_drawn_batch_is_one_to_test_with(batch):
    assert batch.number == 0
    assert batch.begin == datetime(2025, 1, 1, tzinfo=UTC)
    assert set(batch.orders["_batch_id"].to_pylist()) <= {0}


@given(st.data())
def test_an_unknown_kind_is_told(data):
    with pytest.raises(ValueError, match="typos"):
        data.draw(data_quality(kinds=("typos",)))
