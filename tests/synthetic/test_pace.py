"""Time is simulated: what counts is when a batch would be handed out."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_floe.synthetic import Ecommerce, pace


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def test_a_stream_brings_the_next_batch_after_each_interval(clock):
    shop, came = Ecommerce(seed=1), []
    for batch in shop.stream(every=timedelta(minutes=5), orders=3, start=7, stop=10):
        came.append((batch.number, clock.now - 100))
        clock.sleep(20)
    assert came == [(7, 0), (8, 300), (9, 600)]


def test_a_slow_consumer_is_given_what_it_missed_at_once(clock):
    came = []
    for _ in Ecommerce().stream(every=10, orders=1, stop=5):
        came.append(clock.now - 100)
        clock.sleep(25 if len(came) == 1 else 0)
    assert came == [0, 25, 25, 30, 40]


@given(st.sampled_from([20, 100, 1000, 20_000]))
def test_a_burst_holds_its_rate_over_ten_seconds(rate):
    with pytest.MonkeyPatch.context() as patched:
        clock = Clock()
        patched.setattr(pace, "time", clock)
        records = 0
        for batch in itertools.takewhile(lambda _: clock.now < 110, Ecommerce(seed=2).burst(rate, start=50)):
            records += batch.records
    assert abs(records / 10 - rate) <= 0.02 * rate + batch.records / 10


def test_a_burst_does_not_pause_for_what_the_shop_opens_with(clock):
    came = Ecommerce(seed=2).burst(300, stop=2)
    (at_first, first), (then, _) = [(clock.now - 100, batch.records) for batch in came]
    assert at_first == 0
    assert then == pytest.approx((first - 1500) / 300)


def test_a_burst_waits_in_real_time_too():
    """How well it keeps up depends on what else runs, and is measured by the benchmark."""
    import time

    began, records = time.monotonic(), 0
    for batch in Ecommerce(seed=2).burst(2000, start=50, stop=60):
        assert records <= 2000 * (time.monotonic() - began)
        records += batch.records


def test_without_a_rate_batches_come_as_fast_as_they_are_made(clock):
    assert [b.number for b in Ecommerce().burst(None, stop=3)] == [0, 1, 2]
    assert clock.now == 100
