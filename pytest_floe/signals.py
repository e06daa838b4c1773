"""SIGTERM and SIGHUP end a run as Ctrl-C does: in order, with canaries removed and the report written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import pytest

EXIT_SIGTERM = 128 + signal.SIGTERM
_DISTURBING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

_Handler = Callable[[int, FrameType | None], object] | signal.Handlers


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP unless nohup has it ignored, end pytest with status 128 and the signal's number."""
    under_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    endings = (signal.SIGTERM,) if under_nohup else (signal.SIGTERM, signal.SIGHUP)
    with handling(dict.fromkeys(endings, _terminate)):
        yield


@contextmanager
def terminable_by_controller() -> Iterator[None]:
    """Let SIGTERM end a worker; a terminal that closes tells the controller as well, and that ends its workers."""
    with handling({signal.SIGTERM: _terminate, signal.SIGHUP: signal.SIG_IGN}):
        yield


def _terminate(number: int, _frame: FrameType | None) -> None:
    pytest.exit(signal.Signals(number).name, returncode=128 + number)


@contextmanager
def on_request(act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` in the main thread when the controller asks for it, by SIGUSR1."""
    with handling({signal.SIGUSR1: lambda _signal, _frame: act()}):
        yield


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
    with handling(dict.fromkeys(_DISTURBING, signal.SIG_IGN)):
        yield


@contextmanager
def handling(handlers: Mapping[int, _Handler]) -> Iterator[None]:
    """Handle signals so; does nothing outside the main thread, where Python takes no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
