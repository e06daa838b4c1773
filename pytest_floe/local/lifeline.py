"""The inside of an embedded server's process: it takes its orders from the parent, and ends when the parent ends.

Standard input is the lifeline. Its first line is the order, a JSON object; then it stays open, and its end means
that the parent wants the server to stop or is gone, whichever way it went. Standard output takes one line, the
announcement that the server is ready; everything else goes to the log.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from pytest_floe.local.state import StateFolder

LOOK_EVERY = 1.0  # seconds; a process that the parent forked may keep the pipe open after the parent's death


class Lifeline:
    """Ties this process to its parent.

    ``config`` is what the server was told, ``folder`` its own part of the run's state, ``descriptor`` the listening
    socket that the parent opened for it, if it did.
    """

    def __init__(self) -> None:
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, _go_on)
        self._parent = os.getppid()
        order: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
        self.config: dict[str, Any] = order["config"]
        self.folder = Path(order["folder"])
        self.descriptor: int = order["descriptor"]
        self._announcement = os.dup(1)
        os.dup2(2, 1)
        self._state = StateFolder(self.folder.parent)

    def watch(self) -> None:
        """From now on end this process when the parent ends, whatever it is doing."""
        threading.Thread(target=self._watch, name="lifeline", daemon=True).start()

    def cut(self, wait: float) -> bool:
        """Wait up to ``wait`` seconds; tell whether the parent wants this process to end, or is gone."""
        readable, _, _ = select.select([0], [], [], wait)
        return bool(readable) or os.getppid() != self._parent

    def ready(self, port: int | None = None) -> None:
        """Announce that the server serves, and on which port if the parent can't know."""
        os.write(self._announcement, json.dumps({"port": port}).encode() + b"\n")
        os.close(self._announcement)

    def leave(self) -> None:
        """Let go of the run's state; the last process of a run to do so removes it."""
        self._state.leave()

    def _watch(self) -> None:
        while not self.cut(LOOK_EVERY):
            pass
        self.leave()
        os._exit(0)


def _go_on(_signal: int, _frame: object) -> None:
    """Outlive a signal to all processes of a job: the parent still needs its servers to clean up."""
