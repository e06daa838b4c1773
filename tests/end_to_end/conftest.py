"""Whole runs of pytest against the embedded platform, as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_floe.local.platform import LocalPlatform

FOLDER = "preflight-report"
WITHIN = 400.0  # seconds that a run may take on a busy machine


@dataclass
class Finished:
    """A run that ended: its status, all it printed, and the report it left."""

    status: int
    output: str
    report: dict
    folder: Path
    checks: dict[str, dict] = field(init=False)

    def __post_init__(self) -> None:
        self.checks = {check["service"]: check for check in self.report["checks"]}


def run(folder: Path, *arguments: str, **environ: str) -> Finished:
    """Run pytest in ``folder`` in a process of its own; how fast the machine is must not show in the report."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--floe-slow=60000", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environ, capture_output=True, text=True, check=False, timeout=WITHIN
    )
    path = folder / FOLDER / "preflight-report.json"
    report = json.loads(path.read_text()) if path.exists() else {"checks": []}
    return Finished(done.returncode, done.stdout + done.stderr, report, folder / FOLDER)


@pytest.fixture(scope="session")
def platform() -> Iterator[LocalPlatform]:
    """The embedded platform, started once, to be configured as an environment of its own."""
    with LocalPlatform() as running:
        yield running


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tests.servers.fixtures")
