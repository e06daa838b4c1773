"""Running the preflight items of one process, and attaching each result to pytest's own report."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from pytest_floe.blocking import Needs
from pytest_floe.collecting import IDENTITY, MARKER, PreflightModule, target_of
from pytest_floe.config.targets import Target
from pytest_floe.context import Context
from pytest_floe.diagnosis import Finding, describe
from pytest_floe.marked import MarkedTest
from pytest_floe.overdue import Overdue, ended_after
from pytest_floe.probe import Probe
from pytest_floe.redaction import scrub_report
from pytest_floe.report.models import PreflightResult
from pytest_floe.running import Journal, Runner, Turns
from pytest_floe.turns import SharedTurns
from pytest_floe.verdict import Identity

RESULT = pytest.StashKey[PreflightResult]()
PROBE = pytest.StashKey[Probe]()
TEST = pytest.StashKey[MarkedTest]()
PROPERTY = "floe"  # what the names of JUnit's properties begin with
CARRIER = "_floe.result"  # under this name a result travels with its report, also from a worker to the controller


class Execution:
    """Registered where items run: in a run without workers, and in every worker of pytest-xdist.

    ``together`` says to start all checks at once; a worker runs those it is given.
    """

    def __init__(self, context: Context, journal: Journal, *, together: bool) -> None:
        self.context = context
        self.journal = journal
        self.together = together
        turns = Turns() if together else SharedTurns(context.run_dir, context.evidence, context.judge)
        self.runner = Runner(context.judge, timeout=context.timeout, wait=context.wait, journal=journal, turns=turns)
        self._selected: dict[str, Target] = {}

    # Running

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which targets this run verifies; all its processes collect the same."""
        targets = (target_of(item) for item in session.items if isinstance(item.parent, PreflightModule))
        self._selected = {target.id: target for target in targets}

    def _verify(self, target: Target) -> Future[PreflightResult]:
        """Have ``target`` verified, unless it is already, and after what it needs: its check waits by itself."""
        task = self.context.task(target, self.journal, self._needs_of(target))
        if target.plan_defect:
            task = replace(task, body=partial(_end_with, target.plan_defect))
        return self.runner.start(task)

    def _needs_of(self, target: Target) -> Needs:
        needed = [self._selected[one] for one in target.needs if one in self._selected]
        return Needs(
            tuple(one.id for one in needed),
            lambda: [self._verify(one) for one in needed],
            lambda: self.journal.waiting(target.id, [one.id for one in needed]),
            lambda timeout: self.journal.resumed(target.id, timeout),
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        option = session.config.option
        broken = session.testsfailed and not option.continue_on_collection_errors
        if not self.together or broken or option.collectonly or getattr(option, "setuponly", False):
            return
        for target in self._selected.values():
            self._verify(target)

    @pytest.fixture
    def verify_target(self, request: pytest.FixtureRequest) -> Callable[[Target], None]:
        """Verify a target, and fail the test as the result says."""

        def verify(target: Target) -> None:
            self._conclude(request.node, self._verify(target).result())

        return verify

    @pytest.fixture
    def probe(self, request: pytest.FixtureRequest) -> Probe:
        """The probe of a test marked `preflight`: time its steps, and say what was found."""
        identity = request.node.stash.get(IDENTITY, None)
        if identity is None:
            pytest.fail(f"the probe fixture is for tests marked @pytest.mark.{MARKER}(service)", pytrace=False)
        made = request.node.stash[PROBE] = self._probe(identity, self.context.timeout)
        return made

    def _probe(self, identity: Identity, timeout: float) -> Probe:
        return self.context.probe(identity.id, timeout, self.journal, endpoint=identity.endpoint, write=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        with self._in_time(item, "setup"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        with self._in_time(item, "teardown"):
            return (yield)

    def _in_time(self, item: pytest.Item, phase: str) -> AbstractContextManager[None]:
        return ended_after(self.context.timeout, phase) if IDENTITY in item.stash else nullcontext()

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a marked test under a deadline of its own, as every other check."""
        identity = pyfuncitem.stash.get(IDENTITY, None)
        if identity is None or isinstance(pyfuncitem.parent, PreflightModule):
            return None
        test = MarkedTest(pyfuncitem, identity, lambda timeout: self._own_probe(pyfuncitem, identity, timeout))
        pyfuncitem.stash[TEST] = test
        result = self.runner.start(test.task).result()
        pyfuncitem.stash[RESULT] = result
        if test.raised and result.status == "error":
            raise test.raised
        self._conclude(pyfuncitem, result)
        return True

    def _own_probe(self, item: pytest.Function, identity: Identity, timeout: float) -> Probe:
        made = item.stash.get(PROBE, None) or self._probe(identity, timeout)
        made.restart(timeout)
        return made

    def _conclude(self, item: pytest.Item, result: PreflightResult) -> None:
        item.stash[RESULT] = result
        if self._fails(result):
            pytest.fail(f"{result.details.cause}: {result.message}\nremedy: {result.remediation}", pytrace=False)

    def _fails(self, result: PreflightResult) -> bool:
        return result.status == "error" or (self.context.strict and result.status == "warning")

    # Reporting

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        identity = item.stash.get(IDENTITY, None)
        scrub_report(report, self.context.scrubber, of_check=identity is not None)
        test = item.stash.get(TEST, None)
        if test and test.goes_on():  # the report is one of a subtest
            if call.excinfo:
                test.subtest_raised(call.excinfo.value)
            return report
        result = self._result_of(item, identity, report, call) if identity else None
        if result:
            if result is not item.stash.get(RESULT, None):
                self.context.evidence.finished(result)
            item.stash[RESULT] = result
            report.user_properties.append((CARRIER, result.model_dump(mode="json")))
        return report

    def _result_of(
        self, item: pytest.Item, identity: Identity, report: pytest.TestReport, call: pytest.CallInfo[Any]
    ) -> PreflightResult | None:
        """Return the result as far as it is known; what fails or is skipped around a check is a finding too."""
        known = item.stash.get(RESULT, None)
        if known and (report.passed or self._fails(known)):
            return known
        if report.passed:
            return self._by_others(identity) if report.when == "call" else None
        if call.excinfo and isinstance(call.excinfo.value, Overdue):
            return self.context.judge.incomplete(identity, "timeout", str(call.excinfo.value))
        said = describe(call.excinfo.value) if call.excinfo else str(report.longrepr)
        if report.skipped:
            return self.context.judge.incomplete(identity, "incomplete.not_run", f"skipped: {said}")
        return self.context.judge.incomplete(identity, "incomplete.check_broken", f"its {report.when} failed: {said}")

    def _by_others(self, identity: Identity) -> PreflightResult:
        said = "it was not run as a check, under a deadline; write it as a plain test function"
        return self.context.judge.incomplete(identity, "incomplete.check_broken", said)


def _end_with(finding: Finding, _: Probe) -> None:
    raise finding
