"""The judge finds what it is there to find."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chaos.draw import Draw, Fault
from tests.chaos.judge import Outcome, judge
from tests.chaos.platform import SENTINELS
from tests.chaos.truth import Truth

QUIET = Draw(0, (), None, (), fresh=False, has_database=False, wait=0.0)
SERVICES = ("storage", "catalog", "postgres", "compute")


def outcome(folder: Path, status: int, left: tuple[str, ...] = (), **causes: str) -> Outcome:
    """Write what a run leaves: each service ok, but for those that have a cause."""
    checks = [
        {
            "service": service, "status": "error" if service in causes else "ok", "message": "",
            "details": {"cause": causes.get(service), "step": None},
        }
        for service in SERVICES
    ]  # fmt: skip
    report = {"overall_status": "fail" if causes else "pass", "checks": checks}
    (folder / "preflight-report").mkdir()
    (folder / "preflight-report" / "preflight-report.json").write_text(json.dumps(report))
    (folder / "preflight-report" / "preflight.jsonl").write_text('{"event": "ended"}\n')
    (folder / "output.txt").write_text("")
    return Outcome(folder, status, [], list(left))


def rules(truth: Truth, seen: Outcome) -> set[str]:
    """Return which rules are broken, but for the form of the report, which is not a real one here."""
    return {violation.rule for violation in judge(truth, seen)} - {"report"}


def untouched(draw: Draw = QUIET) -> Truth:
    return Truth(draw, {service: [] for service in SERVICES})


def test_green_that_nothing_on_the_wire_proves(tmp_path: Path) -> None:
    assert rules(untouched(), outcome(tmp_path, 0)) == {"green"}


def test_red_that_no_fault_explains(tmp_path: Path) -> None:
    causes = dict.fromkeys(("storage", "catalog", "postgres"), "timeout")
    assert rules(untouched(), outcome(tmp_path, 1, **causes)) == {"red"}


def test_red_that_a_fault_explains(tmp_path: Path) -> None:
    faults = tuple(Fault(service, "credentials", "wrong") for service in ("storage", "catalog", "postgres"))
    truth = untouched(Draw(0, faults, None, (), fresh=False, has_database=False, wait=0.0))
    truth.acted = list(faults)
    causes = dict.fromkeys(("storage", "catalog", "postgres"), "authenticate.rejected")
    assert rules(truth, outcome(tmp_path, 1, **causes)) == set()


@pytest.mark.parametrize("status", [0, 1])
def test_exit_status_and_report_must_agree(tmp_path: Path, status: int) -> None:
    causes = {} if status else dict.fromkeys(("storage", "catalog", "postgres"), "authenticate.rejected")
    truth = untouched()
    truth.acted = [Fault(service, "credentials", "wrong") for service in ("storage", "catalog", "postgres")]
    assert rules(truth, outcome(tmp_path, status, **causes)) >= {"green"}


@pytest.mark.parametrize("secret", SENTINELS.values())
def test_a_secret_in_a_file(tmp_path: Path, secret: str) -> None:
    seen = outcome(tmp_path, 0)
    (tmp_path / "junit.xml").write_text(f"password {secret}")
    assert "secret" in rules(untouched(), seen)


def test_a_leftover_that_the_report_does_not_name(tmp_path: Path) -> None:
    assert "left" in rules(untouched(), outcome(tmp_path, 0, left=("floe-preflight-x",)))


def test_a_check_that_calls_itself_broken(tmp_path: Path) -> None:
    assert "broken" in rules(untouched(), outcome(tmp_path, 1, storage="incomplete.check_broken"))
