"""Telling the watchdog, and the run's folder, what happens in the process that runs the checks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pytest_floe import watchdog
from pytest_floe.probe import CLEAN_UP_SECONDS
from pytest_floe.report.models import PreflightResult
from pytest_floe.running import Journal

BEAT_SECONDS = 0.25
ENDING_SECONDS = CLEAN_UP_SECONDS + 3


class Evidence:
    """The run's folder: what processes of one run leave for each other. One file a fact, written whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, result: PreflightResult) -> None:
        """Leave a result, in case the report about it gets lost with its worker."""
        self._write(f"result-{quote(result.details.target, safe='')}.json", result.model_dump(mode="json"))

    def results(self) -> dict[str, PreflightResult]:
        """Return the results that were left, by target id."""
        found = (PreflightResult.model_validate_json(path.read_text()) for path in self.folder.glob("result-*.json"))
        return {result.details.target: result for result in found}

    def hung(self) -> dict[str, str]:
        """Return the step in which each check was when a watchdog ended its process, by target id."""
        found: dict[str, str] = {}
        for path in self.folder.glob("hung-*.json"):
            found |= json.loads(path.read_text())
        return found

    def hung_file(self, pid: int) -> Path:
        """Return where the watchdog of process ``pid`` leaves the checks that hung."""
        return self.folder / f"hung-{pid}.json"

    def save_canaries(self, target: str, names: list[str]) -> None:
        """Leave what a check may have created by now, in case nobody lives to remove it."""
        self._write(f"canaries-{quote(target, safe='')}.json", {target: names})

    def left_behind(self) -> dict[str, list[str]]:
        """Return what checks that came to no end may have left, as the report names it, by target id."""
        found: dict[str, list[str]] = {}
        for path in self.folder.glob("canaries-*.json"):
            found |= json.loads(path.read_text())
        return {
            target: [f"{name} (may be left: the process died)" for name in names] for target, names in found.items()
        }

    def save_own_checks(self, identities: list[dict[str, Any]]) -> None:
        """Leave which marked tests were collected."""
        self._write("own-checks.json", identities)

    def own_checks(self) -> list[dict[str, Any]]:
        """Return which marked tests were collected by a worker."""
        path = self.folder / "own-checks.json"
        return list(json.loads(path.read_text())) if path.exists() else []

    @contextlib.contextmanager
    def worker(self, pid: int) -> Iterator[None]:
        """Show that worker ``pid`` is at work, and may have to clean up when it is told to end."""
        self._write(f"worker-{pid}.json", pid)
        try:
            yield
        finally:
            (self.folder / f"worker-{pid}.json").unlink(missing_ok=True)

    def stop_checks(self, why: str) -> None:
        """Tell all workers to end their checks, for their sessions are about to end."""
        self._write("ending.json", why)
        for pid in self._working():
            os.kill(pid, signal.SIGUSR1)

    def end_workers(self, why: str) -> None:
        """Tell all workers to end, and wait until they have cleaned up, at most ENDING_SECONDS."""
        self._write("ending.json", why)
        until = time.monotonic() + ENDING_SECONDS
        told: set[int] = set()
        while (working := self._working()) and time.monotonic() < until:
            for pid in working - told:
                os.kill(pid, signal.SIGTERM)
            told |= working
            time.sleep(0.05)

    def ending(self) -> str | None:
        """Return why the controller ends its workers, if it does."""
        path = self.folder / "ending.json"
        return str(json.loads(path.read_text())) if path.exists() else None

    def _working(self) -> set[int]:
        pids = {int(path.stem.removeprefix("worker-")) for path in self.folder.glob("worker-*.json")}
        return {pid for pid in pids if _lives(pid)}

    def _write(self, name: str, data: Any) -> None:
        new = self.folder / f".{name}.{os.getpid()}"
        new.write_text(json.dumps(data))
        new.replace(self.folder / name)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return watchdog.state_of(pid) != "Z"


class WatchedJournal(Journal):
    """Starts a watchdog over this process and tells it everything; ``subject`` says what to do with the evidence."""

    def __init__(self, evidence: Evidence, subject: dict[str, Any]) -> None:
        self._evidence = evidence
        self._lock = threading.Lock()
        self._canaries: dict[str, list[str]] = {}
        self._canaries_lock = threading.Lock()
        self._closing = threading.Event()
        command = [sys.executable, "-I", "-S", str(watchdog.__file__)]
        # A session of its own: Ctrl-C in a terminal must not end the watchdog first.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
        pid = os.getpid()
        self._say(say="watch", pid=pid, hung_file=str(evidence.hung_file(pid)), **subject)
        threading.Thread(target=self._beat, daemon=True, name="preflight heartbeat").start()

    def started(self, target: str, timeout: float) -> None:
        self._say(say="start", target=target, timeout=timeout)

    def stepped(self, target: str, step: str) -> None:
        self._say(say="step", target=target, step=step)

    def created(self, target: str, name: str) -> None:
        with self._canaries_of(target) as names:
            names.append(name)

    def removed(self, target: str, name: str) -> None:
        with self._canaries_of(target) as names:
            if name in names:  # not after the end of the check, whose result says what is left
                names.remove(name)

    @contextlib.contextmanager
    def _canaries_of(self, target: str) -> Iterator[list[str]]:
        with self._canaries_lock, contextlib.suppress(OSError):
            names = self._canaries.setdefault(target, [])
            yield names
            self._evidence.save_canaries(target, names)

    def ended(self, result: PreflightResult) -> None:
        with contextlib.suppress(OSError):  # the folder goes when the run is over; an abandoned check may end later
            self._evidence.save(result)
        self._say(say="end", target=result.details.target, result=result.model_dump(mode="json"))
        with self._canaries_of(result.details.target) as names:  # last: from here on only the result names them
            names.clear()

    def close(self) -> None:
        """Let the watchdog go; without this word it takes the end of its input for our death."""
        self._say(say="bye")
        self._closing.set()
        with self._lock, contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        self._process.wait()

    def _beat(self) -> None:
        while not self._closing.wait(BEAT_SECONDS):
            self._say(say="beat")

    def _say(self, **message: Any) -> None:
        line = json.dumps(message).encode() + b"\n"
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._process.stdin:
                self._process.stdin.write(line)
                self._process.stdin.flush()
