"""SIGTERM ends a run as Ctrl-C does: in order, with canaries removed and the report written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

EXIT_SIGTERM = 128 + signal.SIGTERM
_SIGTERM = "SIGTERM"
_DISTURBING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end pytest with status 143; does nothing outside the main thread, where Python takes no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    pytest.exit(_SIGTERM, returncode=EXIT_SIGTERM)


@contextmanager
def on_request(act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` in the main thread when the controller asks for it, by SIGUSR1."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGUSR1, lambda _signal, _frame: act())
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


@contextmanager
def ending_after(seconds: float, why: str) -> Iterator[Callable[[], None]]:
    """End pytest with status 1 after so many seconds, saying ``why``, in the way that Ctrl-C does.

    Gives a function that calls it off. Does nothing outside the main thread, where Python takes no signals.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or main.ident is None:
        yield lambda: None
        return
    timer = threading.Timer(seconds, signal.pthread_kill, (main.ident, signal.SIGUSR1))
    timer.daemon = True
    with on_request(lambda: pytest.exit(why, returncode=1)):
        timer.start()
        try:
            yield timer.cancel
        finally:
            timer.cancel()


def stopped_by(error: BaseException) -> str:
    """Return who ended the run before its time, or nothing where pytest or pytest-xdist did so after a failure."""
    if isinstance(error, pytest.exit.Exception):
        return f"stopped by {error}"
    return "stopped by Ctrl-C" if type(error) is KeyboardInterrupt else ""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep further signals from breaking a clean-up, which is bounded in time anyway.

    What sets handlers of its own inside must also undo that inside: otherwise they come back with the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _DISTURBING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
