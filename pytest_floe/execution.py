"""Running the preflight items of one process, and attaching each result to pytest's own report."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, cast

import pytest

from pytest_floe.collecting import IDENTITY, MARKER, PreflightModule
from pytest_floe.config.targets import Target
from pytest_floe.context import Context
from pytest_floe.diagnosis import Finding, describe, diagnose
from pytest_floe.journal import WatchedJournal
from pytest_floe.probe import Probe
from pytest_floe.redaction import ScrubbedLogging, scrub_report
from pytest_floe.report.models import PreflightResult
from pytest_floe.running import Runner, Task
from pytest_floe.verdict import Identity

RESULT = pytest.StashKey[PreflightResult]()
PROBE = pytest.StashKey[Probe]()
PROPERTY = "floe"  # under this name a result travels with its report, also from a worker to the controller


class Execution:
    """Registered where items run: in a run without workers, and in every worker of pytest-xdist.

    ``together`` says to start all checks at once; a worker runs those it is given.
    """

    def __init__(self, context: Context, journal: WatchedJournal, *, together: bool) -> None:
        self.context = context
        self.journal = journal
        self.together = together
        self.runner = Runner(context.judge, timeout=context.timeout, wait=context.wait, journal=journal)
        self._logging = ScrubbedLogging(context.scrubber)
        self._logging.start()

    def close(self, why: str) -> None:
        """End what still runs, saying ``why``, and let go of the watchdog."""
        self.runner.stop(why)
        self.journal.close()
        self._logging.stop()

    # Running

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        broken = session.testsfailed and not session.config.option.continue_on_collection_errors
        if not self.together or broken or session.config.option.collectonly:
            return
        for item in session.items:
            if isinstance(item, pytest.Function) and isinstance(item.parent, PreflightModule):
                target = cast("Target", item.callspec.params["target"])
                self.runner.start(self.context.task(target, self.journal))

    @pytest.fixture
    def verify_target(self, request: pytest.FixtureRequest) -> Callable[[Target], None]:
        """Verify a target, and fail the test as the result says."""

        def verify(target: Target) -> None:
            result = self.runner.start(self.context.task(target, self.journal)).result()
            self._conclude(request.node, result)

        return verify

    @pytest.fixture
    def probe(self, request: pytest.FixtureRequest) -> Probe:
        """The probe of a test marked `preflight`: time its steps, and say what was found."""
        identity = request.node.stash.get(IDENTITY, None)
        if identity is None:
            pytest.fail(f"the probe fixture is for tests marked @pytest.mark.{MARKER}(service)", pytrace=False)
        made = self.context.probe(
            identity.id, self.context.timeout, self.journal, endpoint=identity.endpoint, write=True
        )
        request.node.stash[PROBE] = made
        return made

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a marked test under a deadline of its own, as every other check."""
        identity = pyfuncitem.stash.get(IDENTITY, None)
        if identity is None or isinstance(pyfuncitem.parent, PreflightModule):
            return None
        raised: list[BaseException] = []
        result = self.runner.start(self._own_task(pyfuncitem, identity, raised)).result()
        pyfuncitem.stash[RESULT] = result
        if raised and not isinstance(raised[0], Finding):
            raise raised[0]
        self._conclude(pyfuncitem, result)
        return True

    def _own_task(self, item: pytest.Function, identity: Identity, raised: list[BaseException]) -> Task:
        arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}  # noqa: SLF001 - as pytest's own

        def make_probe(timeout: float) -> Probe:
            made = item.stash.get(PROBE, None)
            if made is None:
                return self.context.probe(identity.id, timeout, self.journal, endpoint=identity.endpoint, write=True)
            made.restart(timeout)
            return made

        def body(probe: Probe) -> None:
            try:
                item.obj(**arguments)
            except Finding:
                raise
            except BaseException as error:
                raised.append(error)
                raise _meaning(error, reached=probe.reached) from error

        return Task(identity, make_probe, body, retries=False)

    def _conclude(self, item: pytest.Item, result: PreflightResult) -> None:
        item.stash[RESULT] = result
        failing = ("error", "warning") if self.context.strict else ("error",)
        if result.status in failing:
            pytest.fail(f"{result.details.cause}: {result.message}\nremedy: {result.remediation}", pytrace=False)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        scrub_report(report, self.context.scrubber)
        identity = item.stash.get(IDENTITY, None)
        if identity:
            result = self._result_of(item, identity, report, call)
            if result:
                item.stash[RESULT] = result
                report.user_properties.append((PROPERTY, result.model_dump(mode="json")))
        return report

    def _result_of(
        self, item: pytest.Item, identity: Identity, report: pytest.TestReport, call: pytest.CallInfo[Any]
    ) -> PreflightResult | None:
        """Return the result as far as it is known; what fails or is skipped around a check is a finding too."""
        known = item.stash.get(RESULT, None)
        if report.passed or (known and known.status == "error"):
            return known
        error = call.excinfo.value if call.excinfo else None
        said = describe(error) if error else report.when
        if report.skipped:
            return self.context.judge.incomplete(identity, "incomplete.not_run", f"skipped: {said}")
        if known and report.when == "call":
            return known
        return self.context.judge.incomplete(identity, "incomplete.check_broken", f"its {report.when} failed: {said}")


def _meaning(error: BaseException, *, reached: bool) -> Finding:
    """Return what the exception of a marked test says of the service."""
    if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception):
        return Finding("incomplete.not_run", f"skipped: {error}")
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return Finding("operate.failed", describe(error))
    if isinstance(error, Exception):
        return diagnose(error, reached=reached)
    return Finding("incomplete.check_broken", describe(error))
