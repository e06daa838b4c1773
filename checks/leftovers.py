"""Sweeping what crashed runs left, which is no fault of this one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from pytest_floe import Probe

T = TypeVar("T")

#: Of a check's time, how much a step may spend on what others left.
_SHARE = 0.25


@contextmanager
def sweeping(probe: Probe) -> Iterator[None]:
    """Note what keeps a sweep, or a part of it, from finishing, and go on."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever a driver raises
        probe.fact(sweep=f"not finished: {type(error).__name__}")


def in_time(probe: Probe, found: Sequence[T]) -> Iterator[T]:
    """Yield what was ``found`` one by one, as long as the current step has time; note how many are left for later."""
    until = probe.steps[-1].started + _SHARE * probe.timeout
    for number, one in enumerate(found):
        if time.monotonic() > until:
            probe.fact(sweep=f"not finished: {len(found) - number} left for the next run")
            return
        yield one
