"""A process beside pytest that ends it when a check holds the interpreter's lock beyond its deadline.

Runs as a script of the standard library alone. It reads JSON lines from its standard input: ``beat`` several times
a second, ``start``, ``step`` and ``end`` of checks. Silence while a check is overdue means that no Python code of
the session runs any more, so nothing inside it can enforce a deadline. Then the session is killed, and what was
reported until then is handed to pytest_floe.rescue, or, for a worker of pytest-xdist, left in the run's folder for
the controller. End of input means that the session ended by itself.
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

TICK = 0.25
SILENT_TICKS = 8  # counted, not timed: a suspended machine must not look like silence
GRACE = 1.0


class Watch:
    """What the watchdog knows of the session it watches."""

    def __init__(self) -> None:
        self.subject: dict[str, object] = {}
        self.results: list[object] = []
        self.active: dict[str, tuple[float, str]] = {}

    def hear(self, line: bytes) -> None:
        """Take in one message."""
        said = json.loads(line)
        kind, target = said["say"], said.get("target", "")
        if kind == "watch":
            self.subject = said
        elif kind == "start":
            self.active[target] = (time.monotonic() + said["timeout"] + GRACE, "start")
        elif kind == "step" and target in self.active:
            self.active[target] = (self.active[target][0], said["step"])
        elif kind == "end":
            self.active.pop(target, None)
            self.results.append(said["result"])

    def is_overdue(self) -> bool:
        """Tell whether a check runs that should have been ended by its deadline."""
        return any(time.monotonic() > deadline for deadline, _ in self.active.values())

    def hung(self) -> dict[str, str]:
        """Return the step in which each overdue check is."""
        return {target: step for target, (deadline, step) in self.active.items() if time.monotonic() > deadline}


def main() -> None:
    """Watch until the input ends or the session has to be ended."""
    watch, silent, rest = Watch(), 0, b""
    while True:
        readable, _, _ = select.select([0], [], [], TICK)
        if not readable:
            silent += 1
            if silent >= SILENT_TICKS and watch.is_overdue():
                end(watch)
                return
            continue
        silent = 0
        data = os.read(0, 65536)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line:
                watch.hear(line)


def end(watch: Watch) -> None:
    """Kill the session and save the evidence."""
    hung = watch.hung()
    left = str(watch.subject["hung_file"])
    with open(left + ".new", "w", encoding="utf-8") as stream:  # noqa: PTH123 - pathlib would double the start-up
        json.dump(hung, stream)
    os.replace(left + ".new", left)  # noqa: PTH105
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(str(watch.subject["pid"])), signal.SIGKILL)
    if watch.subject.get("rescue"):
        evidence = {**watch.subject, "results": watch.results, "hung": hung}
        command = [sys.executable, "-m", "pytest_floe.rescue"]
        subprocess.run(command, input=json.dumps(evidence), text=True, check=False, timeout=60)  # noqa: S603


if __name__ == "__main__":
    main()
