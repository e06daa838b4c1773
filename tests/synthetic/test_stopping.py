from __future__ import annotations

import signal
from contextlib import suppress

import pytest
from pytest_floe.synthetic.stopping import Terminated, finished_first, stoppable

STOPS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated), (signal.SIGHUP, Terminated)]


def handlers():
    return [signal.getsignal(number) for number, _ in STOPS]


def test_a_signal_that_was_swallowed_is_heeded_later():
    before = handlers()
    with stoppable() as check:
        check()
        with suppress(Terminated):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Terminated):
            check()
    assert handlers() == before


@pytest.mark.parametrize(("number", "raised"), STOPS)
def test_a_signal_waits_for_what_must_be_finished_first(number, raised):
    done = []

    def work():
        with stoppable(), finished_first():
            signal.raise_signal(number)
            signal.raise_signal(number)
            done.append("all")

    with pytest.raises(raised):
        work()
    assert done == ["all"]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None])
def test_signals_that_somebody_ignores_or_handles_are_left_to_them(handler):
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with stoppable() as check, finished_first():
            signal.raise_signal(signal.SIGTERM)
        check()
        assert signal.getsignal(signal.SIGTERM) == handler
    finally:
        signal.signal(signal.SIGTERM, before)
