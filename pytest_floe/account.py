"""From the lines of preflight.jsonl to the report, whether the run came to its end or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

from pydantic import ValidationError

from pytest_floe.blocking import roots
from pytest_floe.records import (
    RECORD,
    Begun,
    Created,
    Ended,
    Expected,
    Finished,
    Hung,
    Record,
    Removed,
    Started,
    Stepped,
    Waiting,
)  # fmt: skip
from pytest_floe.report.building import Outline
from pytest_floe.report.models import PreflightReport, PreflightResult, Status
from pytest_floe.verdict import Identity, Judge

_STATUSES = get_args(Status)  # from the best to the worst
_NO_END = "the run did not come to its end: it was killed, crashed, or still goes on"


class UnusableError(Exception):
    """The lines don't even say what the run was to verify."""


@dataclass
class Account:
    """What is known of a run from its lines; ``damaged`` counts those that are not its own, or not whole."""

    outline: Outline
    last: datetime
    own: dict[str, Identity] = field(default_factory=dict)
    uncollected: dict[str, Identity] = field(default_factory=dict)
    active: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, list[str]] = field(default_factory=dict)
    hung: dict[str, str] = field(default_factory=dict)
    canaries: dict[str, list[str]] = field(default_factory=dict)
    results: dict[str, PreflightResult] = field(default_factory=dict)
    end: Ended | None = None
    damaged: int = 0

    def take(self, record: Record) -> None:
        """Take in the next line."""
        if record.run != self.outline.run.id or self.end or isinstance(record, Begun):
            self.damaged += 1
            return
        self.last = max(self.last, record.at)
        match record:
            case Expected():
                expected = self.uncollected if record.always else self.own
                expected |= {identity.id: identity for identity in record.checks}
            case Started():
                self.active[record.target] = "start"
            case Stepped():
                self.active[record.target] = record.step
            case Waiting():
                self.waiting[record.target] = record.needs
            case Created() | Removed():
                self._keep_count(record)
            case Hung():
                self.hung[record.target] = record.step
            case Finished():
                self.finish(record.result)
            case Ended():
                self.end = record

    def finish(self, result: PreflightResult) -> None:
        """Take in a result; what the check left is named by it from here on."""
        target = result.details.target
        self.results[target] = _joined(self.results.get(target, result), result)
        self.active.pop(target, None)
        self.waiting.pop(target, None)
        self.canaries.pop(target, None)

    def _keep_count(self, record: Created | Removed) -> None:
        names = self.canaries.setdefault(record.target, [])
        if isinstance(record, Created):
            names.append(record.name)
        elif record.name in names:
            names.remove(record.name)

    def lost(self, identity: Identity, judge: Judge) -> PreflightResult:
        """Return what the death of the process means that ran this check."""
        left = [f"{name} (may be left: the process died)" for name in self.canaries.get(identity.id, [])]
        if identity.id in self.hung:
            return judge.hung(identity, self.hung[identity.id], left_behind=left)
        if blocking := self._blocking(identity.id):
            said = f"went no further, for its process died while it waited for {', '.join(blocking)}"
            return judge.blocked(identity, said, blocking, left_behind=left)
        step = self.active.get(identity.id)
        message = "the process that ran it died, or was killed" + (f", in step {step}" if step else "")
        return judge.incomplete(identity, "incomplete.worker_crashed", message, step=step, left_behind=left)

    def _blocking(self, target: str) -> list[str]:
        """Return the roots of what ``target`` waited for when it was lost, if anything of that is not verified."""
        found: list[str] = []
        for needed in self.waiting.get(target, ()):
            result = self.results.get(needed)
            if result is None:
                found += self._blocking(needed) or [needed]
            elif result.status == "error":
                found += roots([result])
        return list(dict.fromkeys(found))

    def _is_open(self, target: str) -> bool:
        return target in self.active or bool(self.canaries.get(target))

    def report(self, judge: Judge, reason: str, end: datetime) -> PreflightReport:
        """Return the report of a run that ended at ``end``; what has no result was not run, for ``reason``."""
        own = [identity for identity in self.own.values() if self.outline.scope.includes(identity.service)]
        left_out = [identity.id for identity in self.own.values() if identity not in own]
        expected = [*self.outline.expected, *own, *self.uncollected.values()]
        results = {one.id: self.lost(one, judge) for one in expected if self._is_open(one.id)} | self.results
        if self.damaged:
            expected.append(self._session("evidence"))
            results[expected[-1].id] = self._doubt(judge)
        missed = [*self.outline.scope.not_verified, *left_out]
        scope = self.outline.scope.model_copy(update={"not_verified": missed})
        services = [*self.outline.left_out, *(one.service for one in self.own.values() if one not in own)]
        outline = self.outline.model_copy(update={"expected": expected, "scope": scope, "left_out": services})
        return outline.report(results, reason, judge, end)

    def report_as_left(self, judge: Judge) -> PreflightReport:
        """Return the report from the lines alone: red if there is no end, and never greener than the run said."""
        if self.end is None:
            report = self.report(judge, _NO_END, self.last)
            if report.overall_status == "pass":
                session = self._session("pytest")
                self.uncollected[session.id] = session
                report = self.report(judge, _NO_END, self.last)
            return report
        report = self.report(judge, self.end.reason, self.end.at)
        if report.overall_status != self.end.overall_status:
            self.damaged += 1
            return self.report(judge, self.end.reason, self.end.at)
        return report

    def _session(self, name: str) -> Identity:
        return Identity(f"{self.outline.environment}-session-{name}", "session", "pytest", name)

    def _doubt(self, judge: Judge) -> PreflightResult:
        said = f"{self.damaged} lines of the run's record are damaged, missing, or not its own"
        return judge.incomplete(self._session("evidence"), "incomplete.evidence_damaged", said)


def _joined(earlier: PreflightResult, later: PreflightResult) -> PreflightResult:
    """Return the worse of two results of a check, the later if they are alike, naming all that either left behind."""
    worse = max(later, earlier, key=lambda result: _STATUSES.index(result.status))
    left = list(dict.fromkeys([*earlier.details.left_behind, *later.details.left_behind]))
    return worse.model_copy(update={"details": worse.details.model_copy(update={"left_behind": left})})


def account_of(lines: Iterable[bytes]) -> Account:
    """Return what ``lines`` say of a run; raises UnusableError if none of them begins one."""
    account, damaged = None, 0
    for line in lines:
        record = parsed(line)
        if account and record:
            account.take(record)
        elif isinstance(record, Begun) and record.run == record.outline.run.id:
            account = Account(record.outline, record.at)
        elif line.endswith(b"\n"):  # else torn when its process was killed; that shows in what is missing
            damaged += 1
    if account is None:
        raise UnusableError("no line in it begins a run" if damaged else "it is empty")
    account.damaged += damaged
    return account


def parsed(line: bytes) -> Record | None:
    """Return what a line says; None if it is no line of a record."""
    try:
        return RECORD.validate_json(line)
    except ValidationError:
        return None
