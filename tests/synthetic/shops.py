"""Shops to try: strategies for everything a shop can be given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from pytest_floe.synthetic import DataQuality

seeds = st.integers(0, 2**64 - 1)
spans = st.sampled_from([timedelta(minutes=5), timedelta(seconds=1), timedelta(days=1), timedelta(days=40)])
starts = st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
rates = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)

qualities = st.builds(
    DataQuality,
    null_rate=rates,
    duplicate_rate=rates,
    late_arrival_rate=rates,
    max_late_days=st.integers(1, 30),
    orphan_rate=rates,
    out_of_order_rate=rates,
    schema_drift_rate=rates,
)
