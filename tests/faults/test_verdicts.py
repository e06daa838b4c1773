"""What judges a cell must itself tell a wrong verdict from a right one."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from pytest_floe import Probe
from tests.faults.cell import Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.faults.verdicts import problems, run_cell

SECRET = "a-secret-of-the-matrix"


@contextmanager
def arrange(_: Lab) -> Iterator[Scene]:
    yield Scene({"host": "db.example", "user": "dagster"}, lambda: left, secrets=(SECRET,))


left: list[str] = []
TWIN = Twin(kind="postgres", name="none", server="none", arrange=arrange)
CELL = Cell(
    kind="postgres", fault="wrong-secret", source="scripted", server="none", twin=TWIN, arrange=arrange,
    cause="authenticate.rejected", step="authenticate", remedy="role {user} at {address}", deadline=0.5,
)  # fmt: skip


def right(_: Any, probe: Probe) -> None:
    with probe.step("authenticate"):
        probe.fail("authenticate.rejected", "no", "role dagster at db.example:5432")


def shows(said: str) -> Callable[[Any, Probe], None]:
    def check(_: Any, probe: Probe) -> None:
        with probe.step("authenticate"):
            probe.fail("authenticate.rejected", said, "role dagster at db.example:5432")

    return check


def passes(_: Any, probe: Probe) -> None:
    with probe.step("authenticate"):
        probe.ok("fine")


def test_the_right_verdict_is_no_problem(lab: Lab) -> None:
    assert problems(CELL, run_cell(CELL, lab, right)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"cause": "authorize.denied"}, "cause is authenticate.rejected, not authorize.denied"),
        ({"step": "tls"}, "step is authenticate, not tls"),
        ({"status": "warning"}, "status is error, not warning"),
        ({"remedy": "role nobody"}, "lacks 'role nobody'"),
        ({"says": "because"}, "message lacks 'because'"),
        ({"stays": True}, "nothing is left behind"),
    ],
)
def test_another_verdict_than_the_cell_s_is_a_problem(lab: Lab, change: dict[str, Any], problem: str) -> None:
    cell = replace(CELL, **change)
    assert problem in "\n".join(problems(cell, run_cell(cell, lab, right)))


@pytest.mark.parametrize("said", [SECRET, base64.b64encode(SECRET.encode()).decode()])
def test_a_secret_that_is_shown_is_a_problem(lab: Lab, said: str) -> None:
    assert "secret 0 is shown" in problems(CELL, run_cell(CELL, lab, shows(said)))


def test_a_green_that_should_be_red_is_a_problem(lab: Lab) -> None:
    assert "status is ok, not error" in problems(CELL, run_cell(CELL, lab, passes))


def test_what_is_left_on_the_server_is_a_problem(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "left", ["floe-preflight-x"])
    assert "floe-preflight-x is left on the server, and the result does not say so" in problems(
        CELL, run_cell(CELL, lab, right)
    )


def test_a_verdict_that_is_late_is_a_problem(lab: Lab) -> None:
    outcome = replace(run_cell(CELL, lab, right), seconds=CELL.deadline + 2)
    assert [said for said in problems(CELL, outcome) if said.startswith("took")]
