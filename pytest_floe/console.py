"""What a run says on pytest's terminal beside what pytest itself says there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_floe.redaction import uncaptured
from pytest_floe.report import terminal
from pytest_floe.report.models import PreflightReport
from pytest_floe.secrets import Scrubber


class Console:
    """Speaks through pytest's terminal reporter, if there is one."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def show(self, report: PreflightReport, page: str) -> None:
        """Print the report; ``page`` says where its page lies, or why there is none."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is None:
            return
        reporter.ensure_newline()
        for text, markup in terminal.lines(report, page):
            reporter.write_line(text, **markup)

    def say(self, scrubber: Scrubber, line: str) -> None:
        """Print a line at once, also while pytest captures what goes to the terminal's file descriptor."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is None:
            return
        writer = reporter._tw  # noqa: SLF001 - to know whether a line is begun
        newline = "\n" if writer.width_of_current_line else ""
        if saved := uncaptured(self._config):
            os.write(saved, f"{newline}{scrubber.scrub_strong(line)}\n".encode())
            writer._current_line = ""  # noqa: SLF001
        else:
            writer.write(f"{newline}{line}\n", flush=True)
        reporter.currentfspath = None

    def shown(self, path: Path) -> str:
        """Return the path as pytest shows paths: from where it was started."""
        return os.path.relpath(path, self._config.invocation_params.dir)
