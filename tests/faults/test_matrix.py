"""Every cell of the fault matrix, every server without its fault, and that the matrix is whole."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import pytest

from tests.faults.cell import Cell, Twin
from tests.faults.cells import CELLS, GAPS, NOT_APPLICABLE, TWINS
from tests.faults.conftest import ROW
from tests.faults.lab import Lab
from tests.faults.page import row
from tests.faults.verdicts import problems, run_cell, twin_problems


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_fault(cell: Cell, lab: Lab, request: pytest.FixtureRequest) -> None:
    outcome = run_cell(cell, lab)
    request.node.user_properties.append((ROW, json.dumps(asdict(row(cell, outcome)))))
    assert problems(cell, outcome) == []


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.id)
def test_without_the_fault(twin: Twin, lab: Lab) -> None:
    assert twin_problems(twin, run_cell(twin, lab)) == []


def test_every_cell_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(cell.id for cell in CELLS).items() if count > 1] == []


def test_every_cell_has_a_twin_of_its_server() -> None:
    assert [cell.id for cell in CELLS if cell.twin.kind != cell.kind or cell.twin not in TWINS] == []


def test_nothing_is_both_a_cell_and_none() -> None:
    cells = {(cell.kind, cell.fault) for cell in CELLS}
    gaps = [(gap.kind, gap.fault) for gap in GAPS]
    reasons = [(one.kind, one.fault) for one in NOT_APPLICABLE]
    assert [pair for pair, count in Counter([*cells, *gaps, *reasons]).items() if count > 1] == []
