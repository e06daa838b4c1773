"""A process that has imported what a run imports anyway, and forks itself for each run.

A run is a real process with a session of its own; only its imports, three quarters of its time, are done once. It
reads orders as JSON lines and answers with the process id of the run, then with its exit status. The program for
which ``python -m tests.chaos.zygote`` runs is its parent.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

#: Not duckdb: it has a thread, which no fork survives.
_IMPORTS = (
    "boto3", "httpx", "jinja2", "psycopg", "pytest", "pytest_floe.checks.duckdb", "pytest_floe.checks.polaris",
    "pytest_floe.checks.postgres", "pytest_floe.checks.s3", "pytest_floe.controller", "pytest_floe.report.html",
    "pytest_floe.plugin", "pytest_html.plugin", "xdist.dsession", "xdist.plugin", "_pytest.junitxml",
    "_pytest.unittest",
)  # fmt: skip


class Zygote:
    """The parent's side."""

    def __init__(self, root: Path) -> None:
        command = [sys.executable, "-m", "tests.chaos.zygote"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:  # closes its pipes, which ends it
            pass

    def start(self, command: list[str], folder: Path, environ: dict[str, str], output: Path) -> int:
        """Start ``python -m`` with ``command`` in ``folder``; return its process id."""
        order = {"command": command, "folder": str(folder), "environ": environ, "output": str(output)}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._read())

    def wait(self) -> int:
        """Wait for the end of the run; return its exit status, negative for a signal."""
        return int(self._read())

    def _read(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


def main() -> None:
    for name in _IMPORTS:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        if (pid := os.fork()) == 0:
            _run(order)
        _say(pid)
        _, status = os.waitpid(pid, 0)
        _say(os.waitstatus_to_exitcode(status))


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _run(order: dict[str, Any]) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor, place in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, place)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.argv = order["command"]
    sys.path[0] = order["folder"]
    runpy.run_module(sys.argv[0], run_name="__main__")
    sys.exit(0)


if __name__ == "__main__":
    main()
