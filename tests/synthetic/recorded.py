"""Checksums of what seeds gave when this version of the mapping was made.

`python -m tests.synthetic.recorded` writes them anew: only together with a raised streams.MAPPING_VERSION.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_floe.synthetic import DataQuality, Ecommerce
from pytest_floe.synthetic.checksums import checksum
from pytest_floe.synthetic.schemas import TABLES
from pytest_floe.synthetic.streams import MAPPING_VERSION

FILE = Path(__file__).with_name("recorded.json")

ALL_KINDS = DataQuality.demo().but(orphan_rate=0.02, out_of_order_rate=0.05, schema_drift_rate=0.5)

MADE = {
    "clean batch 0": lambda: Ecommerce(seed=42).batch(0, orders=100),
    "demo batch 17": lambda: Ecommerce(seed=42, quality=DataQuality.demo()).batch(17, orders=100),
    "all kinds, batch 5000": lambda: Ecommerce(seed=2**63 + 1, quality=ALL_KINDS).batch(5000, orders=300),
    "one day": lambda: Ecommerce(seed=7, batch_span=timedelta(days=1)).batch(40, orders=2000),
    "along the curve": lambda: (
        Ecommerce(
            seed=-3, start=datetime(2024, 2, 29, 13, 7, tzinfo=UTC), batch_span=timedelta(hours=1), quality=ALL_KINDS
        )
        .curve(9000)
        .batch(100)
    ),
    "history": lambda: (
        Ecommerce(seed=42, quality=DataQuality.demo()).history(orders=50_000, days=365, batch_size=1000).batch(49)
    ),
    "far away": lambda: Ecommerce(seed=1).even(1_000_000).part(90_000, 999_000, 1_000_000),
}


def checksums() -> dict[str, dict[str, str]]:
    """By what was made, by table."""
    return {name: {table: checksum(getattr(batch, table)) for table in TABLES} for name, batch in _made()}


def _made():
    return ((name, make()) for name, make in MADE.items())


if __name__ == "__main__":
    FILE.write_text(json.dumps({"mapping_version": MAPPING_VERSION, "checksums": checksums()}, indent=1) + "\n")
