"""DuckDB that is opened and then breaks, each time at another statement; and what an earlier run left in a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pytest_floe import canary
from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.duckdb import broken, make, mode
from tests.faults.disk import make_read_only, small_disk
from tests.faults.lab import Lab

_CONNECT = duckdb.connect
_KILLED = "0badcafe"  # the run that left something
#: What happens instead of a statement; it is given the statement, and what runs it.
Instead = Callable[[str, Callable[[str], Any]], Any]


def at(words: str = "", instead: Instead | None = None) -> Arrange:
    """Return the arrangement of a database in which ``instead`` happens whenever a statement has ``words`` in it."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with tempfile.TemporaryDirectory(prefix="floe-duckdb-") as folder:
            file = Path(folder, "shop.duckdb")
            make(file)
            if instead:
                _interpose(lab, words, instead)
            yield Scene({"path": str(file), "write": True}, lambda: tables(file))

    return arrange


def _interpose(lab: Lab, words: str, instead: Instead, when_closed: Callable[[], object] = bool) -> None:
    opened: list[Any] = []

    class Connection:
        def __init__(self, *given: Any, **named: Any) -> None:
            self._connection = _CONNECT(*given, **named)
            opened.append(self)

        def execute(self, sql: str) -> Any:
            return instead(sql, self._connection.execute) if words in sql else self._connection.execute(sql)

        def close(self) -> None:
            self._connection.close()
            opened.remove(self)
            if not opened:
                when_closed()

    lab.monkeypatch.setattr(duckdb, "connect", Connection)


def tables(file: Path) -> list[str]:
    """Return the canaries in a database."""
    with _CONNECT(str(file)) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    return [name for (name,) in names if name.startswith("floe-preflight-")]


def full(_sql: str, _run: Callable[[str], Any]) -> Any:
    raise duckdb.IOException('IO Error: Could not write file "shop.duckdb.wal": No space left on device')


def others(_sql: str, run: Callable[[str], Any]) -> Any:
    return run("SELECT 2, 'what somebody else wrote'")


def left_by_an_earlier_run(instead: Instead | None = None) -> Arrange:
    """Return the arrangement of a database with the table of a run that was killed two hours ago."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        name = canary.name(_KILLED, "table", datetime.now(UTC) - timedelta(hours=2))
        with at(_KILLED, instead)(lab) as scene:
            with _CONNECT(str(scene.settings["path"])) as connection:
                connection.execute(f'CREATE TABLE "{name}" (id integer)')
                connection.execute(f"""COMMENT ON TABLE "{name}" IS '{canary.signature(_KILLED)}'""")
            yield scene

    return arrange


def scratch_left_by_an_earlier_run(*, removable: bool = True) -> Arrange:
    """Return the arrangement of a database with the scratch database of such a run beside it."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with at()(lab) as scene:
            name = canary.name(_KILLED, "x", datetime.now(UTC) - timedelta(hours=2))
            left = Path(str(scene.settings["path"])).with_name(name)
            left.write_text("a database") if removable else left.mkdir()
            left.with_name(f"{name}.signature").write_text(canary.signature(_KILLED))
            yield Scene(scene.settings, lambda: [name] if left.exists() else [], {"folder": str(left.parent)})

    return arrange


def frozen(*, when_closed: bool) -> Arrange:
    """Return the arrangement of a disk without a file, which takes no more writes once the check closed its own."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with small_disk(os.geteuid()) as disk:
            if when_closed:
                _interpose(lab, "", as_asked, lambda: make_read_only(disk))
            yield Scene({"path": str(disk / "shop.duckdb"), "write": True})

    return arrange


def as_asked(sql: str, run: Callable[[str], Any]) -> Any:
    return run(sql)


TWIN = Twin(kind="duckdb", name="a file to write", server="DuckDB", arrange=at())
TO_BE_MADE = Twin(kind="duckdb", name="a disk without a file", server="DuckDB", arrange=frozen(when_closed=False))
FULL: dict[str, Any] = {
    "kind": "duckdb",
    "fault": "no-space",
    "source": "scripted",
    "server": "DuckDB, scripted",
    "twin": TWIN,
    "cause": "operate.out_of_space",
    "remedy": "free or add space at file {path}",
}

CELLS = [
    Cell(**FULL, step="operate.query", at="query", arrange=at("version()", full)),
    Cell(**FULL, step="operate.sweep", at="sweep", arrange=at("comment FROM", full)),
    Cell(**FULL, step="operate.create", at="create", arrange=at("CREATE TABLE", full)),
    Cell(**FULL, step="operate.write", at="write", arrange=at("INSERT", full)),
    Cell(**FULL, step="operate.read", at="read", arrange=at("SELECT id, note", full)),
    Cell(**FULL, step="operate.delete", at="delete", arrange=at("DROP TABLE", full), stays=True),
    Cell(
        kind="duckdb",
        fault="wrong-content",
        source="scripted",
        server="DuckDB, scripted",
        twin=TWIN,
        arrange=at("SELECT id, note", others),
        cause="operate.wrong_content",
        step="operate.read",
        remedy="in front of ",
    ),
    Cell(
        kind="duckdb",
        fault="recovery",
        at="disk turns read-only",
        source="real",
        server="DuckDB",
        twin=TO_BE_MADE,
        arrange=frozen(when_closed=True),
        cause="operate.read_only",
        step="operate.delete_file",
        remedy="connect to the primary, or end the read-only mode of ",
        stays=True,
    ),
    Cell(
        kind="duckdb",
        fault="read-denied",
        at="folder to write in",
        source="real",
        server="DuckDB",
        twin=TWIN,
        arrange=broken(mode(0o600, of_folder=True)),
        cause="authorize.read_denied",
        step="operate.directory",
        remedy="grant search on directory ",
    ),
    Cell(
        kind="duckdb",
        fault="leftover",
        source="real",
        server="DuckDB",
        twin=TWIN,
        arrange=left_by_an_earlier_run(),
        status="ok",
        cause=None,
        step=None,
        remedy="",
    ),
    Cell(
        kind="duckdb",
        fault="leftover",
        at="scratch database",
        source="real",
        server="DuckDB",
        twin=TWIN,
        arrange=scratch_left_by_an_earlier_run(),
        status="ok",
        cause=None,
        step=None,
        remedy="",
    ),
    Cell(
        kind="duckdb",
        fault="leftover-kept",
        at="operate.sweep",
        source="scripted",
        server="DuckDB, scripted",
        twin=TWIN,
        arrange=left_by_an_earlier_run(full),
        status="warning",
        cause="operate.not_removed",
        step=None,
        remedy="remove by hand: table floe-preflight-",
        says="No space left on device",
        stays=True,
    ),
    Cell(
        kind="duckdb",
        fault="leftover-kept",
        at="operate.sweep_files",
        source="real",
        server="DuckDB",
        twin=TWIN,
        arrange=scratch_left_by_an_earlier_run(removable=False),
        status="warning",
        cause="operate.not_removed",
        step=None,
        remedy="/floe-preflight-",
        stays=True,
    ),
]
