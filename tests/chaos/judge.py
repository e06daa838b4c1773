"""Whether a run told the truth."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema

from tests.chaos.leaks import search
from tests.chaos.platform import ADMIN_SECRET, SENTINELS, SERVICES, WRONG
from tests.chaos.truth import Truth

RULES = {
    "green": "green that should be red",
    "red": "red that should be green",
    "left": "a leftover that is not named, or not swept",
    "secret": "a secret shown",
    "report": "no valid report",
    "bounds": "not ended in time",
    "broken": "a traceback, or a check that calls itself broken",
    "injector": "the injector itself failed, so nothing was judged",
}
ALL = (*SERVICES, "compute")
_LONGEST_LOG = 4096
_LONGEST_TRACEBACK = 2000
#: A traceback through pytest or the plugin; those that an SDK logs of itself are its own.
_OURS = re.compile(
    r"INTERNALERROR|Traceback \(most recent call last\):\n(?: .*\n)*?  File \"\S*/(?:_pytest|pytest_floe|checks)/"
)


@dataclass(frozen=True)
class Violation:
    """A broken rule, and how."""

    rule: str
    how: str


@dataclass
class Outcome:
    """What is seen of a run from outside."""

    folder: Path
    status: int | None
    relatives: list[str]
    leftovers: list[str]

    @property
    def report(self) -> dict[str, Any] | None:
        """The report, if there is one."""
        path = self.folder / "preflight-report" / "preflight-report.json"
        return json.loads(path.read_text()) if path.exists() else None

    @property
    def output(self) -> str:
        """All that was printed."""
        return (self.folder / "output.txt").read_text(errors="replace")


def judge(truth: Truth, outcome: Outcome) -> list[Violation]:
    """Return what is wrong with a run."""
    report = outcome.report
    found = [*_bounds(outcome), *_secrets(truth, outcome), *_leftovers(outcome), *_verdict(truth, outcome, report)]
    if report is None:
        return [*found, Violation("report", f"none, exit status {outcome.status}")]
    found += _report(outcome, report)
    for check in report["checks"]:
        found += _check(truth, check)
    return found


def _bounds(outcome: Outcome) -> Iterator[Violation]:
    if outcome.status is None:
        yield Violation("bounds", "the run had to be killed")
    if outcome.relatives:
        yield Violation("bounds", f"processes outlived the run: {'; '.join(outcome.relatives)}")


def _secrets(truth: Truth, outcome: Outcome) -> Iterator[Violation]:
    secrets = {*SENTINELS.values(), *WRONG.values(), ADMIN_SECRET, *truth.issued}
    yield from (Violation("secret", found) for found in search(outcome.folder, secrets))


def _leftovers(outcome: Outcome) -> Iterator[Violation]:
    folder = outcome.folder / "preflight-report"
    told = "".join(path.read_text(errors="replace") for path in sorted(folder.glob("*.json*")))
    yield from (Violation("left", f"{name} is not named") for name in outcome.leftovers if name not in told)


def _report(outcome: Outcome, report: dict[str, Any]) -> Iterator[Violation]:
    """Judge the form of all that the report folder holds, and the few lines for an orchestrator."""
    *lines, last = (outcome.folder / "preflight-report" / "preflight.jsonl").read_bytes().split(b"\n")
    whole = [line for line in (*lines, last) if line]
    yield from (Violation("report", f"preflight.jsonl: {said}") for line in lines for said in _flaws("evidence", line))
    yield from (Violation("report", said) for said in _flaws("report", json.dumps(report).encode()))
    log = outcome.folder / "termination.log"
    if log.exists():
        told = log.read_bytes()
        if len(told) > _LONGEST_LOG or (b"NOT READY" in told) != (report["overall_status"] == "fail"):
            yield Violation("report", f"termination log: {told[:200]!r}")
    if report["overall_status"] == "pass" and b'"ended"' not in whole[-1]:
        yield Violation("green", "preflight.jsonl does not end, and the report passes")


def _flaws(of: str, text: bytes) -> Iterator[str]:
    try:
        yield from (error.message[:200] for error in _validator(of).iter_errors(json.loads(text)))
    except ValueError as error:
        yield f"{error}: {text[:100]!r}"


@cache
def _validator(of: str) -> jsonschema.Draft202012Validator:
    published = resources.files("pytest_floe").joinpath(f"schema/preflight-{of}.schema.json")
    return jsonschema.Draft202012Validator(json.loads(published.read_text()))


def _verdict(truth: Truth, outcome: Outcome, report: dict[str, Any] | None) -> Iterator[Violation]:
    """Judge exit status and overall verdict: by the report's checks, which are judged one by one."""
    if printed := _OURS.search(outcome.output):
        shown = outcome.output[printed.start() :][:_LONGEST_TRACEBACK]
        yield Violation("broken", f"a traceback was printed: {shown}")
    expected = {truth.draw.only} if truth.draw.only else set(ALL)
    passing = {"ok"} if truth.draw.strict else {"ok", "warning"}
    verified = {check["service"] for check in (report or {"checks": []})["checks"] if check["status"] in passing}
    whole = verified == expected and all(
        check["status"] in passing for check in (report or {"checks": [{"status": ""}]})["checks"]
    )
    if report and (report["overall_status"] == "pass") != whole:
        yield Violation(
            "green" if not whole else "red", f"overall {report['overall_status']}, verified {sorted(verified)}"
        )
    if outcome.status == 0 and not whole:
        yield Violation("green", f"exit status 0, verified {sorted(verified)}")
    ended_early = truth.interrupted or "--floe-deadline" in outcome.output  # it may pass after the last check
    if outcome.status not in (0, None) and whole and not ended_early:
        yield Violation("red", f"exit status {outcome.status}, and all is verified")
    if report and outcome.status is not None and not truth.interrupted:
        missing = expected - {check["service"] for check in report["checks"]}
        if missing:
            yield Violation("report", f"nothing is said of {sorted(missing)}")


def _check(truth: Truth, check: dict[str, Any]) -> Iterator[Violation]:
    service, cause, said = (
        check["service"],
        check["details"]["cause"] or "",
        f"{check['details']['cause']}: {check['message']}",
    )
    if cause == "incomplete.check_broken":
        yield Violation("broken", f"{service} {said}")
    elif service not in ALL:
        if not (cause.startswith("incomplete.") and truth.interrupted):
            yield Violation("report", f"a check of {service}: {said}")
    elif check["status"] == "error":
        if not _may_be_red(truth, service, cause):
            yield Violation("red", f"{service} {said}, in step {check['details']['step']}")
    elif not truth.proves(service):
        yield Violation(
            "green", f"{service} is {check['status']}: {check['message']}; {', '.join(truth.excuses(service))}"
        )


def _may_be_red(truth: Truth, service: str, cause: str) -> bool:
    ended_early = truth.interrupted or bool(truth.draw.deadline)
    if cause.startswith("incomplete."):
        return ended_early or truth.draw.stops_early
    if cause == "blocked":  # by a storage that is red itself
        return service == "catalog" and _may_be_red(truth, "storage", "incomplete.not_run" * ended_early)
    return bool(truth.excuses(service)) or (ended_early and cause == "operate.not_removed")


def summary(violations: Iterable[Violation]) -> str:
    """Return one line a violation."""
    return "\n".join(f"    {violation.rule}: {violation.how}" for violation in violations)
