"""Being stopped by a signal: what has been begun is taken back, and what cannot be taken back is finished first."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Terminated(KeyboardInterrupt):
    """SIGTERM has come, or SIGHUP, as when the terminal is closed: `number`."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


_UNTOUCHED = {
    signal.SIGINT: signal.default_int_handler,
    **{getattr(signal, name): signal.SIG_DFL for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)},
}


def _meaning(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Have SIGTERM and SIGHUP end the block as SIGINT does, with an exception.

    Not those that somebody else handles, or ignores, as nohup does.

    An exception raised by a signal is lost where C code calls Python and does not look: the function given raises it
    again, and is to be called now and then.
    """
    asked: list[int] = []

    def stop(number: int, _: object) -> None:
        asked.append(number)
        raise _meaning(number)

    def check() -> None:
        if asked:
            raise _meaning(asked[0])

    with _handled_by(stop, [number for number, usual in _UNTOUCHED.items() if signal.getsignal(number) == usual]):
        yield check


@contextmanager
def finished_first() -> Iterator[None]:
    """Heed signals only after the block: for calls of libraries that cannot be interrupted without harm."""
    asked: list[int] = []
    try:
        numbers = [number for number in _UNTOUCHED if callable(signal.getsignal(number))]
        with _handled_by(lambda number, _: asked.append(number), numbers):
            yield
    finally:
        for number in asked[:1]:
            signal.raise_signal(number)


@contextmanager
def _handled_by(handler: Callable[[int, object], None], numbers: list[int]) -> Iterator[None]:
    """Some signals under another handler; only the main thread receives any."""
    if current_thread() is not main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            signal.signal(number, handler)
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
