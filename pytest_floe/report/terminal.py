"""The summary at the end of a run, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pytest_floe import causes
from pytest_floe.report.attempts import attempts
from pytest_floe.report.models import PreflightReport, PreflightResult
from pytest_floe.report.plaintext import plain

#: A line of text and pytest's markup for it.
Line = tuple[str, dict[str, bool]]
_MARKUP = {"ok": {"green": True}, "warning": {"yellow": True}, "error": {"red": True}}
_WIDEST = 48
_plain = partial(plain, limit=1000)


def lines(report: PreflightReport, page: Path | str) -> Iterator[Line]:
    """Yield the summary: a line a check, its remedy below it, the verdict last with the path of the page."""
    count = len(report.expected)
    yield f"preflight {_plain(report.environment or '')}  {count} target{'' if count == 1 else 's'}", {"bold": True}
    widths = [
        max((len(text) for text in column), default=0) for column in zip(*map(_cells, report.checks), strict=True)
    ]
    for check in report.checks:
        yield from _check(check, widths)
    for identity in report.scope.not_verified:
        yield f"  {_plain(identity)} was left out by --floe-check", {"yellow": True}
    yield f"{verdict(report)} in {report.duration_ms / 1000:.1f} s   {page}", _verdict_markup(report)


def verdict(report: PreflightReport) -> str:
    """Return READY or NOT READY with the counts, e.g. ``NOT READY  1 error, 1 warning, 2 ok``."""
    said = [f"{n} {_plural(status, n)}" for status, n in report.counts().items() if n]
    incomplete = sum((check.details.cause or "") in causes.INCOMPLETE for check in report.checks)
    if incomplete:
        said.append(f"{incomplete} of them not verified")
    head = "READY" if report.overall_status == "pass" else "NOT READY"
    return f"{head}  {', '.join(said)}".rstrip()


def _plural(status: str, count: int) -> str:
    return status if status == "ok" or count == 1 else f"{status}s"


def _cells(check: PreflightResult) -> tuple[str, str, str, str]:
    details = check.details
    kind = details.kind if details.kind == details.name else f"{details.kind} {details.name}"
    return check.status, _plain(check.service), _plain(kind), plain(details.endpoint, _WIDEST)


def _check(check: PreflightResult, widths: list[int]) -> Iterator[Line]:
    cells = "  ".join(text.ljust(width) for text, width in zip(_cells(check), widths, strict=True))
    details = check.details
    if check.status == "ok":
        scope = "" if details.scope == "read-write" else "  read-only"
        tries = f"  ready after {said}" if (said := attempts(details)) else ""
        yield f"  {cells}  {check.duration_ms:>6,} ms  {_plain(check.message)}{scope}{tries}", _MARKUP["ok"]
        return
    yield f"  {cells}  {_plain(details.cause or '')}  {_plain(check.message)}", _MARKUP[check.status]
    if said := attempts(details):
        yield f"           {'still so' if check.status == 'error' else 'ready'} after {said}", {}
    if check.remediation:
        anchor = causes.CAUSES[details.cause].anchor if details.cause in causes.CAUSES else ""
        yield f"           remedy: {_plain(check.remediation)}   ({anchor})", {}
    for notice in details.notices:
        yield f"           also: {_plain(notice.cause)}  {_plain(notice.message)}", {"yellow": True}
    for name in details.left_behind:
        yield f"           left behind: {_plain(name)}", {"red": True}


def _verdict_markup(report: PreflightReport) -> dict[str, bool]:
    return {"bold": True, ("green" if report.overall_status == "pass" else "red"): True}
