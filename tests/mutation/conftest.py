"""The lab of the fault matrix, and the figure of the mutants at the end of a run."""

from __future__ import annotations

import json

import pytest

from tests.faults.lab import lab  # noqa: F401
from tests.mutation.figures import Figures

FIGURES = "mutants"


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tests.servers.fixtures")
    config.pluginmanager.register(_Summary(), "figure of the mutants")


class _Summary:
    """Adds up what the tests of the kinds came to, from whichever process ran them."""

    def __init__(self) -> None:
        self.total = Figures()
        self.kinds = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, told in report.user_properties:
            if name == FIGURES and report.when == "call":
                self.total += Figures(**json.loads(str(told)))
                self.kinds += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.kinds:
            terminalreporter.write_line(f"mutants of {self.kinds} kinds: {self.total}")
