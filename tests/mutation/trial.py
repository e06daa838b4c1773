"""Puts a mutant before the cells of its kind until one tells it from the original."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from pytest_floe import Probe
from tests.faults.cell import PATIENCE, Cell, Twin
from tests.faults.verdicts import CheckFunction, Outcome
from tests.mutation.loading import Copy
from tests.mutation.mutants import REMOVED, Mutant
from tests.mutation.switch import Memory, Run, Spot

CRASH = "incomplete.check_broken"
#: How many more cells are tried for a better verdict once one has told a mutant by less than a cause.
_SECOND_LOOKS = 6

RunCell = Callable[[Cell | Twin, CheckFunction], Outcome]


class UnavailableError(Exception):
    """The server of a cell can't be had here."""


@dataclass(frozen=True)
class Verdict:
    """How a mutant ended: ``by`` names the cell that told it, and is None if none did.

    ``crashed`` says that it only fell over, ``stillborn`` that it fails on a server without a fault, too, and
    ``littering`` that only what is left on the server tells it.
    """

    mutant: Mutant
    reached: bool
    by: str | None = None
    crashed: bool = False
    stillborn: bool = False
    littering: bool = False

    def __str__(self) -> str:
        if self.by:
            how = [name for name in ("crashed", "stillborn", "littering") if getattr(self, name)]
            return f"{self.mutant}: killed by {self.by} {''.join(how)}"
        where = f"a fault at step {self.mutant.step}" if self.mutant.step else "what this verifies, broken"
        needed = f"with the cause {self.mutant.site.cause}" if self.mutant.site.cause else "with a cause of its own"
        why = "no cell tells it" if self.reached else "no cell comes by"
        return f"{self.mutant}: {why}; it needs {where}, {needed}"


@dataclass
class Court:
    """Tries the mutants of one kind. ``run_cell`` arranges a cell, and runs the check that it is given.

    ``unavailable`` has the reason for each cell or twin that could not be run.
    """

    kind: str
    copy: Copy
    cells: Sequence[Cell]
    run_cell: RunCell
    unavailable: dict[str, str] = field(default_factory=dict)
    _memories: dict[str, Memory] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _came_by: dict[str, set[str]] = field(default_factory=dict)
    _differences: dict[str, str] = field(default_factory=dict)
    _litter: set[str] = field(default_factory=set)

    def spots(self) -> set[Spot]:
        """Return where a healthy run comes by."""
        return set(self._memory(self.cells[0].twin))

    def try_one(self, mutant: Mutant) -> Verdict:
        """Return who tells ``mutant`` from the original, if any does."""
        second_best: Verdict | None = None
        reached, looks = False, 0
        for cell in self._in_order(mutant):
            if not self._may_come_by(cell, mutant):
                continue
            looks += second_best is not None
            if looks > _SECOND_LOOKS:
                break
            outcome, run = self._run(cell, mutant, cell.twin)
            reached = reached or run.reached
            if outcome is None or not run.reached or not self._original_passes(cell):
                continue
            if _differs(cell, outcome) and outcome.result.details.cause != CRASH:
                return Verdict(mutant, reached, cell.id, stillborn=self._is_stillborn(mutant, cell.twin))
            if _differs(cell, outcome):
                second_best = second_best or Verdict(mutant, reached, cell.id, crashed=True)
            elif outcome.left and cell.status == "ok":  # a check that fails may be kept from cleaning up
                second_best = second_best or Verdict(mutant, reached, cell.id, littering=True)
        return second_best or Verdict(mutant, reached)

    def _original_passes(self, cell: Cell) -> bool:
        """Tell whether the check as it is says what the cell wants; else a mutant's difference is none of its own."""
        if cell.id not in self._differences:
            self._run(cell, None, cell.twin)
        return self._differences.get(cell.id) == ""

    @property
    def failing(self) -> list[str]:
        """The cells that the check itself does not pass, each with what it says instead."""
        return [f"{name} ({said})" for name, said in self._differences.items() if said]

    def _run(self, cell: Cell | Twin, mutant: Mutant | None, twin: Twin) -> tuple[Outcome | None, Run]:
        memory = self._memory(twin) if mutant else None
        runs: list[Run] = []

        def begin(probe: Probe) -> Run:
            runs.append(Run(probe, mutant.change if mutant else None, memory))
            return runs[-1]

        began = time.monotonic()
        try:
            outcome = self.run_cell(cell, self.copy.check(self.kind, begin))
        except UnavailableError as error:
            self.unavailable[cell.id] = str(error)
            return None, Run(Probe(endpoint=""))
        outcome = self._own(outcome)
        self._seconds[cell.id] = time.monotonic() - began  # a cell may start a server of its own
        if not runs[-1].reached:  # then it was the original's run
            self._came_by[cell.id] = runs[-1].came_by
            differs = isinstance(cell, Cell) and _differs(cell, outcome)
            self._differences[cell.id] = f"{outcome.result.status}: {outcome.result.message}" if differs else ""
        return outcome, runs[-1]

    def _own(self, outcome: Outcome) -> Outcome:
        """Return ``outcome`` without what an earlier mutant has left on the same server."""
        own = tuple(name for name in outcome.left if name not in self._litter)
        self._litter.update(own)
        return replace(outcome, left=own)

    def _memory(self, twin: Twin) -> Memory:
        if twin.id not in self._memories:
            outcome, run = self._run(twin, None, twin)
            if outcome and outcome.result.status != "ok":
                raise AssertionError(f"{twin.id} is not ok without a mutant: {outcome.result.message}")
            self._memories[twin.id] = run.remembered
        return self._memories[twin.id]

    def _is_stillborn(self, mutant: Mutant, twin: Twin) -> bool:
        if mutant.change.how != REMOVED:  # what needs a fault to come about does nothing without one
            return False
        outcome, run = self._run(twin, mutant, twin)
        return run.reached and outcome is not None and outcome.result.status != "ok"

    def _in_order(self, mutant: Mutant) -> list[Cell]:
        """Return the cells, those first that break at its step or with its cause, and quick ones before slow ones."""

        def rank(cell: Cell) -> tuple[bool, bool, bool, float]:
            elsewhere = mutant.step is not None and mutant.step not in (cell.step, cell.at)
            other_cause = mutant.site.cause is not None and cell.cause != mutant.site.cause
            new = cell.twin.id not in self._memories  # may need another server, which takes long to start
            return (elsewhere, other_cause, new, self._seconds.get(cell.id, _hangs_for(cell)))

        return sorted(self.cells, key=rank)

    def _may_come_by(self, cell: Cell, mutant: Mutant) -> bool:
        return cell.id not in self.unavailable and mutant.site.id in self._came_by.get(cell.id, {mutant.site.id})


def _hangs_for(cell: Cell) -> float:
    """Return what a cell is known to take before it has run: one that hangs has a short deadline of its own."""
    return cell.deadline if cell.deadline < PATIENCE else 0.0


def _differs(cell: Cell, outcome: Outcome) -> bool:
    return (outcome.result.status, outcome.result.details.cause) != (cell.status, cell.cause)
