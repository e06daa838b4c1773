"""What the controller and its workers tell each other through the run's private folder. One file a fact."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_floe import watchdog
from pytest_floe.probe import CLEAN_UP_SECONDS

ENDING_SECONDS = CLEAN_UP_SECONDS + 3


class Workers:
    """The workers of pytest-xdist that are at work, and why they are told to end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def at_work(self, pid: int) -> Iterator[None]:
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

    def end(self, why: str) -> None:
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
        return self._read("ending.json")

    def refuse(self, why: str) -> None:
        """Say that what was collected has a mistake, for which nothing of it may run."""
        self._write("refused.json", why)

    def refused(self) -> str | None:
        """Return why what was collected may not run, if it may not."""
        return self._read("refused.json")

    def _working(self) -> set[int]:
        pids = {int(path.stem.removeprefix("worker-")) for path in self.folder.glob("worker-*.json")}
        return {pid for pid in pids if _lives(pid)}

    def _write(self, name: str, data: Any) -> None:
        new = self.folder / f".{name}.{os.getpid()}"
        new.write_text(json.dumps(data))
        new.replace(self.folder / name)

    def _read(self, name: str) -> str | None:
        path = self.folder / name
        return str(json.loads(path.read_text())) if path.exists() else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return watchdog.state_of(pid) != "Z"
