"""A laboratory: runs of pytest with services that do what a test wants them to do."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_floe.checks.preflight
import yaml

import pytest_floe.controller  # noqa: F401 - pytester forgets what a run imports, but the package remembers
from tests.local.waiting import eventually

LAB_KIND = Path(__file__).with_name("lab_kind.py")
WITHIN = 90.0  # seconds that a run may take on a busy machine


@dataclass
class Check:
    """One check of a report, as far as tests look at it."""

    status: str
    cause: str | None
    step: str | None
    message: str
    remediation: str | None
    details: dict[str, Any]


class Lab:
    """A folder with services, and what a run of pytest in it says of them."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        pytester.makeconftest(LAB_KIND.read_text())
        self.processes: list[subprocess.Popen[str]] = []

    def services(self, *behaviours: str, needs: Mapping[str, list[str]] | None = None, **more: Any) -> None:
        """Declare a target for each behaviour, named a, b, c ..., with what they need; ``more`` are keys of all."""
        names = [chr(ord("a") + number) for number in range(len(behaviours))]
        targets = [
            {"service": "lab", "kind": "lab", "name": name, "me": name, "behave": behave, "folder": "traces", **more}
            for name, behave in zip(names, behaviours, strict=True)
        ]
        for target in targets:
            target["needs"] = (needs or {}).get(target["name"], [])
        self.configure({"environments": {"prod": {"targets": targets}}})

    def configure(self, content: dict[str, Any]) -> None:
        (self.path / "floe.yaml").write_text(yaml.safe_dump(content))

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest for these services, in this process."""
        return self.pytester.runpytest_inprocess("--floe-env=prod", "-p", "no:hypothesispytest", *arguments)

    def run_apart(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run pytest for these services, in a process of its own."""
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=WITHIN)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start(self, *arguments: str, by: tuple[str, ...] = (), **variables: str) -> subprocess.Popen[str]:
        """Start pytest, ``by`` another command if there is one, in a session of its own, as a terminal would."""
        pytest_script = [sys.executable, "-P", "-m", "pytest"]  # which does not import from the working directory
        command = [*pytest_script, "-p", "no:hypothesispytest", "-p", "no:faker", "--floe-env=prod"]
        process = subprocess.Popen(
            [*by, *command, *arguments],
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**_plain_environment(), **variables},
        )
        self.processes.append(process)
        return process

    def report(self) -> dict[str, Any]:
        """The JSON report of the last run."""
        return json.loads((self.path / "preflight-report/preflight-report.json").read_text())

    def checks(self) -> dict[str, Check]:
        """The last report's checks by name, in the report's order."""
        found = {}
        for check in self.report()["checks"]:
            details = check["details"]
            found[details["name"]] = Check(
                check["status"], details["cause"], details["step"], check["message"], check["remediation"], details
            )
        return found

    def statuses(self) -> list[tuple[str, str, str | None]]:
        """Name, status and cause of the last report's checks."""
        return [(name, check.status, check.cause) for name, check in self.checks().items()]

    def runs(self, name: str) -> int:
        """How often the check of this name has run."""
        return len(list((self.path / "traces").glob(f"{name}.*.ran")))

    def wait_for_trace(self, what: str) -> int:
        """Wait until a check has left a trace; return the id of its process."""
        path = self.path / "traces" / what
        assert eventually(lambda: path.exists() and bool(path.read_text()), WITHIN), f"nothing left {what}"
        return int(path.read_text())

    def written(self) -> dict[str, str]:
        """All that the runs wrote, by path; what the test itself wrote is left out."""
        own = {"conftest.py", "floe.yaml"}
        files = [path for path in self.path.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
        return {str(path): path.read_text(errors="replace") for path in files if path.name not in own}


def _plain_environment() -> dict[str, str]:
    dropped = ("PYTEST_", "FLOE_")
    return {key: value for key, value in os.environ.items() if not key.startswith(dropped)}


@pytest.fixture
def lab(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    laboratory = Lab(pytester)
    yield laboratory
    for process in laboratory.processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
