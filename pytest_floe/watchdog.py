"""A process beside pytest that sees it die, and ends it when a check holds the interpreter's lock past its deadline.

Runs as a script of the standard library alone. It reads JSON lines from its standard input: ``beat`` several times
a second, ``start``, ``step`` and ``end`` of checks, ``deadline`` of one that waits for others, or goes on, ``bye`` at
last. Silence while a check is overdue means that no Python code of the session runs any more, so nothing inside it can
enforce a deadline; then the session is killed. What hung is noted in the record of the run. When a session ends without
``bye``, pytest_floe.rescue makes the report from that record; for a worker of pytest-xdist the controller does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

TICK = 0.25
SILENT_TICKS = 8  # counted, not timed: a suspended machine must not look like silence
GRACE = 1.0
RESCUE_SECONDS = 60


class Watch:
    """What the watchdog knows of the session it watches."""

    def __init__(self) -> None:
        self.subject: dict[str, object] = {}
        self.active: dict[str, tuple[float, str]] = {}
        self.ended = False

    def hear(self, line: bytes) -> None:
        """Take in one message."""
        said = json.loads(line)
        kind, target = said["say"], said.get("target", "")
        if kind == "watch":
            self.subject = said
        elif kind == "start":
            self.active[target] = (time.monotonic() + said["timeout"] + GRACE, "start")
        elif kind == "deadline" and target in self.active:
            self.active[target] = (time.monotonic() + said["timeout"] + GRACE, self.active[target][1])
        elif kind == "step" and target in self.active:
            self.active[target] = (self.active[target][0], said["step"])
        elif kind == "end":
            self.active.pop(target, None)
        elif kind == "bye":
            self.ended = True

    @property
    def pid(self) -> int:
        """The session's process."""
        return int(str(self.subject["pid"]))

    def overdue(self) -> dict[str, str]:
        """Return the step in which each check is that should have been ended by its deadline."""
        return {target: step for target, (deadline, step) in self.active.items() if time.monotonic() > deadline}


def main() -> None:
    """Watch until the session has ended, or has to be ended."""
    watch = Watch()
    hung: dict[str, str] = {}
    for line in messages():
        if line:
            watch.hear(line)
        elif state_of(watch.pid) not in ("T", "t"):  # who suspends a session means it to be silent
            hung = watch.overdue()
        if hung or watch.ended:
            break
    if not watch.ended and watch.subject:
        end(watch, hung)


def messages() -> Iterator[bytes]:
    """Yield each line of standard input, and an empty one after every SILENT_TICKS without any, until it ends.

    A process that the session forked may hold the pipe open; so the session's death ends it, too.
    """
    silent, rest, parent = 0, b"", os.getppid()
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], TICK)
        if readable:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            yield from filter(None, lines)
            silent = 0
        elif (silent := silent + 1) >= SILENT_TICKS:
            yield b""


def state_of(pid: int) -> str:
    """Return the letter by which Linux names the state of a process; empty elsewhere, or if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:  # noqa: PTH123 - pathlib would double the start-up
            return stat.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def end(watch: Watch, hung: dict[str, str]) -> None:
    """Note what hung, see that there is a report, and that the session is dead."""
    with contextlib.suppress(OSError):
        note(watch.subject, hung)
    try:
        if watch.subject.get("rescue"):  # before the kill: in a container that may be the end of everything
            # -P: an html.py in the user's working directory is not Python's
            command = [sys.executable, "-P", "-m", "pytest_floe.rescue"]
            left = json.dumps(watch.subject["rescue"])
            subprocess.run(command, input=left, text=True, check=False, timeout=RESCUE_SECONDS)  # noqa: S603
    finally:
        if hung:
            with contextlib.suppress(ProcessLookupError):
                os.kill(watch.pid, signal.SIGKILL)


def note(subject: dict[str, object], hung: dict[str, str]) -> None:
    """Append a line for each check that hung to the record of the run."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    lines = [
        json.dumps({"run": subject["run"], "at": at, "event": "hung", "target": target, "step": step}) + "\n"
        for target, step in hung.items()
    ]
    with open(str(subject["evidence"]), "a", encoding="utf-8") as stream:  # noqa: PTH123 - as above
        stream.write("".join(lines))


if __name__ == "__main__":
    main()
