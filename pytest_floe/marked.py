"""A test marked `preflight` as a task: run in the thread of a check, its exceptions read as findings."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable
from typing import Any

import pytest

from pytest_floe.diagnosis import Finding, describe, diagnose, is_of_service, shortened
from pytest_floe.probe import Cancelled, Probe
from pytest_floe.running import MakeProbe, Task
from pytest_floe.verdict import Identity


class MarkedTest:
    """Runs the function of ``item``; ``raised`` is what it raised, other than a finding, for pytest to show."""

    def __init__(self, item: pytest.Function, identity: Identity, make_probe: MakeProbe) -> None:
        self._item = item
        self.raised: BaseException | None = None
        self._of_subtests: list[BaseException] = []
        self._reporting = threading.current_thread()
        self.task = Task(identity, make_probe, self._run, retries=False)

    def _run(self, probe: Probe) -> None:
        arguments = {name: self._item.funcargs[name] for name in self._item._fixtureinfo.argnames}  # noqa: SLF001 - as pytest's own
        try:
            outcome = self._item.obj(**arguments)
            if inspect.isawaitable(outcome):
                outcome = asyncio.run(_awaited(outcome))
        except (Finding, Cancelled):
            raise
        except BaseException as error:
            self.raised = error if not isinstance(error, pytest.exit.Exception | KeyboardInterrupt) else None
            raise _meaning(error, self._item.nodeid, reached=probe.reached) from error
        if self._of_subtests:
            raise _meaning(self._of_subtests[0], self._item.nodeid, reached=probe.reached)
        if outcome is not None:
            said = f"it returned {shortened(repr(outcome))}, which verifies nothing"
            raise Finding("incomplete.check_broken", said, f"{self._item.nodeid}; use assert")
        probe.write = bool(probe.canaries)  # nobody else knows whether it wrote

    def goes_on(self) -> bool:
        """Tell whether this is asked from inside the test, and not by what made it and reports on it."""
        return threading.current_thread() is not self._reporting

    def subtest_raised(self, error: BaseException) -> None:
        """Take in what ended a subtest, which pytest keeps from ending the test; raises what must end it at once."""
        if isinstance(error, Cancelled):
            raise error
        self._of_subtests.append(error)


async def _awaited(outcome: Awaitable[Any]) -> Any:
    return await outcome


def _meaning(error: BaseException, node_id: str, *, reached: bool) -> Finding:
    """Return what the exception of a marked test says of the service, or of the test; no step was open."""
    if isinstance(error, Finding):
        return error
    if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception):
        return Finding("incomplete.not_run", f"skipped: {error}")
    if isinstance(error, pytest.fail.Exception):
        return Finding("operate.failed", describe(error))
    if isinstance(error, Exception) and not isinstance(error, pytest.exit.Exception):
        if is_of_service(error):
            return diagnose(error, reached=reached)
        remedy = f"{node_id}; what asks a service belongs in a step of the probe"
        return Finding("incomplete.check_broken", describe(error), remedy)
    return Finding("incomplete.check_broken", describe(error))
