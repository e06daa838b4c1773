"""One run of pytest as a process, and what can be done to it and its relatives."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.chaos.zygote import Zygote

MARK = "FLOE_CHAOS_RUN"
#: Plugins of this project's own environment, which cost time and have no part in a run.
WITHOUT = [part for name in ("cacheprovider", "hypothesispytest", "faker", "anyio") for part in ("-p", f"no:{name}")]


class Session:
    """A run with ``arguments`` in ``folder``; without a ``zygote``, in an interpreter of its own."""

    def __init__(self, folder: Path, arguments: list[str], environ: dict[str, str], zygote: Zygote | None) -> None:
        self._mark = f"{os.getpid()}-{folder.name}-{time.monotonic_ns()}"
        self._zygote = zygote
        self._started = time.monotonic()
        self.killed: list[str] = []
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLOE")}
        environ = {**inherited, **environ, MARK: self._mark}
        arguments = [*WITHOUT, *arguments]
        output = folder / "output.txt"
        if zygote:
            self.pid = zygote.start(["pytest", *arguments], folder, environ, output)
        else:
            with output.open("wb") as stream:
                command = [sys.executable, "-m", "pytest", *arguments]
                self._process = subprocess.Popen(
                    command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                    start_new_session=True,
                )  # fmt: skip
            self.pid = self._process.pid

    def kill(self, victims: tuple[str, ...], name: str) -> None:
        """Send a signal; ``victims`` are controller, worker (one of them) or watchdog (all of them)."""
        found = {victim: list(self._find(victim)) for victim in victims}
        for victim in sorted(victims, reverse=True):  # the watchdog must not see the controller die
            for process in found[victim]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.Signals[f"SIG{name}"])
                    self.killed.append(f"{victim} {name}")

    def wait(self, within: float) -> int | None:
        """Wait for the end of the run; return its exit status, negative for a signal.

        None if it had to be killed after ``within`` seconds.
        """
        overdue = threading.Timer(within, self._end_by_force)
        self._overdue = False
        overdue.start()
        status = self._zygote.wait() if self._zygote else self._process.wait()
        overdue.cancel()
        self.seconds = time.monotonic() - self._started
        return None if self._overdue else status

    def relatives_left(self, within: float) -> list[str]:
        """Return the commands of processes of the run that live ``within`` seconds after it; end them."""
        until = time.monotonic() + within
        while (left := list(self._marked())) and time.monotonic() < until:
            time.sleep(0.02)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return [" ".join(process.info["cmdline"])[:200] for process in left]

    def _end_by_force(self) -> None:
        self._overdue = True
        for process in (*self._marked(), psutil.Process(self.pid)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _find(self, victim: str) -> Iterator[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            controller = psutil.Process(self.pid)
            if victim == "controller":
                yield controller
                return
            for process in controller.children(recursive=True):
                command = process.cmdline()
                if victim == "watchdog" and any(part.endswith("watchdog.py") for part in command):
                    yield process
                if victim == "worker" and any("execnet" in part or "sys.stdin.readline" in part for part in command):
                    yield process
                    return

    def _marked(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter(["cmdline", "status"]):
            with contextlib.suppress(OSError, psutil.Error):
                environ = Path(f"/proc/{process.pid}/environ").read_bytes()
                if f"{MARK}={self._mark}".encode() in environ and process.info["status"] != psutil.STATUS_ZOMBIE:
                    yield process
