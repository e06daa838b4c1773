"""Every cell of the fault matrix, every server without its fault, and that the matrix is whole."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import pytest

from tests.faults.catalogue import FAULTS, FEWEST_CELLS, FEWEST_REAL, KINDS, MOST_GAPS, NEVER_BREAK, STEPS
from tests.faults.cell import Cell, Twin
from tests.faults.cells import CELLS, GAPS, NOT_APPLICABLE, TWINS
from tests.faults.conftest import PAGE, ROW
from tests.faults.lab import Lab
from tests.faults.page import NOT_RUN, declared, lines, row
from tests.faults.verdicts import problems, run_cell, twin_problems


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_fault(cell: Cell, lab: Lab, request: pytest.FixtureRequest) -> None:
    outcome = run_cell(cell, lab)
    request.node.user_properties.append((ROW, json.dumps(asdict(row(cell, outcome)))))
    assert problems(cell, outcome) == []


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.id)
def test_without_the_fault(twin: Twin, lab: Lab) -> None:
    outcome = run_cell(twin, lab)
    assert twin_problems(twin, outcome) == []
    assert set(outcome.walked) <= {*STEPS[twin.kind], *NEVER_BREAK}


def test_every_cell_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(cell.id for cell in CELLS).items() if count > 1] == []


def test_every_cell_has_a_twin_of_its_server() -> None:
    assert [cell.id for cell in CELLS if cell.twin.kind != cell.kind or cell.twin not in TWINS] == []


def test_nothing_is_both_a_cell_and_none() -> None:
    cells = {(cell.kind, cell.fault) for cell in CELLS}
    gaps = [(gap.kind, gap.fault) for gap in GAPS]
    reasons = [(one.kind, one.fault) for one in NOT_APPLICABLE]
    assert [pair for pair, count in Counter([*cells, *gaps, *reasons]).items() if count > 1] == []


def test_every_fault_of_every_kind_is_a_cell_a_gap_or_has_no_meaning() -> None:
    told = {(one.kind, one.fault) for one in (*CELLS, *GAPS, *NOT_APPLICABLE)}
    required = [(kind, slug) for kind in KINDS for slug, fault in FAULTS.items() if fault.required]
    assert [pair for pair in required if pair not in told] == []
    assert [one for one in (*GAPS, *NOT_APPLICABLE) if not one.reason] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_that_can_break_does(kind: str) -> None:
    broken = {cell.step for cell in CELLS if cell.kind == kind}
    assert [step for step in STEPS[kind] if step not in broken] == []


def test_the_matrix_is_large_and_real_enough() -> None:
    real = sum(cell.source == "real" for cell in CELLS)
    assert len(CELLS) >= FEWEST_CELLS
    assert real >= FEWEST_REAL
    assert len(GAPS) < MOST_GAPS * len(CELLS)


def test_the_page_has_every_cell_as_it_is_declared() -> None:
    """If not: ``FLOE_WRITE_DOCS=1 pytest tests/faults`` (or the cells that changed) brings it up to date."""
    written, cells = lines(PAGE), {cell.id: cell for cell in CELLS}
    assert sorted(written) == sorted(cells)
    wanted = {cell_id: (line.fault, line.server, line.source) for cell_id, line in declared().items()}
    assert {cell_id: (line.fault, line.server, line.source) for cell_id, line in written.items()} == wanted
    run = {cell_id: line for cell_id, line in written.items() if line.cause != NOT_RUN}
    assert {cell_id: line.step or None for cell_id, line in run.items()} == {i: cells[i].step for i in run}
    assert {cell_id: line.cause for cell_id, line in run.items()} == {i: cells[i].cause or "ok" for i in run}
