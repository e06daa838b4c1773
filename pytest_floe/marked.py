"""A test marked `preflight` as a task: run in the thread of a check, its exceptions read as findings."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any

import pytest

from pytest_floe.diagnosis import Finding, describe, diagnose
from pytest_floe.probe import Cancelled, Probe
from pytest_floe.running import MakeProbe, Task
from pytest_floe.verdict import Identity


class MarkedTest:
    """Runs the function of ``item``; ``raised`` is what it raised, other than a finding, for pytest to show."""

    def __init__(self, item: pytest.Function, identity: Identity, make_probe: MakeProbe) -> None:
        self._item = item
        self.raised: BaseException | None = None
        self.task = Task(identity, make_probe, self._run, retries=False)

    def _run(self, probe: Probe) -> None:
        arguments = {name: self._item.funcargs[name] for name in self._item._fixtureinfo.argnames}  # noqa: SLF001 - as pytest's own
        try:
            outcome = self._item.obj(**arguments)
            if inspect.isawaitable(outcome):
                asyncio.run(_awaited(outcome))
        except (Finding, Cancelled):
            raise
        except BaseException as error:
            self.raised = error if not isinstance(error, pytest.exit.Exception | KeyboardInterrupt) else None
            raise _meaning(error, reached=probe.reached) from error
        probe.write = bool(probe.canaries)  # nobody else knows whether it wrote


async def _awaited(outcome: Awaitable[Any]) -> None:
    await outcome


def _meaning(error: BaseException, *, reached: bool) -> Finding:
    """Return what the exception of a marked test says of the service."""
    if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception):
        return Finding("incomplete.not_run", f"skipped: {error}")
    if isinstance(error, pytest.fail.Exception):
        return Finding("operate.failed", describe(error))
    if isinstance(error, Exception) and not isinstance(error, pytest.exit.Exception):
        return diagnose(error, reached=reached)
    return Finding("incomplete.check_broken", describe(error))
