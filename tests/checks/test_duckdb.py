"""The DuckDB check on real files."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from pydantic import ValidationError
from pytest_floe.checks.duckdb import DuckDBSettings, plan

from pytest_floe import canary
from tests.checks.conftest import RunCheck
from tests.faults.privileges import without_privileges


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with one table."""
    file = tmp_path / "shop.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE orders (id integer)")
    return file


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that every user of the machine can reach; that of pytest can't."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def tables(file: Path) -> set[str]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


def test_in_memory_is_what_no_path_means(run_check: RunCheck) -> None:
    outcome = run_check("duckdb", write=True)
    assert (outcome.status, outcome.probe.canaries[0].removed) == ("ok", True)
    assert outcome.message == f"DuckDB {duckdb.__version__}, 0 tables in :memory:"


def test_a_table_in_memory_is_dropped_and_not_only_forgotten(
    run_check: RunCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []

    def keep_open(*given: str, **options: object) -> duckdb.DuckDBPyConnection:
        kept.append(connect(*given, **options))
        return kept[-1].cursor()

    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", keep_open)
    assert run_check("duckdb", write=True).status == "ok"
    assert [connection.execute("FROM duckdb_tables()").fetchall() for connection in kept] == [[]] * len(kept)
    for connection in kept:
        connection.close()


def test_a_file_is_opened_and_not_touched(run_check: RunCheck, database: Path) -> None:
    before = database.read_bytes()
    outcome = run_check("duckdb", path=str(database))
    assert (outcome.status, outcome.probe.facts["tables"]) == ("ok", 1)
    assert database.read_bytes() == before
    assert list(database.parent.iterdir()) == [database]


def test_writing_makes_fills_reads_and_drops_a_table(run_check: RunCheck, database: Path) -> None:
    outcome = run_check("duckdb", path=str(database), write=True)
    assert (outcome.status, outcome.left) == ("ok", [])
    assert tables(database) == {"orders"}
    assert list(database.parent.iterdir()) == [database]


def test_a_missing_file_may_be_a_mistyped_one(run_check: RunCheck, tmp_path: Path) -> None:
    file = tmp_path / "new.duckdb"
    outcome = run_check("duckdb", path=str(file))
    assert (outcome.status, outcome.cause, outcome.subject) == ("warning", "operate.not_found", f"file {file}")
    assert outcome.probe.facts["not_verified"] == [f"open and read: {file} does not exist"]
    assert list(tmp_path.iterdir()) == []


def test_in_place_of_a_file_that_is_yet_to_be_made_one_beside_it_is_written(
    run_check: RunCheck, tmp_path: Path
) -> None:
    outcome = run_check("duckdb", path=str(tmp_path / "new.duckdb"), write=True)
    assert (outcome.status, outcome.left) == ("ok", [])
    assert "new.duckdb does not exist yet" in outcome.message
    scratch, table = outcome.probe.canaries
    assert Path(scratch.name).parent == tmp_path
    assert (scratch.created, scratch.removed, table.created, table.removed) == (True, True, True, True)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_no_database_is_not_green(run_check: RunCheck, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        outcome = run_check("duckdb", path=str(tmp_path / "new.duckdb"), write=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert (outcome.status, outcome.left) == ("error", [])
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_crashed_run_are_dropped_and_nothing_else(run_check: RunCheck, database: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    stale, foreign = (canary.name("0badcafe", purpose, long_ago) for purpose in ("stale", "foreign"))
    with duckdb.connect(str(database)) as connection:
        for name, comment in ((stale, canary.signature("0badcafe")), (foreign, "mine")):
            connection.execute(f"""CREATE TABLE "{name}" (id integer); COMMENT ON TABLE "{name}" IS '{comment}'""")
    outcome = run_check("duckdb", path=str(database), write=True)
    assert (outcome.status, outcome.probe.swept) == ("ok", [stale])
    assert tables(database) == {"orders", foreign}


@pytest.mark.parametrize("exists", [True, False], ids=["beside a database", "in place of one"])
def test_scratch_databases_of_a_crashed_run_are_removed_and_nothing_else(
    run_check: RunCheck, database: Path, exists: bool
) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    stale, foreign = (canary.name("0badcafe", purpose, long_ago) for purpose in ("stale", "foreign"))
    for name in (stale, f"{stale}.wal", foreign):
        (database.parent / name).touch()
    (database.parent / f"{stale}.signature").write_text(canary.signature("0badcafe"))
    (database.parent / f"{foreign}.signature").write_text("mine")
    path = database if exists else database.with_name("yet-to-be.duckdb")
    outcome = run_check("duckdb", path=str(path), write=True)
    assert (outcome.status, outcome.probe.swept) == ("ok", [stale])
    assert {file.name for file in database.parent.iterdir()} == {database.name, foreign, f"{foreign}.signature"}


DIES = """
import os
from pathlib import Path
from pytest_floe import Probe
from pytest_floe.registry import find

def on_step(step):
    if step == "operate.write":
        os.kill(os.getpid(), 9)

duckdb = find("duckdb")
duckdb.run(duckdb.settings(path={path!r}, write=True), Probe(endpoint="x", write=True, on_step=on_step))
"""


def test_a_run_that_dies_leaves_a_scratch_database_that_a_later_one_knows(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIES.format(path=str(tmp_path / "new.duckdb"))], check=False)
    [left] = [file for file in tmp_path.glob("floe-preflight-*") if not file.suffix]
    signature = Path(f"{left}.signature").read_text()
    assert canary.is_stale(left.name, signature, datetime.now(UTC) + timedelta(hours=2))


def test_a_memory_limit_is_taken_over(run_check: RunCheck) -> None:
    assert run_check("duckdb", memory_limit="1GiB").probe.facts["memory_limit"] == "1.0 GiB"


def test_a_memory_limit_that_is_none(run_check: RunCheck) -> None:
    outcome = run_check("duckdb", memory_limit="plenty")
    assert (outcome.status, outcome.cause, outcome.subject) == ("error", "config.invalid", "duckdb.memory_limit")


def test_extensions_are_loaded_and_never_downloaded(run_check: RunCheck) -> None:
    assert run_check("duckdb", extensions=["json"]).status == "ok"
    outcome = run_check("duckdb", extensions=["json", "no_such_extension"])
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_found", "operate.extension")
    assert outcome.subject == "INSTALL no_such_extension"


def test_a_missing_directory(run_check: RunCheck, tmp_path: Path) -> None:
    outcome = run_check("duckdb", path=str(tmp_path / "nowhere" / "shop.duckdb"))
    assert (outcome.cause, outcome.step) == ("operate.not_found", "operate.directory")
    assert outcome.subject == f"directory {tmp_path / 'nowhere'}"


def test_a_missing_file_that_is_only_to_be_read(run_check: RunCheck, tmp_path: Path) -> None:
    outcome = run_check("duckdb", path=str(tmp_path / "shop.duckdb"), read_only=True)
    assert (outcome.cause, outcome.subject) == ("operate.not_found", f"file {tmp_path / 'shop.duckdb'}")


def test_a_directory_that_may_not_be_written(run_check: RunCheck, shared_folder: Path) -> None:
    shared_folder.chmod(0o555)
    with without_privileges():
        outcome = run_check("duckdb", path=str(shared_folder / "shop.duckdb"))
    assert (outcome.cause, outcome.step) == ("authorize.write_denied", "operate.directory")
    assert outcome.subject == f"write on directory {shared_folder}"


@pytest.mark.parametrize(
    ("mode", "cause", "right"), [(0o000, "authorize.read_denied", "read"), (0o444, "authorize.write_denied", "write")]
)
def test_a_file_of_another_user(run_check: RunCheck, shared_folder: Path, mode: int, cause: str, right: str) -> None:
    file = shared_folder / "shop.duckdb"
    duckdb.connect(str(file)).close()
    file.chmod(mode)
    with without_privileges():
        outcome = run_check("duckdb", path=str(file))
    assert (outcome.cause, outcome.subject) == (cause, f"{right} on file {file}")


def test_a_file_that_may_only_be_read_is_enough_to_read(run_check: RunCheck, shared_folder: Path) -> None:
    file = shared_folder / "shop.duckdb"
    duckdb.connect(str(file)).close()
    file.chmod(0o444)
    shared_folder.chmod(0o555)
    with without_privileges():
        assert run_check("duckdb", path=str(file), read_only=True).status == "ok"


@pytest.mark.parametrize("settings", [{}, {"read_only": True}, {"write": True}], ids=["open", "read", "write"])
def test_a_file_that_another_process_has_opened(run_check: RunCheck, database: Path, settings: dict[str, bool]) -> None:
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"open\n"
        outcome = run_check("duckdb", path=str(database), **settings)
        other.communicate()
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.locked", "operate.open")
    assert outcome.subject == f"file {database}"
    assert f"PID {other.pid}" in outcome.message
    assert run_check("duckdb", path=str(database), **settings).status == "ok"


def test_a_file_of_a_newer_version(run_check: RunCheck, newer_duckdb_file: Path) -> None:
    outcome = run_check("duckdb", path=str(newer_duckdb_file))
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.newer_version", "operate.open")


def test_a_file_that_is_no_database(run_check: RunCheck, tmp_path: Path) -> None:
    file = tmp_path / "shop.duckdb"
    file.write_text("not a database at all; " * 500)
    outcome = run_check("duckdb", path=str(file))
    assert (outcome.status, outcome.cause) == ("error", "operate.corrupt")


def test_a_missing_driver_is_named_with_the_command(run_check: RunCheck, uninstall: Callable[[str], None]) -> None:
    uninstall("duckdb")
    outcome = run_check("duckdb")
    assert (outcome.cause, outcome.subject) == ("config.missing_driver", "pip install 'pytest-floe[duckdb]'")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"path": "md:shop"}, "is an address"),
        ({"path": "s3://lake/shop.duckdb"}, "is an address"),
        ({"read_only": True}, "remove one"),
        ({"path": "shop.duckdb", "read_only": True, "write": True}, "remove one"),
        ({"extensions": ["json; DROP TABLE orders"]}, "pattern"),
    ],
)
def test_settings_that_can_not_be_checked(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        DuckDBSettings(**given)


def test_the_plan_names_what_would_be_touched() -> None:
    planned = plan(DuckDBSettings(path="/data/shop.duckdb", write=True))
    assert planned.endpoint == "/data/shop.duckdb"
    assert planned.connects == ()
    assert planned.creates == (
        'TABLE "floe-preflight-*" in /data/shop.duckdb, or, while there is none, in /data/floe-preflight-*',
    )
