"""DuckDB on real files: where they are, whose they are, what is in them, and who else has them open."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import duckdb

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.disk import fill, make_read_only, small_disk
from tests.faults.lab import Lab
from tests.faults.privileges import without_privileges

_BLOCK, _HEADERS = 4096, 3
_HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"

#: Puts a fault in place for a database file, and returns the settings that meet it.
Break = Callable[[Path], AbstractContextManager[dict[str, object]]]


def broken(how: Break | None = None, *, lasting: bool = True, **settings: object) -> Arrange:
    """Return the arrangement of a database with one table in a folder that every user can reach.

    ``how`` puts the fault in place. Without ``lasting`` the file is yet to be made.
    """

    @contextmanager
    def arrange(_lab: Lab) -> Iterator[Scene]:
        with tempfile.TemporaryDirectory(prefix="floe-duckdb-") as folder:
            Path(folder).chmod(0o777)
            file = Path(folder, "shop.duckdb")
            if lasting:
                make(file)
            with how(file) if how else nullcontext({}) as changes:
                told = {"path": str(file), "write": True, **settings, **changes}
                yield Scene(told, lambda: leftovers(Path(str(told["path"]))))

    return arrange


def make(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT range AS id, md5(range::text) AS note FROM range(20000)")
    file.chmod(0o666)


def leftovers(file: Path) -> list[str]:
    """Return what a check left beside a database."""
    beside = file.parent.iterdir() if os.access(file.parent, os.R_OK | os.X_OK, effective_ids=True) else ()
    return [path.name for path in beside if path.name.startswith("floe-preflight-")]


def spoiled(change: Callable[[Path], object]) -> Break:
    """Return what does something to the file for good."""

    @contextmanager
    def how(file: Path) -> Iterator[dict[str, object]]:
        change(file)
        yield {}

    return how


def mode(bits: int, *, of_folder: bool = False) -> Break:
    """Return what lets a user who is not root have only ``bits`` of the file, or of its folder."""

    @contextmanager
    def how(file: Path) -> Iterator[dict[str, object]]:
        changed = file.parent if of_folder else file
        changed.chmod(bits)
        try:
            with without_privileges():
                yield {}
        finally:
            changed.chmod(0o777)

    return how


@contextmanager
def held(file: Path) -> Iterator[dict[str, object]]:
    """Have another process keep the file open."""
    command = [sys.executable, "-c", _HOLD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"open\n"
        yield {}
        other.communicate()


@contextmanager
def held_here(file: Path) -> Iterator[dict[str, object]]:
    """Have this process keep the file open, for reading."""
    with closing(duckdb.connect(str(file), read_only=True)):
        yield {}


def on_disk(state: Callable[[Path], object], *, lasting: bool = True) -> Break:
    """Return what puts the database on a small disk in a ``state``."""

    @contextmanager
    def how(_file: Path) -> Iterator[dict[str, object]]:
        with small_disk(os.geteuid()) as disk:
            if lasting:
                make(disk / "shop.duckdb")
            state(disk)
            yield {"path": str(disk / "shop.duckdb")}

    return how


def moved(where: Callable[[Path], Path]) -> Break:
    """Return what has the settings name another path."""

    @contextmanager
    def how(file: Path) -> Iterator[dict[str, object]]:
        yield {"path": str(where(file))}

    return how


def _encrypt(file: Path) -> None:
    file.unlink()
    with duckdb.connect() as connection:
        connection.execute("SET force_mbedtls_unsafe = true")  # a package for real encryption is not always at hand
        connection.execute(f"ATTACH '{file}' AS locked (ENCRYPTION_KEY 'a key for the matrix'); DETACH locked")


def _flip_bits(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[_HEADERS * _BLOCK :] = bytes(byte ^ 0xFF for byte in content[_HEADERS * _BLOCK :])
    file.write_bytes(content)


def _make_sqlite(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE orders (id integer)")


def _make_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def linked(file: Path, target: Path) -> Path:
    """Return a link beside ``file`` that leads to ``target``."""
    link = file.with_name("link.duckdb")
    link.symlink_to(target)
    return link


@contextmanager
def newer(lab: Lab) -> Iterator[Scene]:
    """Have a file of a DuckDB that is newer than the one under test."""
    yield Scene({"path": str(lab.server("newer_duckdb_file"))})


@contextmanager
def no_driver(lab: Lab) -> Iterator[Scene]:
    """Have no DuckDB installed."""
    lab.uninstall("duckdb")
    yield Scene({})


TWIN = Twin(kind="duckdb", name="a file", server="DuckDB", arrange=broken())
TO_BE_MADE = Twin(kind="duckdb", name="a file that is yet to be made", server="DuckDB", arrange=broken(lasting=False))
READ = Twin(kind="duckdb", name="a file to read", server="DuckDB", arrange=broken(read_only=True, write=False))
_REAL: dict[str, Any] = {"kind": "duckdb", "source": "real", "server": "DuckDB", "twin": TWIN}
_AT_FOLDER: dict[str, Any] = {**_REAL, "step": "operate.directory"}
_OPENING: dict[str, Any] = {**_REAL, "step": "operate.open"}
_CORRUPT: dict[str, Any] = {
    **_OPENING,
    "fault": "corrupt",
    "cause": "operate.corrupt",
    "remedy": "restore it, or correct its name: file {path}",
}

CELLS = [
    # Where the file is
    Cell(
        **{**_AT_FOLDER, "twin": READ},
        fault="no-database",
        at="to read",
        arrange=broken(lasting=False, read_only=True, write=False),
        cause="operate.not_found",
        remedy="create it, or correct its name: file {path}",
    ),
    Cell(
        **_REAL,
        fault="no-database",
        at="neither read nor written",
        arrange=broken(lasting=False, write=False),
        status="warning",
        cause="operate.not_found",
        step=None,
        remedy="file {path}",
    ),
    Cell(
        **_AT_FOLDER,
        fault="no-database",
        at="its folder",
        arrange=broken(moved(lambda file: file.parent / "nowhere" / file.name)),
        cause="operate.not_found",
        remedy="/nowhere",
        says="does not exist",
    ),
    Cell(
        **_AT_FOLDER,
        fault="no-database",
        at="its folder is a file",
        arrange=broken(moved(lambda file: file / "shop.duckdb")),
        cause="operate.not_found",
        remedy="directory ",
    ),
    Cell(
        **_AT_FOLDER,
        fault="no-database",
        at="the folder that a link leads to",
        arrange=broken(moved(lambda file: linked(file, file.parent / "nowhere" / file.name))),
        cause="operate.not_found",
        remedy="/nowhere",
        says="does not exist",
    ),
    # Whose it is
    Cell(
        **_AT_FOLDER,
        fault="write-denied",
        at="folder",
        arrange=broken(mode(0o555, of_folder=True)),
        cause="authorize.write_denied",
        remedy="grant write on directory ",
    ),
    Cell(
        **_AT_FOLDER,
        fault="write-denied",
        at="file",
        arrange=broken(mode(0o444)),
        cause="authorize.write_denied",
        remedy="grant write on file {path}",
    ),
    Cell(
        **{**_AT_FOLDER, "twin": READ},
        fault="read-denied",
        at="file",
        arrange=broken(mode(0o200), read_only=True, write=False),
        cause="authorize.read_denied",
        remedy="grant read on file {path}",
    ),
    Cell(
        **{**_AT_FOLDER, "twin": READ},
        fault="read-denied",
        at="folder",
        arrange=broken(mode(0o600, of_folder=True), read_only=True, write=False),
        cause="authorize.read_denied",
        remedy="grant search on directory ",
    ),
    Cell(
        **_AT_FOLDER,
        fault="recovery",
        at="disk is read-only",
        arrange=broken(on_disk(make_read_only)),
        cause="operate.read_only",
        remedy="end the read-only mode of directory ",
    ),
    # How much there is
    Cell(
        **_AT_FOLDER,
        fault="no-space",
        arrange=broken(on_disk(fill)),
        cause="operate.out_of_space",
        remedy="free or add space at directory ",
    ),
    Cell(
        **{**_AT_FOLDER, "twin": TO_BE_MADE},
        fault="no-space",
        at="file is yet to be made",
        arrange=broken(on_disk(fill, lasting=False), lasting=False),
        cause="operate.out_of_space",
        remedy="free or add space at directory ",
    ),
    Cell(
        **_OPENING,
        fault="no-memory",
        arrange=broken(memory_limit="100KB"),
        cause="operate.exhausted",
        remedy="free or raise the limit of duckdb.memory_limit",
    ),
    # Who else has it
    Cell(
        **_OPENING,
        fault="locked",
        arrange=broken(held),
        cause="operate.locked",
        remedy="end, or wait for, the process that holds file {path}",
    ),
    Cell(
        **{**_OPENING, "twin": READ},
        fault="locked",
        at="to read",
        arrange=broken(held, read_only=True, write=False),
        cause="operate.locked",
        remedy="the process that holds file {path}",
    ),
    Cell(
        **_OPENING,
        fault="locked",
        at="by this process",
        arrange=broken(held_here),
        cause="operate.locked",
        remedy="the process that holds file {path}",
    ),
    # What is in it
    Cell(**_CORRUPT, at="text", arrange=broken(spoiled(lambda file: file.write_text("no database at all; " * 500)))),
    Cell(**_CORRUPT, at="empty", arrange=broken(spoiled(lambda file: os.truncate(file, 0)))),
    Cell(**_CORRUPT, at="cut off", arrange=broken(spoiled(lambda file: os.truncate(file, 5 * _BLOCK)))),
    Cell(**_CORRUPT, at="wrong checksum", arrange=broken(spoiled(_flip_bits))),
    Cell(**_CORRUPT, at="SQLite", arrange=broken(spoiled(_make_sqlite))),
    Cell(**_CORRUPT, at="folder", arrange=broken(spoiled(_make_folder))),
    Cell(
        **_OPENING,
        fault="newer-version",
        arrange=newer,
        cause="operate.newer_version",
        remedy="upgrade the client, or write in an older format: file {path}",
    ),
    Cell(
        **_OPENING,
        fault="no-credentials",
        at="encrypted file",
        arrange=broken(spoiled(_encrypt)),
        cause="config.missing_credentials",
        remedy="give credentials: the key of {path}",
    ),
    # What is configured
    Cell(
        **_OPENING,
        fault="bad-setting",
        arrange=broken(memory_limit="plenty"),
        cause="config.invalid",
        remedy="correct duckdb.memory_limit",
    ),
    Cell(
        **{**_OPENING, "twin": TO_BE_MADE},
        fault="bad-setting",
        at="before there is a file",
        arrange=broken(lasting=False, memory_limit="plenty"),
        cause="config.invalid",
        remedy="correct duckdb.memory_limit",
    ),
    Cell(
        **_REAL,
        fault="no-extension",
        arrange=broken(extensions=["no_such_extension"]),
        cause="operate.not_found",
        step="operate.extension",
        remedy="INSTALL no_such_extension",
    ),
    Cell(
        **_REAL,
        fault="no-driver",
        arrange=no_driver,
        cause="config.missing_driver",
        step="driver",
        remedy="run: pip install 'pytest-floe[duckdb]'",
    ),
]
