"""Waiting for what happens in other processes, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

_POLL = 0.02


def eventually(condition: Callable[[], bool], within: float = 15.0) -> bool:
    """Tell whether ``condition`` comes true within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
