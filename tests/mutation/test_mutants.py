"""Each step of each check removed, its error swallowed, its answer assumed good: a cell must tell, by status or cause.

A survivor means that the matrix would not notice a check which no longer verifies. Give it a cell with a fault at that
step, or mend the check; only where no server could tell it belongs into equivalent.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.faults.catalogue import KINDS
from tests.faults.cell import Cell, Twin
from tests.faults.cells import CELLS
from tests.faults.lab import Lab
from tests.faults.verdicts import CheckFunction, Outcome, run_cell
from tests.mutation.conftest import FIGURES
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.figures import Figures
from tests.mutation.loading import Copy, sources
from tests.mutation.mutants import mutants
from tests.mutation.trial import Court, RunCell, UnavailableError


@pytest.fixture(scope="session")
def copied_checks() -> Copy:
    return Copy(KINDS, sources())


@pytest.fixture
def run_in_a_lab_of_its_own(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> RunCell:
    def run(cell: Cell | Twin, check: CheckFunction) -> Outcome:
        with pytest.MonkeyPatch.context() as patch:
            try:
                return run_cell(cell, Lab(request, tmp_path_factory.mktemp("cell"), patch), check)
            except pytest.skip.Exception as skipped:
                raise UnavailableError(str(skipped)) from skipped

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_tells_every_mutant(
    kind: str, copied_checks: Copy, run_in_a_lab_of_its_own: RunCell, record_property: Callable[[str, object], None]
) -> None:
    court = Court(kind, copied_checks, [cell for cell in CELLS if cell.kind == kind], run_in_a_lab_of_its_own)
    made = list(mutants(kind, copied_checks.sites[kind], court.spots()))
    verdicts = [court.try_one(mutant) for mutant in made if mutant.id not in EQUIVALENT]
    record_property(FIGURES, json.dumps(Figures.of(made, verdicts).as_dict()))
    survivors = [str(verdict) for verdict in verdicts if verdict.by is None]
    survivors += [f"the check itself fails {cell}, which so tells no mutant" for cell in court.failing]
    if survivors and court.unavailable:
        pytest.skip(f"{len(survivors)} mutants need servers that can't be had: {court.unavailable}")
    if survivors:
        pytest.fail("\n".join([f"{len(survivors)} mutants survived:", *survivors]), pytrace=False)


def test_every_reason_is_for_a_mutant_that_there_is(copied_checks: Copy) -> None:
    made = {mutant.id for kind in KINDS for mutant in mutants(kind, copied_checks.sites[kind], ())}
    assert set(EQUIVALENT) - made == set()
