"""Database files that the DuckDB under test can't write itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.downloads import alone

NEWER_VERSION = "2.0.0"


@pytest.fixture(scope="session")
def newer_duckdb_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database written by a DuckDB that is newer than the one under test."""
    with alone(f"duckdb-{NEWER_VERSION}") as home:
        command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(home), f"duckdb=={NEWER_VERSION}"]
        done = None if home.is_dir() else subprocess.run(command, capture_output=True, text=True, check=False)
        if done and done.returncode:
            pytest.skip(f"duckdb {NEWER_VERSION} could not be installed: {done.stderr[-300:]}")
    file = tmp_path_factory.mktemp("newer") / "newer.duckdb"
    script = f"import duckdb; duckdb.connect({str(file)!r}).execute('CREATE TABLE t AS SELECT 1')"
    subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(home)}, check=True)
    return file
