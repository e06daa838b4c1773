"""Servers end when the session that started them ends, whichever way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests.servers.processes import started

TALKS_THEN_WAITS = [sys.executable, "-c", "print('here I am', flush=True); import time; time.sleep(1000)"]
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('', flush=True); time.sleep(1000)"
)
SESSION = """
import sys
from tests.servers.processes import started
with started([sys.executable, "-c", "import time; time.sleep(1000)"]) as process:
    process.wait_until(lambda: process.servers())
    print(*process.servers(), flush=True)
    sys.stdin.read()
"""


def gone(pid: int) -> bool:
    try:
        psutil.Process(pid).wait(20)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def test_it_is_ready_when_the_condition_holds_and_gone_after_the_block() -> None:
    with started(TALKS_THEN_WAITS) as process:
        process.wait_until(lambda: "here I am" in process.said())
        (server,) = process.servers()

    assert gone(server)


def test_one_that_ends_by_itself_fails_with_what_it_said() -> None:
    with (
        started([sys.executable, "-c", "raise SystemExit('no licence')"]) as process,
        pytest.raises(RuntimeError, match="no licence"),
    ):
        process.wait_until(lambda: False)


def test_one_that_is_not_ready_in_time_fails() -> None:
    with started(TALKS_THEN_WAITS) as process, pytest.raises(RuntimeError, match="did not come up"):
        process.wait_until(lambda: False, within=0.1)


def test_it_ends_when_the_session_is_killed() -> None:
    session = subprocess.Popen([sys.executable, "-c", SESSION], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert session.stdout
    server = int(session.stdout.readline())
    os.kill(session.pid, signal.SIGKILL)
    session.communicate()

    assert gone(server)


def test_one_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOE_TEST_STOP_WITHIN", "0.2")
    with started([sys.executable, "-c", IGNORES_SIGTERM]) as process:
        process.wait_until(lambda: "\n" in process.said())
        (server,) = process.servers()

    assert gone(server)
