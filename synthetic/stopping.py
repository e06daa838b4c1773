"""Being stopped by a signal: what has been begun is taken back, and what cannot be taken back is finished first."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Terminated(KeyboardInterrupt):
    """SIGTERM has come."""


_RAISED: dict[int, type[KeyboardInterrupt]] = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}
_UNTOUCHED = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Have SIGTERM end the block as SIGINT does, with an exception; unless somebody else handles, or ignores, them.

    An exception raised by a signal is lost where C code calls Python and does not look: the function given raises it
    again, and is to be called now and then.
    """
    asked: list[int] = []

    def stop(number: int, _: object) -> None:
        asked.append(number)
        raise _RAISED[number]

    def check() -> None:
        if asked:
            raise _RAISED[asked[0]]

    with _handled_by(stop, [number for number, usual in _UNTOUCHED.items() if signal.getsignal(number) == usual]):
        yield check


@contextmanager
def finished_first() -> Iterator[None]:
    """Heed signals only after the block: for calls of libraries that cannot be interrupted without harm."""
    asked: list[int] = []
    try:
        numbers = [number for number in _RAISED if callable(signal.getsignal(number))]
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
