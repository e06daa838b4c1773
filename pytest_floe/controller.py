"""The side of a run that expects, gathers and reports: pytest's only process, or the controller of its workers."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import pytest

from pytest_floe import leaks, listing, options, startup
from pytest_floe.collecting import Collecting
from pytest_floe.config.problems import ConfigurationProblems, Problem
from pytest_floe.console import Console
from pytest_floe.context import Context
from pytest_floe.execution import CARRIER, PROPERTY, Execution
from pytest_floe.gathering import Gathering
from pytest_floe.journal import Watchdog, WatchedJournal
from pytest_floe.leaving import leave_promptly
from pytest_floe.local.launch import HOST
from pytest_floe.local.platform import LocalPlatform, StartError
from pytest_floe.options import Options
from pytest_floe.progress import Progress
from pytest_floe.proxies import without_proxy
from pytest_floe.redaction import scrub_metadata, scrub_report, scrub_warning, shielded
from pytest_floe.report import terminal, termination, writing
from pytest_floe.report.models import PreflightReport, PreflightResult
from pytest_floe.report.pytest_html import PytestHtmlColumns
from pytest_floe.report.writing import HTML_NAME
from pytest_floe.signals import ending_after, stopped_by, terminable, undisturbed


class Controller:
    """Registered once a run by ``--floe-env``, in the process that the user started."""

    options: Options
    context: Context
    gathering: Gathering | None = None
    report: PreflightReport | None = None
    session: pytest.Session | None = None
    execution: Execution | None = None
    watchdog: Watchdog | None = None
    progress: Progress | None = None

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.stopped = ""  # by whom: a user, or an error of pytest itself
        self.early = ""  # why the session ends before all is done, whoever wants that
        self.unwritten = ""  # why there is no page
        self.console = Console(config)
        self._cleanup = contextlib.ExitStack()
        self._signals = contextlib.ExitStack()  # apart: handlers are undone in the reverse order of their setting
        self._call_off_deadline: Callable[[], None] = lambda: None

    # The beginning

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.session = session
        if self.config.option.collectonly:
            self._list()
        if options.only_lists(self.config.option):
            return
        self.options = startup.read_options(self.config)
        self._signals.enter_context(terminable())
        if seconds := self.options.deadline:
            ending = ending_after(seconds, f"--floe-deadline={seconds:g}")
            self._call_off_deadline = self._signals.enter_context(ending)
        try:
            self._begin()
        except ConfigurationProblems as error:
            raise startup.refuse(error.problems, self.config, self.options.report_dir, error.path) from error
        except BaseException as error:
            if self.gathering is None:
                startup.give_up(self.config, self.options.report_dir, stopped_by(error) or repr(error))
            raise

    def _list(self) -> None:
        """Prepare for --collect-only: nothing is started, and no report is touched."""
        try:
            context = startup.listed(self.config)
        except ConfigurationProblems as error:
            raise pytest.UsageError(str(error)) from error
        self._cleanup.callback(shutil.rmtree, context.run_dir, ignore_errors=True)
        self.config.pluginmanager.register(Collecting(context), "floe-collecting")
        self.config.pluginmanager.register(listing.Listing(context), "floe-listing")

    def _begin(self) -> None:
        if problems := startup.refused_options(self.config):
            raise ConfigurationProblems(problems)
        local = self._start_local() if startup.is_builtin_local(self.options, self.config) else None
        selection = startup.select(self.options, self.config, local)
        self.context = startup.context_of(self.options, selection)
        self._cleanup.callback(shutil.rmtree, self.context.run_dir, ignore_errors=True)
        outline = startup.outline_of(self.options, selection, self.context, self.config)
        self.context.evidence.begin(self.options.report_dir, outline)
        self.gathering = Gathering(outline, self.context)
        self._cleanup.enter_context(shielded(self.config, self.context.scrubber))
        scrub_metadata(self.config, self.context.scrubber)
        self.config.pluginmanager.register(PytestHtmlColumns(self._verdict), "floe-html")
        if self.options.wait:
            self.progress = Progress(self.context.evidence, partial(self.console.say, self.context.scrubber))
        self.watchdog = Watchdog(rescue=self._left_to_rescue(), **self.context.watch_orders())
        if not self.config.pluginmanager.hasplugin("dsession"):
            self._execute_here(self.watchdog)

    def _start_local(self) -> dict[str, object]:
        platform = LocalPlatform()
        try:
            platform.start()
        except StartError as error:
            said = f"the embedded {error.service} did not start: {error.said}"
            raise ConfigurationProblems([Problem("--floe-env=local", said, error.remedy)]) from error
        self._cleanup.callback(platform.stop)
        self._cleanup.enter_context(without_proxy(HOST))
        return platform.environment()

    def _left_to_rescue(self) -> dict[str, str | None]:
        log = self.options.termination_log
        folders = {"report_dir": str(self.options.report_dir), "run_dir": str(self.context.run_dir)}
        return {**folders, "termination_log": str(log) if log else None}

    def _execute_here(self, watchdog: Watchdog) -> None:
        journal = WatchedJournal(self.context.evidence, watchdog, self.context.ends)
        self.execution = Execution(self.context, journal, together=True)
        self.config.pluginmanager.register(Collecting(self.context), "floe-collecting")
        self.config.pluginmanager.register(self.execution, "floe-execution")

    def pytest_report_header(self) -> list[str]:
        if self.gathering is None:
            return []
        outline = self.gathering.outline
        source, count = outline.config.path or "built in", len(outline.expected)
        what = f"{count} target{'' if count == 1 else 's'}"
        if options.may_have_own_checks(self.config):
            what += " and the marked tests"
        return [f"preflight: {self.options.environment}, {what}, {source}, run {self.context.run_id}"]

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[PROPERTY] = self.context.as_handover()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        if refused := self.context.workers.refused():
            raise pytest.UsageError(refused)

    # What comes in

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.gathering is None:
            return
        self.gathering.reached(report.nodeid, report.when)
        result = None
        if str(report.when) == "???":  # how pytest-xdist reports the test that a worker died in
            scrub_report(report, self.context.scrubber)
            result = self.gathering.crashed(report.nodeid)
        for name, value in list(report.user_properties):
            if name == CARRIER:
                report.user_properties.remove((name, value))
                result = PreflightResult.model_validate(value)
                self.gathering.take(result)
        if result:
            report.user_properties += _flattened(result)
        self._stop_checks_of_workers()

    def _stop_checks_of_workers(self) -> None:
        """End what still runs in workers after -x or --maxfail; pytest-xdist itself waits for it."""
        distributing = self.config.pluginmanager.getplugin("dsession")
        if distributing and distributing.shouldstop and not self.early:
            self.early = str(distributing.shouldstop)
            self.context.workers.stop_checks(self.early)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self.gathering:
            said = report.longreprtext.strip().splitlines() or [""]
            self.gathering.not_collected(report.nodeid, said[-1].removeprefix("E").strip())

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: Any) -> None:
        if self.gathering:
            scrub_warning(warning_message, self.context.scrubber)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._signals.enter_context(undisturbed())  # pytest is still drawing the first Ctrl-C when the second comes
        self.stopped = stopped_by(excinfo.value)
        self.early = self.stopped or str(excinfo.value)

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.stopped = self.early = f"pytest failed: {excinfo.typename}: {excinfo.value}"

    # The end

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        if options.only_lists(self.config.option) and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK
        if self.gathering:
            with undisturbed():
                self._conclude(self.early or str(session.shouldfail or session.shouldstop or ""))
                scrub_metadata(self.config, self.context.scrubber)
        try:
            return (yield)
        finally:
            self._signals.enter_context(undisturbed())  # to the end: pytest has no ear for them any more
            self._look_for_secrets()
            if self.report:
                page = self.unwritten or self.console.shown(self.options.report_dir / HTML_NAME)
                self.console.show(self.report, page)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Close what is open; a session that failed to start ends here without having finished."""
        with self._signals:
            self._signals.enter_context(undisturbed())
            if self.gathering and self.report is None:
                self._conclude(self.stopped or "the session did not start")
            self._look_for_secrets()
            if self.gathering and self.report:
                self.gathering.close(self.report)
            if self.watchdog:
                self.watchdog.close()
            if self.gathering and self.session:  # last of all: what ends the session elsewhere sets the status, too
                self.session.exitstatus = self._exit_status(int(self.session.exitstatus))
            self._cleanup.close()
        if self.execution and self.session and self.execution.runner.has_hung:
            leave_promptly(int(self.session.exitstatus))

    def _conclude(self, early: str) -> None:
        """End what still runs, and write the report; ``early`` says why the session ended before its time, if so."""
        assert self.gathering  # noqa: S101 - for the type checker
        self._call_off_deadline()
        if early:
            self.context.workers.end(early)
        if self.execution:
            self.execution.runner.stop(early or "the session ended")
        if self.progress:
            self.progress.close()
        self.gathering.ended(early or "the session ended")
        self.report = self.gathering.report(early or self.context.workers.refused() or self._why_missing())
        self._write(self.report)

    def _write(self, report: PreflightReport) -> None:
        try:
            writing.write(report, self.options.report_dir, self.context.scrubber)
        except OSError as error:
            self.report = report.model_copy(update={"overall_status": "fail"})
            why = error.strerror or error
            self.unwritten = f"the report could not be written to {self.options.report_dir}: {why}; make room, or give"
            self.unwritten += " --floe-report-dir another folder"
            sys.stderr.write(f"\n{self.unwritten}\n")
        termination.write(self.report or report, self.options.termination_log, self.context.scrubber)

    def _look_for_secrets(self) -> None:
        """Withhold what was written with a secret in it, by whatever way, and fail for it."""
        if self.gathering is None or self.report is None:
            return
        scrubber = self.context.scrubber
        files = leaks.written(self.config, self.options, self.report.run.start.timestamp())
        if not (leaking := leaks.holding_secrets(files, scrubber)):
            return
        shown = [self.console.shown(path) for path in leaking]
        self.gathering.leaked(shown)
        self.report = self.gathering.report(self.gathering.reason)
        self._write(self.report)
        for path in leaks.holding_secrets(files, scrubber):
            leaks.withhold(path)
        sys.stderr.write(f"\nwithheld, for a secret of the run stood in it: {', '.join(shown)}\n")

    def _why_missing(self) -> str:
        option = self.config.option
        given = {"-k": option.keyword, "-m": option.markexpr, "--deselect": option.deselect}
        narrowed = [f"{flag} {value}" for flag, value in given.items() if value]
        return f"deselected by {' and '.join(narrowed)}" if narrowed else "deselected, or lost with its worker"

    def _exit_status(self, status: int) -> int:
        failing = self.report is None or self.report.overall_status != "pass"
        if not self.stopped and status in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.NO_TESTS_COLLECTED):
            return int(pytest.ExitCode.TESTS_FAILED)
        return status or int(failing)

    def _verdict(self) -> str:
        return terminal.verdict(self.report) if self.report else ""


def _flattened(result: PreflightResult) -> list[tuple[str, str]]:
    """Return the result as JUnit and pytest-html show it."""
    flat = {
        "service": result.service,
        "status": result.status,
        "cause": result.details.cause or "",
        "message": result.message,
        "remediation": result.remediation or "",
        "target": result.details.target,
        "duration_ms": str(result.duration_ms),
    }
    return [(f"{PROPERTY}.{key}", value) for key, value in flat.items()]
