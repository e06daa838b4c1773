"""SIGTERM ends a run as Ctrl-C does: in order, with canaries removed and the report written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

EXIT_SIGTERM = 128 + signal.SIGTERM


class Terminable:
    """While it is on, SIGTERM raises pytest's exit with status 143 in the main thread."""

    def __init__(self) -> None:
        self._before: Any = None

    def start(self) -> None:
        """Switch on; does nothing outside the main thread, where Python can't handle signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._exit)

    def stop(self) -> None:
        """Switch off."""
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            self._before = None

    @staticmethod
    def _exit(_signal: int, _frame: FrameType | None) -> None:
        pytest.exit("SIGTERM", returncode=EXIT_SIGTERM)


def stopped_by(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """Return what a user did to end the run, or nothing where pytest itself interrupted it."""
    if isinstance(excinfo.value, pytest.Session.Interrupted):
        return ""
    return "stopped by SIGTERM" if isinstance(excinfo.value, pytest.exit.Exception) else "stopped by Ctrl-C"


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep further signals from breaking a clean-up, which is bounded in time anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
