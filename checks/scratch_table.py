"""A scratch table: created, filled, read back and dropped, as the write check of every SQL engine does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from pytest_floe import Finding, Probe, shortened

from .leftovers import in_time

PREFIX = "floe-preflight-"
#: How a plan shows a name that holds time and run.
PATTERN = f"{PREFIX}*"
#: Canaries in a SQL ``LIKE``.
LIKE = f"{PREFIX}%"
#: A removal has its own time: it must also work after the check's own has run out.
REMOVAL_SECONDS = 10.0

Rows = Sequence[Sequence[object]]
Run = Callable[[str], Rows]
Explain = Callable[[Exception], Finding | None]
Verb = Literal["create", "insert", "select", "drop"]
#: What a refusal of each means.
DENIED: dict[Verb, str] = {
    "create": "authorize.write_denied",
    "insert": "authorize.write_denied",
    "select": "authorize.read_denied",
    "drop": "authorize.delete_denied",
}
ExplainVerb = Callable[[Verb], Explain]


def quoted(*parts: str) -> str:
    """Return a qualified name whose parts are taken literally."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """Return ``text`` as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def expect_thousand(rows: Rows) -> None:
    """Raise a finding unless ``rows`` is what a query that counts a thousand rows answers."""
    if [tuple(row) for row in rows] != [(1000,)]:
        said = f"a count of 1,000 rows was answered by {shortened(str(rows), 100)}"
        raise Finding("operate.unexpected_response", said)


def verify(probe: Probe, run: Run, table: str, create: str, remove: Run, explain: ExplainVerb) -> None:
    """Create ``table``, a quoted name, by the statement ``create``, insert a row, compare it, and drop the table.

    The table has the columns ``id`` and ``note``. ``remove`` runs the statement that drops it, on a connection of its
    own. ``explain`` returns the translation of errors where the verb was refused.
    """
    scratch = probe.canary(table, lambda: remove(f"DROP TABLE IF EXISTS {table}"))
    with probe.step("operate.create", explain("create")):
        run(create)
        scratch.made()
    fill(probe, run, table, explain)
    with probe.step("operate.delete", explain("drop")):
        scratch.remove()


def sweep(probe: Probe, found: Rows, place: str, remove: Run, explain: ExplainVerb) -> None:
    """Drop what crashed runs left in ``place``, a quoted name; ``found`` has names and comments of tables there."""
    for name, comment in in_time(probe, found):
        table = f"{place}.{quoted(str(name))}"
        drop = partial(remove, f"DROP TABLE IF EXISTS {table}")
        probe.sweep(str(name), str(comment), drop, explain("drop"), address=table)


def fill(probe: Probe, run: Run, table: str, explain: ExplainVerb) -> None:
    """Insert a row into ``table`` and compare it with what is read back."""
    with probe.step("operate.write", explain("insert")):
        run(f"INSERT INTO {table} VALUES (1, {literal(probe.signature)})")  # noqa: S608 - quoted by this module
    with probe.step("operate.read", explain("select")):
        compare(run(f"SELECT id, note FROM {table}"), probe, table)  # noqa: S608


def compare(rows: Rows, probe: Probe, table: str) -> None:
    """Raise a finding unless ``rows`` is the one row that was written."""
    found = [tuple(row) for row in rows]
    if found != [(1, probe.signature)]:
        probe.fail("operate.wrong_content", f"wrote one row to {table}, read back {shortened(str(found), 200)}", table)
