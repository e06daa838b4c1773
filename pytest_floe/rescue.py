"""Makes the reports of a run from the record that it left: for a session that died, or whenever somebody asks."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TextIO

from pytest_floe.account import UnusableError, account_of
from pytest_floe.report import terminal, termination, writing
from pytest_floe.report.models import PreflightReport
from pytest_floe.secrets import Scrubber
from pytest_floe.verdict import Judge
from pytest_floe.workers import Workers


def main() -> None:
    """Report on the session that died or has to be killed, which the watchdog describes on standard input."""
    left = json.load(sys.stdin)
    if not Path(left["run_dir"]).exists():
        return  # the last thing that a session removes, after it has reported itself
    Workers(Path(left["run_dir"])).end("the session died")
    shutil.rmtree(left["run_dir"], ignore_errors=True)
    log = left["termination_log"]
    try:
        report_on(Path(left["report_dir"]), Path(log) if log else None, sys.stderr)
    except (OSError, UnusableError) as error:
        sys.stderr.write(f"\nno report could be made: {error}\n")


def report_on(folder: Path, log: Path | None, out: TextIO) -> PreflightReport:
    """Write the reports on the record in ``folder`` beside it, and the summary to ``out``; return the report.

    Raises OSError, and UnusableError where the record does not say what was to be verified.
    """
    with (folder / writing.EVIDENCE_NAME).open("rb") as lines:
        account = account_of(lines)
    scrubber = Scrubber()  # everything was scrubbed before it was noted
    report = account.report_as_left(Judge(scrubber, account.outline.slow_ms))
    writing.write(report, folder, scrubber)
    termination.write(report, log, scrubber)
    out.write("\n" + "".join(f"{line}\n" for line, _ in terminal.lines(report, folder / writing.HTML_NAME)))
    return report


if __name__ == "__main__":
    main()
