"""Runs a server, and ends it when the test session ends, whichever way that went: ``python guard.py COMMAND ...``.

Standard input is the lifeline: its end means that the session wants the server to stop or is gone. The session starts
this program as the leader of a process group of its own, so that Ctrl-C does not reach the server before its tests.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading

LOOK_EVERY = 1.0  # seconds; a process that the session forked may keep the pipe open after the session's death
STOP_WITHIN = float(os.environ.get("FLOE_TEST_STOP_WITHIN", "15"))


def main(command: list[str]) -> int:
    """Run ``command`` until it ends by itself or the lifeline is cut; return its status."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _go_on)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with, args=(os.getppid(), server), daemon=True).start()
    return server.wait()


def _end_with(parent: int, server: subprocess.Popen[bytes]) -> None:
    while os.getppid() == parent and not select.select([0], [], [], LOOK_EVERY)[0]:
        pass
    os.killpg(0, signal.SIGTERM)
    try:
        server.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(0, signal.SIGKILL)


def _go_on(_signal: int, _frame: object) -> None:
    """Outlive what is sent to the whole group."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
