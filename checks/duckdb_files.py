"""The files of a DuckDB database: what opening it needs of them, and a scratch database beside it."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path

from pytest_floe import Finding, Probe

from .leftovers import in_time, sweeping
from .scratch_table import PREFIX

#: A database can't carry the signature from its first moment on, so a file beside it does.
_SIGNATURE = ".signature"
_LARGEST_SIGNATURE = 100


def meant(file: Path) -> Path:
    """Return where DuckDB would make or open ``file``: links are followed, also to what is not there yet."""
    is_link = os.path.islink(file)  # noqa: PTH114 - tells no error where the folder can't be looked into
    return file.resolve() if is_link else file


def see(file: Path, probe: Probe, *, read_only: bool) -> None:
    """Look at what opening needs, without opening: DuckDB would create the file."""
    folder = file.parent
    with probe.step("operate.directory", lambda error: _explain(error, folder), subject=f"directory {folder}"):
        if not folder.is_dir():
            probe.fail("operate.not_found", f"the directory {folder} does not exist", f"directory {folder}")
        if not _may(folder, os.X_OK):
            message = f"what is in the directory {folder} can't be opened"
            probe.fail("authorize.read_denied", message, f"search on directory {folder}")
        if read_only and not file.exists():
            probe.fail("operate.not_found", f"the file {file} does not exist", f"file {file}")
        if not read_only:
            _expect_writable(folder, probe)
            if probe.write:
                _write_unnamed(folder, probe)
        if file.exists():
            _expect_usable(file, probe, read_only=read_only)


def scratch_beside(file: Path, probe: Probe) -> Path:
    """Return a path for a database in the same directory, named as a canary."""
    return file.parent / probe.canary_name("database")


def sign(database: Path, probe: Probe) -> None:
    """Say beside ``database``, which is about to be made, whose it is."""
    _beside(database, _SIGNATURE).write_text(probe.signature)


def remove(database: Path) -> None:
    """Remove a database, its write-ahead log and, last, its signature, as far as they are there."""
    for path in (database, _beside(database, ".wal"), _beside(database, _SIGNATURE)):
        path.unlink(missing_ok=True)


def sweep(folder: Path, probe: Probe) -> None:
    """Remove the scratch databases that crashed runs left in ``folder``."""
    with probe.step("operate.sweep_files"), sweeping(probe):
        for signature in in_time(probe, sorted(folder.glob(f"{PREFIX}*{_SIGNATURE}"))):
            database = signature.with_name(signature.name.removesuffix(_SIGNATURE))
            if signature.stat().st_size <= _LARGEST_SIGNATURE:
                probe.sweep(database.name, signature.read_text(), partial(remove, database), address=str(database))


def _beside(database: Path, suffix: str) -> Path:
    return database.with_name(database.name + suffix)


def _explain(error: Exception, folder: Path) -> Finding | None:
    if not isinstance(error, PermissionError):
        return None
    above = f"the directories down to {folder} can't be passed"
    return Finding("authorize.read_denied", above, f"search on every directory down to {folder}")


def _expect_writable(folder: Path, probe: Probe) -> None:
    """DuckDB keeps its write-ahead log and temporary files beside the database."""
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        probe.fail("operate.read_only", f"the directory {folder} is on a read-only disk", f"directory {folder}")
    if not _may(folder, os.W_OK | os.X_OK):
        probe.fail("authorize.write_denied", f"the directory {folder} can't be written", f"write on directory {folder}")


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _write_unnamed(folder: Path, probe: Probe) -> None:
    """Write a file that has no name, so that not even a kill leaves it behind."""
    with tempfile.TemporaryFile(dir=folder) as scratch:
        scratch.write(probe.signature.encode())
        scratch.flush()
        os.fsync(scratch.fileno())


def _expect_usable(file: Path, probe: Probe, *, read_only: bool) -> None:
    if not _may(file, os.R_OK):
        probe.fail("authorize.read_denied", f"the file {file} can't be read", f"read on file {file}")
    if not read_only and not _may(file, os.W_OK):
        probe.fail("authorize.write_denied", f"the file {file} can't be written", f"write on file {file}")
