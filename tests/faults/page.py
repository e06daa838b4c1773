"""docs/faults.md: what each cell of the fault matrix came to when it was last run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from tests.faults.catalogue import FAULTS, KINDS
from tests.faults.cell import Cell, Source
from tests.faults.cells import CELLS, GAPS, NOT_APPLICABLE
from tests.faults.verdicts import Outcome

NOT_RUN = "not run"
_SOURCES: tuple[Source, ...] = ("real", "emulator", "path", "scripted")
_NEVER_THE_SAME = re.compile(r"floe-preflight-[\w-]+")
_HEAD = """# Fault matrix

Each row is a test: a fault is put in place, the check runs as in a preflight, and its verdict, its time, what it left
on the server and what it shows are compared with what they must be. Beside each fault its server is verified without
it, and must be `ok`.

This page is written by `FLOE_WRITE_DOCS=1 pytest tests/faults`: cause, step and remedy are what the run gave, with
`<name>` for what is another each time. A row that no run has filled says so.

Source: **real**, the server itself produces the fault; **emulator**, an emulator of it does; **path**, one of them
behind a path that misbehaves; **scripted**, a server that only plays a script.
"""
_COLUMNS = ("test", "fault", "server", "source", "cause", "step", "remedy")


@dataclass(frozen=True)
class Row:
    """A line of the page; ``id`` is that of the test."""

    id: str
    fault: str
    server: str
    source: str
    cause: str
    step: str
    remedy: str


def row(cell: Cell, outcome: Outcome | None) -> Row:
    """Return the line of a cell that came to ``outcome``, or was not run."""
    fault = FAULTS[cell.fault].name + (f" ({cell.at})" if cell.at else "")
    if outcome is None:
        return Row(cell.id, fault, cell.server, cell.source, NOT_RUN, "", "")
    found = outcome.result.details
    cause = found.cause or outcome.result.status
    remedy = steady(outcome.result.remediation or "", outcome.names)
    return Row(cell.id, fault, cell.server, cell.source, cause, found.step or "", remedy)


def steady(text: str, names: Mapping[str, str]) -> str:
    """Return ``text`` with names in the place of what is another in each run."""
    for name, value in sorted(names.items(), key=lambda item: -len(item[1])):
        if any(character.isdigit() for character in value):
            text = text.replace(value, f"<{name}>")
    return _NEVER_THE_SAME.sub("floe-preflight-<run>", text).replace("|", "\\|")


def declared() -> dict[str, Row]:
    """Return the lines of all cells, as none had been run."""
    return {cell.id: row(cell, None) for cell in CELLS}


def lines(page: Path) -> dict[str, Row]:
    """Return the lines of the page by the id of their test."""
    written = page.read_text().splitlines() if page.exists() else []
    found = (_parsed(line) for line in written if line.startswith("| `"))
    return {line.id: line for line in found}


def write(page: Path, seen: Mapping[str, Row]) -> None:
    """Write the page: what was ``seen``, then what an earlier run has filled and is still declared alike."""
    rows, earlier = {}, lines(page)
    cells = {cell.id: cell for cell in CELLS}
    for cell_id, plain in declared().items():
        known, cell = seen.get(cell_id) or earlier.get(cell_id), cells[cell_id]
        told = (*astuple(plain)[:4], cell.cause or "ok", cell.step or "")
        same = known and astuple(known)[:6] == told
        rows[cell_id] = known if known and same else plain
    page.write_text("\n".join([_HEAD, *_counts(rows.values()), *_tables(rows.values()), *_without()]) + "\n")


def _parsed(line: str) -> Row:
    test, *cells = (part.strip().replace("\\|", "|") for part in re.split(r"(?<!\\)\|", line.strip().strip("|")))
    return Row(test.strip("`"), *[part.replace("|", "\\|") for part in cells])


def _tables(rows: Iterable[Row]) -> Iterable[str]:
    for kind in KINDS:
        yield f"## {kind}\n"
        yield from _table(_COLUMNS, ([f"`{r.id}`", *astuple(r)[1:]] for r in rows if _kind(r) == kind))


def _counts(rows: Iterable[Row]) -> Iterable[str]:
    yield "## Where the faults come from\n"
    counted = Counter((_kind(line), line.source) for line in rows)
    lines = [[kind, *(counted[kind, source] for source in _SOURCES)] for kind in KINDS]
    totals = ["together", *(sum(counted[kind, source] for kind in KINDS) for source in _SOURCES)]
    summed = [[*line, sum(map(int, line[1:]))] for line in (*lines, totals)]
    yield from _table(("kind", *_SOURCES, "all"), summed)


def _without() -> Iterable[str]:
    gaps = sorted((one.kind, FAULTS[one.fault].name, one.reason) for one in GAPS)
    yield "## Gaps: cells that should be, and can't be produced here\n"
    yield from _table(("kind", "fault", "reason"), gaps)
    yield "## Faults that can't befall a kind\n"
    yield from _table(
        ("kind", "fault", "reason"), sorted((n.kind, FAULTS[n.fault].name, n.reason) for n in NOT_APPLICABLE)
    )


def _table(columns: Iterable[str], lines: Iterable[Iterable[object]]) -> Iterable[str]:
    named = tuple(columns)
    yield f"| {' | '.join(named)} |"
    yield f"|{'---|' * len(named)}"
    for line in lines:
        yield f"| {' | '.join(map(str, line))} |"
    yield ""


def _kind(line: Row) -> str:
    return line.id.partition("-")[0]
