"""Telling the watchdog, and the record of the run, what happens in the process that runs the checks."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from pytest_floe import watchdog
from pytest_floe.evidence import Evidence
from pytest_floe.report.models import PreflightResult
from pytest_floe.running import Journal

BEAT_SECONDS = 0.25


class Watchdog:
    """The watchdog over this process, which it starts, and shows that it lives; ``orders`` say what to do if not."""

    def __init__(self, **orders: Any) -> None:
        self._lock = threading.Lock()
        self._closing = threading.Event()
        command = [sys.executable, "-I", "-S", str(watchdog.__file__)]
        # A session of its own: Ctrl-C in a terminal must not end the watchdog first.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
        self.say(say="watch", pid=os.getpid(), **orders)
        threading.Thread(target=self._beat, daemon=True, name="preflight heartbeat").start()

    def say(self, **message: Any) -> None:
        """Tell it something; it may have died itself."""
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            try:
                if self._process.stdin:
                    self._process.stdin.write(line)
                    self._process.stdin.flush()
            except (OSError, ValueError):
                pass

    def close(self) -> None:
        """Let it go; without this word it takes the end of its input for our death."""
        self.say(say="bye")
        self._closing.set()
        with self._lock:
            try:
                if self._process.stdin:
                    self._process.stdin.close()
            except OSError:
                pass
        self._process.wait()

    def _beat(self) -> None:
        while not self._closing.wait(BEAT_SECONDS):
            self.say(say="beat")


class WatchedJournal(Journal):
    """Hands on all that happens to the watchdog and to the record of the run, which ``ends`` at this clock reading."""

    def __init__(self, evidence: Evidence, watchdog: Watchdog, ends: float | None) -> None:
        self._evidence = evidence
        self._watchdog = watchdog
        self._ends = ends or math.inf

    def started(self, target: str, timeout: float) -> None:
        self._evidence.note("started", target=target)
        self._watchdog.say(say="start", target=target, timeout=min(timeout, self._ends - time.monotonic()))

    def stepped(self, target: str, step: str) -> None:
        self._evidence.note("stepped", target=target, step=step)
        self._watchdog.say(say="step", target=target, step=step)

    def waiting(self, target: str, needed: Sequence[str]) -> None:
        self._evidence.note("waiting", target=target, needs=list(needed))
        self._watchdog.say(say="deadline", target=target, timeout=self._ends - time.monotonic())

    def resumed(self, target: str, timeout: float) -> None:
        self._evidence.note("waiting", target=target, needs=[])
        self._watchdog.say(say="deadline", target=target, timeout=min(timeout, self._ends - time.monotonic()))

    def not_ready(self, result: PreflightResult) -> None:
        details = result.details
        self._evidence.note("not_ready", target=details.target, cause=details.cause, message=result.message)

    def created(self, target: str, name: str) -> None:
        self._evidence.note("created", target=target, name=name)

    def removed(self, target: str, name: str) -> None:
        self._evidence.note("removed", target=target, name=name)

    def ended(self, result: PreflightResult) -> None:
        self._evidence.finished(result)
        self._watchdog.say(say="end", target=result.details.target)
