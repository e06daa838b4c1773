"""A time limit for what pytest runs in its own thread: the fixtures of a check, which may hang as the check may."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from pytest_floe.signals import handling


class Overdue(pytest.fail.Exception):  # type: ignore[misc, name-defined]
    """A phase around a check had no end in time; of a class that code under test is not expected to catch."""


@contextmanager
def ended_after(seconds: float, phase: str) -> Iterator[None]:
    """Raise Overdue in what runs longer than so many seconds, and again after as many more, in what it cleans up with.

    Does nothing outside the main thread, where Python takes no signals.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or main.ident is None:
        yield
        return
    over, thread_id = threading.Event(), main.ident

    def remind() -> None:
        while not over.wait(seconds):
            signal.pthread_kill(thread_id, signal.SIGUSR2)

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        if not over.is_set():
            raise Overdue(f"its {phase} did not end within {seconds:g} s")

    reminder = threading.Thread(target=remind, daemon=True, name=f"preflight {phase}")
    with handling({signal.SIGUSR2: interrupt}):
        reminder.start()
        try:
            try:
                yield
            finally:
                over.set()
        finally:
            over.set()  # again: the signal may have come just then
            reminder.join()  # its last signal must not meet the handler that was there before
