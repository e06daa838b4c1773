"""The side of a run in a worker of pytest-xdist: runs what it is given, under the controller's configuration."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from pytest_floe.collecting import Collecting
from pytest_floe.context import Context
from pytest_floe.execution import PROPERTY, Execution
from pytest_floe.journal import Watchdog, WatchedJournal
from pytest_floe.leaving import leave_promptly
from pytest_floe.redaction import scrub_metadata, scrub_warning, shielded
from pytest_floe.signals import EXIT_SIGTERM, on_request, stopped_by, terminable_by_controller, undisturbed


class Worker:
    """Registered once in each worker."""

    def __init__(self, config: pytest.Config, workerinput: Mapping[str, Any]) -> None:
        self.config = config
        self.context = Context.from_handover(workerinput[PROPERTY])
        self._stopped = ""
        self._cleanup = contextlib.ExitStack()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        self._cleanup.enter_context(terminable_by_controller())
        self._cleanup.enter_context(shielded(self.config, self.context.scrubber))
        scrub_metadata(self.config, self.context.scrubber)  # it travels to the controller, and is told on the way
        self.context.evidence.join(self.context.report_dir)
        self.watchdog = Watchdog(**self.context.watch_orders())
        journal = WatchedJournal(self.context.evidence, self.watchdog, self.context.ends)
        self.execution = Execution(self.context, journal, together=False)
        self.config.pluginmanager.register(Collecting(self.context, apart=True), "floe-collecting")
        self.config.pluginmanager.register(self.execution, "floe-execution")
        self._cleanup.enter_context(on_request(self._stop_checks))
        self._cleanup.enter_context(self.context.workers.at_work(os.getpid()))

    def _stop_checks(self) -> None:
        self.execution.runner.stop(self.context.workers.ending() or "")

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: Any) -> None:
        scrub_warning(warning_message, self.context.scrubber)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._stopped = stopped_by(excinfo.value)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        with undisturbed():
            self.execution.runner.stop(self.context.workers.ending() or self._stopped or "the session ended")
            self.watchdog.close()
        self._cleanup.close()
        if self._stopped and not self.context.workers.ending():
            # pytest-xdist takes a worker that leaves a test behind for broken, and one that dies for dead.
            os._exit(EXIT_SIGTERM)
        if self.execution.runner.has_hung:
            leave_promptly(int(pytest.ExitCode.TESTS_FAILED))
        return (yield)
