"""The side of a run in a worker of pytest-xdist: runs what it is given, under the controller's configuration."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from pytest_floe.collecting import Collecting
from pytest_floe.context import Context
from pytest_floe.execution import PROPERTY, Execution
from pytest_floe.journal import WatchedJournal
from pytest_floe.signals import Terminable, stopped_by, undisturbed


class Worker:
    """Registered once in each worker."""

    def __init__(self, config: pytest.Config, workerinput: Mapping[str, Any]) -> None:
        self.config = config
        self.context = Context.from_handover(workerinput[PROPERTY])
        self._terminable = Terminable()
        self._stopped = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        self.context.evidence.save_worker(os.getpid())
        self._terminable.start()
        self.execution = Execution(self.context, WatchedJournal(self.context.evidence, {}), together=False)
        self.config.pluginmanager.register(Collecting(self.context), "floe-collecting")
        self.config.pluginmanager.register(self.execution, "floe-execution")

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._stopped = stopped_by(excinfo)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        with undisturbed():
            self.execution.close(self._stopped or "the session ended")
        self._terminable.stop()
        return (yield)
