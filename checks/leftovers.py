"""Sweeping what crashed runs left, which is no fault of this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytest_floe import Probe


@contextmanager
def sweeping(probe: Probe) -> Iterator[None]:
    """Note what keeps a sweep, or a part of it, from finishing, and go on."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever a driver raises
        probe.fact(sweep=f"not finished: {type(error).__name__}")
