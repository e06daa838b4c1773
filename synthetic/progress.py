"""A line on a terminal that says how far the work is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from .export import Tally

_WIDTH = 30
_AT_MOST_EVERY = 0.1


class Progress:
    """A bar over `orders` orders, drawn on a terminal only; `check` is called whenever the work is a step further."""

    def __init__(self, stream: TextIO, orders: int, check: Callable[[], None]) -> None:
        self._stream, self._orders, self._check = stream, orders, check
        self._shown = stream.isatty()
        self._began = self._drawn = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return time.monotonic() - self._began

    def __call__(self, tally: Tally) -> None:
        """Show how far the work is."""
        self._check()
        now = time.monotonic()
        if self._shown and now - self._drawn >= _AT_MOST_EVERY:
            self._drawn = now
            orders = tally.rows["orders"] + tally.rows_kept["orders"]
            done = min(1.0, orders / max(self._orders, 1))
            bar = "#" * round(done * _WIDTH)
            self._write(f"\r[{bar:<{_WIDTH}}] {done:4.0%}  {orders:,} orders")

    def close(self) -> None:
        """Leave an empty line."""
        if self._shown:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # the terminal has been closed, which ends nothing under nohup
            self._shown = False
