"""One run from draw to verdict."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb

from tests.chaos.draw import Draw, Fault
from tests.chaos.judge import Outcome, Violation, judge
from tests.chaos.path import Exchange
from tests.chaos.platform import CANARY, SENTINELS, Platform
from tests.chaos.session import Session
from tests.chaos.truth import Truth
from tests.chaos.zygote import Zygote
from tests.local.waiting import eventually

#: What the run after a crash does an hour later, this one does at once.
_AN_HOUR_LATER = "from datetime import timedelta\n\nfrom pytest_floe import canary\n\ncanary.SWEEP_AGE = timedelta(0)\n"
_SETTLE_SECONDS = 20.0


@dataclass
class Verdict:
    """How a trial ended."""

    truth: Truth
    violations: list[Violation]
    seconds: float
    left: int


class Trial:
    """Runs what was drawn on ``platform``, in ``folder``."""

    def __init__(self, draw: Draw, platform: Platform, zygote: Zygote, folder: Path) -> None:
        self._draw = draw
        self._platform = platform
        self._zygote = zygote
        self._folder = folder
        self._truth = Truth(draw)
        self._count = 0
        self._locks: list[IO[bytes]] = []
        self._session: Session | None = None

    def run(self) -> Verdict:
        """Run, judge, sweep what was left, and undo all faults."""
        database = self._lay_out()
        for fault in self._draw.faults:
            if fault.at == 0:
                self._act(fault)
        status, relatives, seconds = self._run_pytest(self._folder, list(self._draw.options))
        self._platform.resume()
        self._settle()
        for lock in self._locks:
            lock.close()
        left = [*self._platform.leftovers(), *_left_in(database)]
        violations = judge(self._truth, Outcome(self._folder, status, relatives, left))
        self._platform.restore()
        if left:
            violations += self._sweep(database)
        return Verdict(self._truth, violations, seconds, len(left))

    def _lay_out(self) -> Path:
        database = self._folder / "duckdb" / "floe.duckdb"
        database.parent.mkdir()
        if self._draw.has_database:
            duckdb.connect(str(database)).close()
        principal = next((fault.what for fault in self._draw.of("catalog") if fault.kind == "grant"), "floe")
        self._configure(database, principal)
        return database

    def _configure(self, database: Path, principal: str) -> None:
        text = json.dumps({"environments": {"chaos": self._platform.environment(str(database), principal)}})
        (self._folder / "floe.yaml").write_text(text)

    def _run_pytest(self, folder: Path, options: list[str]) -> tuple[int | None, list[str], float]:
        for service, path in self._platform.paths.items():
            told = next((fault.misbehaviour for fault in self._draw.of(service)), None)
            path.begin(told, self._before)
        environ = SENTINELS | self._draw.environ
        self._session = Session(folder, options, environ, None if self._draw.fresh else self._zygote)
        status = self._session.wait(self._draw.bound)
        relatives = self._session.relatives_left(_SETTLE_SECONDS + self._draw.bound)
        if {"controller KILL", "watchdog KILL"} <= set(self._session.killed):
            self._make_report(folder)
        self._truth.killed = self._session.killed
        return status, relatives, self._session.seconds

    def _make_report(self, folder: Path) -> None:
        """Make a report of what is on disk, as somebody does who finds that nobody lived to make one."""
        command = ["pytest_floe", "report", "preflight-report", "--termination-log=termination.log"]
        self._zygote.start(command, folder, dict(os.environ), folder / "report.txt")
        self._zygote.wait()

    def _settle(self) -> None:
        """End the record once the servers have answered whatever was asked of them."""
        for service, path in self._platform.paths.items():
            if path.refused:
                self._truth.acted += [fault for fault in self._draw.of(service) if fault.misbehaviour]
            self._truth.exchanges[service] = path.end(_SETTLE_SECONDS)
        eventually(self._platform.has_answered, _SETTLE_SECONDS)  # one that was suspended answers belatedly

    def _before(self, exchange: Exchange) -> None:
        """Do what is due before ``exchange`` is handed on."""
        self._count += 1
        for fault in self._draw.of(exchange.service):
            if fault.at == exchange.index:
                self._act(fault)
        kill = self._draw.kill
        if kill and self._session and self._count in (kill.at, *((kill.at + 3,) if kill.again else ())):
            self._session.kill(kill.victims, kill.signal)

    def _act(self, fault: Fault) -> None:
        """Let ``fault`` begin, and note that it did; a path does by itself what it is told."""
        acts: dict[tuple[str, str], Callable[[], object]] = {
            ("storage", "grant"): lambda: self._platform.policy((fault.what,)),
            ("postgres", "grant"): lambda: self._platform.sql(fault.what),
        }
        if fault.kind == "path":
            return
        self._truth.acted.append(fault)
        if fault.kind == "suspended":
            self._platform.suspend(fault.service)
        elif fault.kind == "killed":
            self._platform.kill(fault.service)
        elif fault.kind == "file":
            self._spoil(self._folder / "duckdb" / "floe.duckdb", fault.what)
        else:
            acts.get((fault.service, fault.kind), lambda: None)()

    def _spoil(self, database: Path, what: str) -> None:
        database.unlink(missing_ok=True)
        if what == "no directory":
            database.parent.rmdir()
        elif what == "a directory":
            database.mkdir()
        elif what == "corrupt":
            database.write_bytes(b"no database at all" * 1000)
        elif what == "locked":
            duckdb.connect(str(database)).close()
            lock = database.open("r+b")
            fcntl.lockf(lock, fcntl.LOCK_EX)
            self._locks.append(lock)

    def _mend(self, database: Path) -> None:
        """Undo what was done to files."""
        for fault in self._draw.of("compute"):
            if fault.what == "a directory":
                database.rmdir()
            elif fault.what == "corrupt":
                database.unlink()
            elif fault.what == "no directory":
                database.parent.mkdir(exist_ok=True)

    def _sweep(self, database: Path) -> Iterator[Violation]:
        """Run once more, without faults and an hour later, and see that nothing is left then."""
        folder = self._folder / "sweep"
        folder.mkdir()
        (folder / "conftest.py").write_text(_AN_HOUR_LATER)
        self._mend(database)
        self._configure(database, "floe")
        shutil.copy(self._folder / "floe.yaml", folder)
        quiet = Draw(self._draw.number, (), None, (), False, False, 0.0)
        trial = Trial(quiet, self._platform, self._zygote, folder)
        status, _, _ = trial._run_pytest(folder, ["--floe-env=chaos", "--floe-slow=60000"])
        trial._settle()
        if status != 0:
            yield Violation("left", f"the sweeping run ended with {status}")
        left = [*self._platform.leftovers(), *_left_in(database)]
        yield from (Violation("left", f"{name} was not swept") for name in left)
        if left:  # the runs that follow are not to be judged by it
            for service in ("storage", "catalog"):
                self._platform.start(service)


def _left_in(database: Path) -> Iterator[str]:
    """Yield the canaries beside and in a DuckDB file."""
    if database.parent.is_dir():
        yield from {path.name.partition(".")[0] for path in database.parent.iterdir() if CANARY in path.name}
    if database.is_file():
        with _opened(database) as connection:
            rows = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() if connection else []
            yield from (name for (name,) in rows if CANARY in name)


@contextmanager
def _opened(database: Path) -> Iterator[duckdb.DuckDBPyConnection | None]:
    try:
        connection = duckdb.connect(str(database))
    except duckdb.Error:
        yield None
        return
    try:
        yield connection
    finally:
        connection.close()
