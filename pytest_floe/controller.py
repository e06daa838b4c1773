"""The side of a run that expects, gathers and reports: pytest's only process, or the controller of its workers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Generator
from typing import Any

import pytest

from pytest_floe import listing, startup
from pytest_floe.collecting import NODE_ID, Collecting
from pytest_floe.config.problems import ConfigurationProblems, Problem
from pytest_floe.context import Context
from pytest_floe.execution import PROPERTY, Execution
from pytest_floe.journal import WatchedJournal
from pytest_floe.local.platform import LocalPlatform, StartError
from pytest_floe.options import Options
from pytest_floe.redaction import ScrubbedStream, scrub_report
from pytest_floe.report import terminal, writing
from pytest_floe.report.building import Outline
from pytest_floe.report.models import PreflightReport, PreflightResult
from pytest_floe.report.pytest_html import PytestHtmlColumns
from pytest_floe.signals import Terminable, stopped_by, undisturbed
from pytest_floe.verdict import Identity


class Controller:
    """Registered once a run by ``--floe-env``, in the process that the user started."""

    options: Options
    context: Context
    outline: Outline

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.execution: Execution | None = None
        self.results: dict[str, PreflightResult] = {}
        self.reasons: dict[str, str] = {}
        self.lost: list[Identity] = []
        self.stopped = ""
        self._cleanup = contextlib.ExitStack()
        self._terminable = Terminable()

    # The beginning

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        if self.config.option.collectonly:
            self._list()
        if _only_lists(self.config):
            return
        self.options = startup.read_options(self.config)
        try:
            self._begin()
        except ConfigurationProblems as error:
            self._cleanup.close()
            raise startup.refuse(error.problems, self.config, self.options.report_dir, error.path) from error
        except BaseException:
            self._cleanup.close()
            raise

    def _list(self) -> None:
        """Prepare for --collect-only: nothing is started, and no report is touched."""
        try:
            context = startup.listed(self.config)
        except ConfigurationProblems as error:
            raise pytest.UsageError(str(error)) from error
        self._cleanup.callback(shutil.rmtree, context.run_dir, ignore_errors=True)
        self.config.pluginmanager.register(Collecting(context), "floe-collecting")
        self.config.pluginmanager.register(Listing(context), "floe-listing")

    def _begin(self) -> None:
        local = self._start_local() if startup.is_builtin_local(self.options, self.config) else None
        selection = startup.select(self.options, self.config, local)
        self.context = startup.context_of(self.options, selection)
        self._cleanup.callback(shutil.rmtree, self.context.run_dir, ignore_errors=True)
        self.outline = startup.outline_of(self.options, selection, self.context, self.config)
        self._terminable.start()
        self._cleanup.callback(self._terminable.stop)
        self._shield_terminal()
        self.config.pluginmanager.register(PytestHtmlColumns(self._verdict), "floe-html")
        if not self.config.pluginmanager.hasplugin("dsession"):
            self._execute_here()

    def _start_local(self) -> dict[str, object]:
        platform = LocalPlatform()
        try:
            platform.start()
        except StartError as error:
            problem = Problem(
                "--floe-env=local", f"the embedded {error.service} did not start: {error.said}", error.remedy
            )
            raise ConfigurationProblems([problem]) from error
        self._cleanup.callback(platform.stop)
        return platform.environment()

    def _execute_here(self) -> None:
        subject = {
            "rescue": True,
            "outline": self.outline.model_dump(mode="json"),
            "report_dir": str(self.options.report_dir),
            "run_dir": str(self.context.run_dir),
        }
        execution = Execution(self.context, WatchedJournal(self.context.evidence, subject), together=True)
        self.config.pluginmanager.register(Collecting(self.context), "floe-collecting")
        self.config.pluginmanager.register(execution, "floe-execution")
        self.execution = execution

    def _shield_terminal(self) -> None:
        """Scrub the terminal as a last resort, for what gets there past the reports: warnings, plugins' errors."""
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            writer = reporter._tw  # noqa: SLF001 - pytest offers no other way to filter all it prints
            before = writer._file  # noqa: SLF001
            writer._file = ScrubbedStream(before, self.context.scrubber)  # noqa: SLF001
            self._cleanup.callback(setattr, writer, "_file", before)

    def pytest_report_header(self) -> list[str]:
        if _only_lists(self.config):
            return []
        source, count = self.outline.config.path or "built in", len(self.outline.expected)
        return [f"preflight: {self.options.environment}, {count} targets, {source}, run {self.context.run_id}"]

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[PROPERTY] = self.context.as_handover()

    # What comes in

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in list(report.user_properties):
            if name == PROPERTY:
                report.user_properties.remove((name, value))
                self._take(report, PreflightResult.model_validate(value))
        if str(report.when) == "???":  # how pytest-xdist reports the test that a worker died in
            scrub_report(report, self.context.scrubber)
            self._lose(report)

    def _take(self, report: pytest.TestReport, result: PreflightResult) -> None:
        self.results[result.details.target] = result
        flat = {
            "service": result.service,
            "status": result.status,
            "cause": result.details.cause or "",
            "message": result.message,
            "remediation": result.remediation or "",
            "target": result.details.target,
            "duration_ms": str(result.duration_ms),
        }
        report.user_properties += [(f"{PROPERTY}.{key}", value) for key, value in flat.items()]

    def _lose(self, report: pytest.TestReport) -> None:
        identity = self._by_node_id(report.nodeid)
        if identity is None or identity.id in self.results:
            return
        judge = self.context.judge
        step = self.context.evidence.hung().get(identity.id)
        lost = judge.incomplete(identity, "incomplete.worker_crashed", "the worker that ran it died")
        self._take(report, judge.hung(identity, step) if step else lost)

    def _by_node_id(self, node_id: str) -> Identity | None:
        for identity in self._expected():
            if node_id in (f"{NODE_ID}::test_service[{identity.id}]", identity.endpoint):
                return identity
        return None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not _only_lists(self.config):
            name = report.nodeid.replace("/", ".").removesuffix(".py") or "session"
            identity = Identity(
                f"{self.options.environment}-collection-{name}", "collection", "pytest", name, report.nodeid
            )
            if identity not in self.lost:
                self.lost.append(identity)
                self.reasons[identity.id] = "it could not be collected"

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.stopped = stopped_by(excinfo)

    # The end

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        if _only_lists(self.config):
            if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
                session.exitstatus = pytest.ExitCode.OK
            self._cleanup.close()
            return (yield)
        with undisturbed():
            self._end_checks(session)
        session.exitstatus = self._exit_status(session)
        result = yield
        with undisturbed():
            report = self._report()
            self._cleanup.close()
            self._publish(report, session)
        return result

    def _end_checks(self, session: pytest.Session) -> None:
        early = self.stopped or session.shouldfail or session.shouldstop
        if self.stopped:
            for pid in self.context.evidence.workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        if self.execution:
            self.execution.close(str(early or "the session ended"))
            for target, result in self.execution.runner.finished().items():
                self.results.setdefault(target, result)
        default = str(early or "deselected, or not collected")
        for identity in self._expected():
            self.reasons.setdefault(identity.id, default)

    def _report(self) -> PreflightReport:
        for target, result in self.context.evidence.results().items():
            self.results.setdefault(target, result)
        outline = self.outline.model_copy(update={"expected": self._expected()})
        return outline.report(self.results, self.reasons, self.context.judge)

    def _expected(self) -> list[Identity]:
        """Return all that must have a result: targets by the configuration, marked tests as collected."""
        own = [Identity(**fields) for fields in self.context.evidence.own_checks()]
        return [*self.outline.expected, *own, *self.lost]

    def _exit_status(self, session: pytest.Session) -> int:
        status = int(session.exitstatus)
        if self.stopped or status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
            return status
        passed = self._report().overall_status == "pass"
        return int(pytest.ExitCode.OK if passed and status == pytest.ExitCode.OK else pytest.ExitCode.TESTS_FAILED)

    def _verdict(self) -> str:
        return terminal.verdict(self._report())

    def _publish(self, report: PreflightReport, session: pytest.Session) -> None:
        try:
            writing.write(report, self.options.report_dir, self.context.scrubber)
        except OSError as error:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            sys.stderr.write(f"\nthe report could not be written: {error}\n")
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None:
            return
        page = os.path.relpath(self.options.report_dir / writing.HTML_NAME, self.config.invocation_params.dir)
        reporter.ensure_newline()
        for text, markup in terminal.lines(report, page):
            reporter.write_line(self.context.scrubber.scrub_strong(text), **markup)


class Listing:
    """Registered in place of Execution by --collect-only: says what there is, and touches nothing."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def pytest_report_collectionfinish(self) -> list[str]:
        return ["", *listing.origins(self.context.targets)]


def _only_lists(config: pytest.Config) -> bool:
    option = config.option
    return bool(
        option.collectonly or getattr(option, "showfixtures", False) or getattr(option, "show_fixtures_per_test", False)
    )
