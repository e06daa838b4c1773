"""What a report does not vouch for: every way in which less was verified than a reader may think."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pytest_floe.causes import INCOMPLETE
from pytest_floe.report.models import PreflightReport, PreflightResult


@dataclass(frozen=True)
class Gap:
    """One way of not being verified, and the targets it holds for, each with a note of its own (or "")."""

    title: str
    why: str
    targets: list[tuple[str, str]]


def gaps(report: PreflightReport) -> list[Gap]:
    """Return what was not verified, the gravest first; empty if every configured target read and wrote."""
    return [*_nothing_at_all(report), *_not_covered(report), *_partly_covered(report.checks)]


def label(check: PreflightResult) -> str:
    """Return how a person calls this check: service and kind, and the name where it says more."""
    details = check.details
    return " ".join(dict.fromkeys((check.service, details.kind, details.name)))


def without_verdict(report: PreflightReport) -> list[str]:
    """Return the ids of expected targets that have no result, or one that says nothing about the service."""
    judged = {check.details.target for check in report.checks if check.details.cause not in INCOMPLETE}
    return [target for target in report.expected if target not in judged]


def _nothing_at_all(report: PreflightReport) -> Iterator[Gap]:
    if report.config.errors:
        why = "The configuration has mistakes, so no check was run."
        yield Gap("Everything", why, [(target, "") for target in report.expected])
    elif not report.expected:
        yield Gap("Everything", "No service is declared for this environment, so there was nothing to verify.", [])


def _not_covered(report: PreflightReport) -> Iterator[Gap]:
    yield from _gap("Not run, or not finished", "No verdict on these.", report.checks, _unfinished, _message)
    yield from _gap(
        "Blocked", "Not run, because a service they need has failed.", report.checks, _has_cause("blocked"), _message
    )
    have = {check.details.target for check in report.checks}
    lost = [(target, "") for target in report.expected if target not in have]
    if lost and not report.config.errors:
        yield Gap("Without a result", "Expected, but nothing was reported.", lost)
    if report.scope.not_verified:
        narrowed = ", ".join(report.scope.narrowed_to)
        left_out = [(target, "") for target in report.scope.not_verified]
        yield Gap("Left out by --floe-check", f"Configured, but the run was narrowed to {narrowed}.", left_out)


def _partly_covered(checks: list[PreflightResult]) -> Iterator[Gap]:
    yield from _gap("What failed", "Nothing is vouched for beyond the finding.", checks, _failed, _beyond)
    yield from _gap(
        "No object to verify",
        "The target names no bucket, database or warehouse.",
        checks,
        _has_cause("config.object_not_given"),
    )
    yield from _gap(
        "Writing and deleting",
        "Checked read-only: nothing was created, changed or deleted.",
        checks,
        lambda check: check.status != "error" and check.details.scope == "read-only",
    )
    yield from _gap("Left out by the check", "As the check itself says.", checks, _says_so, _left_out)
    yield from _gap(
        "Scope not stated",
        "These checks do not say whether they wrote.",
        checks,
        lambda check: check.status != "error" and check.details.scope is None,
    )


def _gap(
    title: str,
    why: str,
    checks: list[PreflightResult],
    belongs: Callable[[PreflightResult], bool],
    note: Callable[[PreflightResult], str] = lambda _: "",
) -> Iterator[Gap]:
    targets = [(label(check), note(check)) for check in checks if belongs(check)]
    if targets:
        yield Gap(title, why, targets)


def _has_cause(cause: str) -> Callable[[PreflightResult], bool]:
    return lambda check: cause in (check.details.cause, *(notice.cause for notice in check.details.notices))


def _unfinished(check: PreflightResult) -> bool:
    return check.details.cause in INCOMPLETE - {"blocked", "incomplete.no_targets"}


def _failed(check: PreflightResult) -> bool:
    return check.status == "error" and check.details.cause not in INCOMPLETE


def _says_so(check: PreflightResult) -> bool:
    return bool(_left_out(check))


def _left_out(check: PreflightResult) -> str:
    said = (check.details.model_extra or {}).get("not_verified", "")
    return ", ".join(map(str, said)) if isinstance(said, list) else str(said)


def _message(check: PreflightResult) -> str:
    return check.message


def _beyond(check: PreflightResult) -> str:
    last = check.details.steps[-1:]
    return f"nothing after {last[0].name}" if last and last[0].outcome != "ok" else ""
