"""The lab of the fault matrix, and the page that is written from its run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.faults.lab import lab  # noqa: F401
from tests.faults.page import Row, write

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
ROW = "row of docs/faults.md"


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tests.servers.fixtures")
    config.pluginmanager.register(Rows(), "fault matrix")


class Rows:
    """Collects what cells came to, from whichever process ran them, and writes the page if asked to."""

    def __init__(self) -> None:
        self.seen: dict[str, Row] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, row in report.user_properties:
            if name == ROW and report.when == "call":
                told = Row(**json.loads(str(row)))
                self.seen[told.id] = told

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if os.environ.get("FLOE_WRITE_DOCS") and self.seen and not hasattr(session.config, "workerinput"):
            write(PAGE, self.seen)
