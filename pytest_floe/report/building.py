"""Putting a report together from what the run knew at its start and the results that came in."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from pytest_floe import __version__
from pytest_floe.config.problems import nearest
from pytest_floe.report.models import Configuration, PreflightReport, PreflightResult, Run, Scope, overall_status
from pytest_floe.verdict import Identity, Judge, reconcile

#: Where CI systems put the address of the running job.
_CI_URLS = ("CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL", "TRAVIS_JOB_WEB_URL")
NOTHING = Identity("none", "preflight", "none", "none")


class Outline(BaseModel):
    """All of a report that is known before any check runs; plain enough to be sent to another process.

    ``left_out`` holds the services that --floe-check left out.
    """

    environment: str | None
    expected: list[Identity]
    scope: Scope
    config: Configuration
    run: Run
    slow_ms: float = 1000.0
    given_up: str = ""
    left_out: list[str] = []

    def report(
        self, results: Mapping[str, PreflightResult], reason: str, judge: Judge, end: datetime | None = None
    ) -> PreflightReport:
        """Return the report on ``results`` by target id; what has none was not run, for ``reason``.

        ``end`` is when the run ended; now, if not given.
        """
        checks = reconcile(self.expected, results, judge, reason)
        unknown = [] if self.config.errors else self._asked_for_in_vain(judge)
        checks += unknown
        if not checks and not self.config.errors:
            checks = [self._nothing(judge)]
        expected = [*(identity.id for identity in self.expected), *(check.details.target for check in unknown)]
        end = end or now()
        status = overall_status(expected, checks, strict=self.scope.strict)
        return PreflightReport(
            timestamp=end,
            overall_status="fail" if self.config.errors else status,
            environment=self.environment,
            duration_ms=max(0, round((end - self.run.start).total_seconds() * 1000)),
            plugin_version=__version__,
            expected=expected,
            scope=self.scope,
            config=self.config,
            run=self.run.model_copy(update={"end": end}),
            checks=checks,
        )

    def _asked_for_in_vain(self, judge: Judge) -> list[PreflightResult]:
        """Return a finding for each service of --floe-check that no check belongs to, where there are any checks."""
        known = {*(identity.service for identity in self.expected), *self.left_out}
        missing = [service for service in self.scope.narrowed_to if known and service not in known]
        return [
            judge.incomplete(
                Identity(f"{self.environment}-{service}-none", service, "none", "none"),
                "incomplete.no_targets",
                f"--floe-check={service} was asked for, and no check of this environment belongs to it",
                f"{service}, or correct --floe-check; {nearest(service, known)}",
            )
            for service in missing
        ]

    def _nothing(self, judge: Judge) -> PreflightResult:
        if self.given_up:
            return judge.incomplete(NOTHING, "incomplete.not_run", self.given_up, "the same command again")
        subject = f"environments.{self.environment} in the configuration, and --floe-check"
        return judge.incomplete(NOTHING, "incomplete.no_targets", "no service is configured", subject)


def now() -> datetime:
    """Return the time in UTC, to the millisecond."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def this_run(run_id: str, arguments: list[str], folder: Path) -> Run:
    """Return who runs this, where and from what; ``arguments`` must be free of secrets."""
    start = now()
    return Run(
        id=run_id,
        start=start,
        end=start,
        host=socket.gethostname(),
        user=_user(),
        ci_url=_ci_url(),
        git_commit=_git_commit(folder),
        arguments=arguments,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def _ci_url() -> str | None:
    if os.environ.get("GITHUB_RUN_ID"):
        server, repository = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
        return f"{server}/{repository}/actions/runs/{os.environ['GITHUB_RUN_ID']}"
    return next((os.environ[name] for name in _CI_URLS if os.environ.get(name)), None)


def _git_commit(folder: Path) -> str | None:
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
