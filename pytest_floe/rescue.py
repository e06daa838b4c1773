"""Makes the report of a session that was killed, from what its watchdog heard."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from pytest_floe.report import terminal, writing
from pytest_floe.report.building import Outline
from pytest_floe.report.models import PreflightResult
from pytest_floe.secrets import Scrubber
from pytest_floe.verdict import Judge


def main() -> None:
    """Read the evidence as JSON from standard input, write the report, and print the summary to standard error."""
    evidence = json.load(sys.stdin)
    outline = Outline.model_validate(evidence["outline"])
    judge = Judge(Scrubber(), outline.slow_ms)  # everything was scrubbed before it was said
    results = {r.details.target: r for r in map(PreflightResult.model_validate, evidence["results"])}
    by_id = {identity.id: identity for identity in outline.expected}
    for target, step in evidence["hung"].items():
        results[target] = judge.hung(by_id[target], step)
    ended = dict.fromkeys(by_id, "the session was ended, because a check held the interpreter beyond its deadline")
    report = outline.report(results, ended, judge)
    folder = Path(evidence["report_dir"])
    writing.write(report, folder, judge.scrubber)
    for line, _ in terminal.lines(report, folder / writing.HTML_NAME):
        sys.stderr.write(f"\n{line}")
    sys.stderr.write("\n")
    shutil.rmtree(evidence["run_dir"], ignore_errors=True)


if __name__ == "__main__":
    main()
