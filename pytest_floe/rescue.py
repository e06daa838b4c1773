"""Makes the report of a session that died or had to be killed, from what its watchdog heard."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_floe.journal import Evidence
from pytest_floe.report import terminal, writing
from pytest_floe.report.building import Outline
from pytest_floe.report.models import PreflightReport, PreflightResult
from pytest_floe.secrets import Scrubber
from pytest_floe.verdict import Identity, Judge

_REASON = "the session did not end by itself: it was killed, or crashed"


def main() -> None:
    """Read the evidence as JSON from standard input, write the report, and print the summary to standard error."""
    evidence = json.load(sys.stdin)
    report, folder = report_of(evidence), Path(evidence["report_dir"])
    writing.write(report, folder, Scrubber())  # everything was scrubbed before it was said
    for line, _ in terminal.lines(report, folder / writing.HTML_NAME):
        sys.stderr.write(f"\n{line}")
    sys.stderr.write("\n")
    shutil.rmtree(evidence["run_dir"], ignore_errors=True)


def report_of(evidence: Mapping[str, Any]) -> PreflightReport:
    """Return the report on the session that ``evidence`` is from."""
    outline = Outline.model_validate(evidence["outline"])
    own = [Identity(**fields) for fields in Evidence(Path(evidence["run_dir"])).own_checks()]
    outline.expected += [identity for identity in own if outline.scope.includes(identity.service)]
    judge = Judge(Scrubber(), outline.slow_ms)
    results = {r.details.target: r for r in map(PreflightResult.model_validate, evidence["results"])}
    results |= {lost.details.target: lost for lost in _lost(outline.expected, evidence, judge)}
    if not any(result.status == "error" for result in results.values()):
        outline.expected.append(Identity(f"{outline.environment}-session-pytest", "session", "pytest", "pytest"))
    return outline.report(results, _REASON, judge)


def _lost(expected: list[Identity], evidence: Mapping[str, Any], judge: Judge) -> Iterator[PreflightResult]:
    """Yield what is to be said of the checks that ran when the session died."""
    hung, active = evidence["hung"], evidence["active"]
    left_behind = Evidence(Path(evidence["run_dir"])).left_behind()
    for identity in expected:
        left = left_behind.get(identity.id, [])
        if identity.id in hung:
            yield judge.hung(identity, hung[identity.id], left_behind=left)
        elif identity.id in active:
            step = active[identity.id]
            message = f"the process that ran it died, or was killed, in step {step}"
            yield judge.incomplete(identity, "incomplete.worker_crashed", message, step=step, left_behind=left)


if __name__ == "__main__":
    main()
