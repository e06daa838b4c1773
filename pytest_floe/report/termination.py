"""The few lines that an orchestrator shows of a container that ended: Kubernetes' terminationMessagePath."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pytest_floe.report import terminal
from pytest_floe.report.models import PreflightReport, PreflightResult
from pytest_floe.report.plaintext import plain
from pytest_floe.secrets import Scrubber

LIMIT = 4096  # bytes that Kubernetes keeps of a termination message
_LONGEST = 240  # characters of a message or remedy
_LONGEST_NAME = 100
_ROOM_FOR_THE_REST = 40
_NO_END = "NOT READY  the run has begun, and not come to its end\n"


def begin(log: Path | None) -> None:
    """Let nobody take an earlier run's summary for this run's; what can't be written is told at the end."""
    if log:
        try:
            _overwrite(log, _NO_END)
        except OSError:
            return


def write(report: PreflightReport, log: Path | None, scrubber: Scrubber) -> None:
    """Write the summary of ``report`` to ``log``, if there is one; if that can't be written, say so and go on."""
    say(scrubber.scrub_strong(summary(report)), log)


def say(text: str, log: Path | None) -> None:
    """Write ``text`` to ``log``; if that can't be written, say so and go on."""
    try:
        if log:
            _overwrite(log, text)
    except OSError as error:
        sys.stderr.write(f"\nwarning: --floe-termination-log: can't be written ({error.strerror}): {log}\n")


def summary(report: PreflightReport) -> str:
    """Return verdict and findings, the worst first, in at most LIMIT bytes of UTF-8, whole lines only."""
    lines = [f"{terminal.verdict(report)}  {plain(report.environment or 'no environment', _LONGEST_NAME)}"]
    findings = [*_mistakes(report), *_findings(report)]
    room = LIMIT - _ROOM_FOR_THE_REST - len(lines[0].encode())
    for number, finding in enumerate(findings):
        room -= len(finding.encode()) + 1
        if room < 0:
            lines.append(f"{len(findings) - number} more are left out here")
            break
        lines.append(finding)
    return "\n".join(lines) + "\n"


def _mistakes(report: PreflightReport) -> Iterator[str]:
    for error in report.config.errors:
        yield _line("error", error.where, error.code, error.message, error.remedy)


def _findings(report: PreflightReport) -> Iterator[str]:
    for status in ("error", "warning"):
        for check in report.checks:
            if check.status == status:
                yield from _of(check)
            elif status == "warning":
                yield from _notices(check)


def _of(check: PreflightResult) -> Iterator[str]:
    details = check.details
    yield _line(check.status, details.target, details.cause, check.message, check.remediation)
    if details.left_behind and details.cause != "operate.not_removed":
        names = ", ".join(details.left_behind)
        yield _line("error", details.target, "operate.not_removed", f"left behind: {names}", None)
    if check.status == "warning":
        yield from _notices(check)


def _notices(check: PreflightResult) -> Iterator[str]:
    for notice in check.details.notices:
        yield _line("warning", check.details.target, notice.cause, notice.message, notice.remediation)


def _line(status: str, target: str, cause: str | None, message: str, remedy: str | None) -> str:
    said = (status, plain(target, _LONGEST_NAME), plain(cause or "", _LONGEST_NAME), plain(message, _LONGEST))
    return "  ".join(filter(None, (*said, remedy and f"remedy: {plain(remedy, _LONGEST)}")))


def _overwrite(log: Path, text: str) -> None:
    """Write in place: the orchestrator made the file, and may have mounted it. A pipe nobody reads holds up nothing."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o644)
    with open(descriptor, "w", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123 - a descriptor
        stream.write(text)
