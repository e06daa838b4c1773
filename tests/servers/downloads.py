"""Programs of servers, fetched into the user's cache when first needed, by one session at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from tests.servers.providers import Unavailable

#: Taken down now, as tests may give themselves another HOME.
CACHE = user_cache_path("pytest-floe")


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """Return the folder ``name`` of the cache, while no other test session is making it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield CACHE / name


def fetch(command: list[str | Path], env: Mapping[str, str] | None = None) -> None:
    """Run a program that downloads; raises Unavailable with what it said last."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise Unavailable(f"{' '.join(map(str, command))} failed: {said[-500:]}")


def program(name: str, *, of: str) -> str:
    """Return where ``name`` is on the PATH; raises Unavailable, naming what is ``of`` it made or fetched."""
    found = shutil.which(name)
    if not found:
        raise Unavailable(f"{of} needs {name}; looked in PATH={os.environ.get('PATH', '')}")
    return found
