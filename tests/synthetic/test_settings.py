from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_floe.synthetic import DataQuality, Ecommerce
from pytest_floe.synthetic.errors import InvalidSettings
from pytest_floe.synthetic.quality import rate_names
from pytest_floe.synthetic.strategies import batches, data_quality

wrong = st.floats(max_value=-1e-9) | st.floats(min_value=1.0000001) | st.sampled_from([float("nan"), "0.1", None, True])


@given(st.dictionaries(st.sampled_from(rate_names()), wrong, min_size=1))
def test_every_wrong_rate_is_told_at_once(rates):
    with pytest.raises(InvalidSettings) as told:
        DataQuality(**rates, max_late_days=0)
    assert len(told.value.mistakes) == len(rates) + 1
    assert all(any(name in mistake for mistake in told.value.mistakes) for name in (*rates, "max_late_days"))


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
