"""What the readiness page says, derived from the report; how it looks is the template's business."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice

from pytest_floe.causes import CAUSES, INCOMPLETE, Cause, remedy
from pytest_floe.report.gaps import Gap, gaps, label, without_verdict
from pytest_floe.report.models import PreflightReport, PreflightResult

#: How the page calls what a check came to, the gravest first.
OUTCOMES = {"error": "Error", "unverified": "No verdict", "warning": "Warning", "ok": "OK"}
_LONGEST_LINK = 200
_MOST = 40  # steps, facts and names of one check; the JSON report has them all


@dataclass(frozen=True)
class FindingView:
    """One thing that somebody has to act on, or to accept."""

    outcome: str
    check: CheckView
    code: str
    message: str
    remedy: str | None
    step: str | None = None
    blocks: tuple[CheckView, ...] = ()

    @property
    def cause(self) -> Cause | None:
        """The table's entry; None for a code that a plug-in made up."""
        return CAUSES.get(self.code)


@dataclass(frozen=True)
class CheckView:
    """One check, numbered as on the page."""

    number: int
    result: PreflightResult

    @property
    def label(self) -> str:
        """Service, kind and name."""
        return label(self.result)

    @property
    def outcome(self) -> str:
        """A key of OUTCOMES; what came to no verdict is never ok."""
        return "unverified" if self.result.details.cause in INCOMPLETE else self.result.status

    @property
    def steps(self) -> list[tuple[str, str, int, int]]:
        """Name, outcome, duration in ms and share of the check's time in percent of each step."""
        steps = self.result.details.steps[:_MOST]
        total = sum(step.duration_ms for step in steps) or 1
        return [(s.name, s.outcome, s.duration_ms, round(100 * s.duration_ms / total)) for s in steps]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What the kind of service adds to the details, as text."""
        extra = self.result.details.model_extra or {}
        return [(key.replace("_", " "), _text(value)) for key, value in islice(extra.items(), _MOST)]

    @property
    def findings(self) -> Iterator[FindingView]:
        """The finding that gives the status, then those beside it."""
        result, details = self.result, self.result.details
        if self.outcome != "ok":
            code = details.cause or ""
            yield FindingView(self.outcome, self, code, result.message, result.remediation, details.step)
        if details.left_behind and details.cause != "operate.not_removed":
            names = ", ".join(details.left_behind[:_MOST])
            code = "operate.not_removed"
            yield FindingView("error", self, code, f"Left behind: {names}", remedy(code, names))
        for notice in details.notices:
            yield FindingView("warning", self, notice.cause, notice.message, notice.remediation)


class Page:
    """A report in the words of its reader, a release manager."""

    def __init__(self, report: PreflightReport) -> None:
        self.report = report
        self.checks = [CheckView(number, result) for number, result in enumerate(report.checks, start=1)]

    @cached_property
    def unjudged(self) -> list[str]:
        """Ids of expected targets about which this run says nothing."""
        return without_verdict(self.report)

    @property
    def incomplete(self) -> bool:
        """Whether the run ended without a verdict on everything it should have verified."""
        return bool(self.unjudged or self.report.config.errors or not self.report.expected)

    @property
    def ready(self) -> bool:
        """Whether the page says READY: never more than was verified."""
        return self.report.overall_status == "pass" and not self.incomplete

    @property
    def extent(self) -> str:
        """How much was to be verified, and how long that took."""
        if errors := len(self.report.config.errors):
            return f"{errors} configuration error{'' if errors == 1 else 's'}, no check was run"
        expected, seconds = len(self.report.expected), self.report.duration_ms / 1000
        return f"{expected} target{'' if expected == 1 else 's'} expected, checked in {seconds:.1f} s"

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many targets came to each of OUTCOMES."""
        outcomes = [check.outcome for check in self.checks]
        counts = {outcome: outcomes.count(outcome) for outcome in OUTCOMES}
        return counts | {"unverified": max(counts["unverified"], len(self.unjudged))}

    @cached_property
    def findings(self) -> list[FindingView]:
        """All findings, the gravest first, otherwise in the order of the checks."""
        order = list(OUTCOMES)
        found = (finding for check in self.checks for finding in check.findings)
        own = [self._with_blocked(finding) for finding in found if not self._stands_under_its_roots(finding)]
        return sorted(own, key=lambda finding: order.index(finding.outcome))

    def _with_blocked(self, finding: FindingView) -> FindingView:
        """Return ``finding`` with the checks that it keeps from going on, where it gives its check the status."""
        details = finding.check.result.details
        if finding.code != details.cause:
            return finding
        blocked = (check for check in self.checks if details.target in check.result.details.blocked_by)
        return replace(finding, blocks=tuple(blocked))

    def _stands_under_its_roots(self, finding: FindingView) -> bool:
        failed = {check.result.details.target for check in self.checks if check.outcome != "ok"}
        return finding.code == "blocked" and bool(failed.intersection(finding.check.result.details.blocked_by))

    @cached_property
    def finding_numbers(self) -> dict[int, list[int]]:
        """Numbers of the findings of each check, and of those that block it, by the check's number."""
        numbers: dict[int, list[int]] = {}
        for number, finding in enumerate(self.findings, start=1):
            for check in (finding.check, *finding.blocks):
                numbers.setdefault(check.number, []).append(number)
        return numbers

    @cached_property
    def gaps(self) -> list[Gap]:
        """What was not verified."""
        return gaps(self.report)

    @property
    def principals(self) -> dict[str, list[str]]:
        """Labels of the checks by the principal they ran as."""
        known: dict[str, list[str]] = {}
        for check in self.checks:
            if check.result.details.principal:
                known.setdefault(check.result.details.principal, []).append(check.label)
        return known

    @property
    def conditions(self) -> Iterator[str]:
        """What a reader must know together with the verdict."""
        report = self.report
        if self.unjudged:
            yield f"Incomplete: no verdict on {len(self.unjudged)} of {len(report.expected)} expected targets."
        if report.scope.narrowed_to:
            left_out = len(report.scope.not_verified)
            yield f"Narrowed by --floe-check to {', '.join(report.scope.narrowed_to)}; targets left out: {left_out}."
        if read_only := sum(
            c.outcome in ("ok", "warning") and c.result.details.scope == "read-only" for c in self.checks
        ):
            yield f"Read-only for {read_only} of {len(report.expected)} targets: writing was not verified there."
        if report.scope.strict:
            yield "Strict: warnings count as failures."

    @property
    def command(self) -> str:
        """The arguments as one would type them."""
        return shlex.join(["pytest", *self.report.run.arguments])

    @property
    def ci_link(self) -> str | None:
        """The CI job's address if a browser may safely follow it as it will be shown."""
        address = self.report.run.ci_url or ""
        safe = address.startswith(("https://", "http://")) and len(address) < _LONGEST_LINK and address.isprintable()
        return address if safe else None


def utc(moment: datetime) -> str:
    """Return ``moment`` as a person reads it, to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value[:_MOST]))
    return json.dumps(value, default=str) if isinstance(value, dict) else str(value)
