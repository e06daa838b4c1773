"""Virtual environments for servers whose requirements contradict those of the project."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from platformdirs import user_cache_path

READY_WITHIN = 60.0


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """Return the folder ``name`` of the cache, while no other test session is making it."""
    cache = user_cache_path("pytest-floe", ensure_exists=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield cache / name


def environment(name: str, *requirements: str) -> Path:
    """Return the folder of an environment that holds ``requirements``, made on first use, or skip with pip's reason."""
    with alone(f"{name}-python{sys.version_info.major}.{sys.version_info.minor}") as home:
        made = home / "made"
        if not made.is_file() or made.read_text() != "\n".join(requirements):
            make(home, requirements)
            made.write_text("\n".join(requirements))
    return home


def make(home: Path, requirements: tuple[str, ...]) -> None:
    """Make a virtual environment, or skip with pip's reason."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
    command = [home / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip could not install {' '.join(requirements)}: {done.stderr[-300:]}")


@contextmanager
def running(command: list[str | Path], ready: str, env: Mapping[str, str]) -> Iterator[None]:
    """Run a server until the end of the block, from when it answers at the URL ``ready``, whatever it answers."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            if not comes_up(ready, process):
                log.seek(0)
                pytest.fail(f"{command[0]} did not come up at {ready}: {log.read().decode()[-2000:]}")
            yield
        finally:
            process.terminate()
            process.wait(30)


def comes_up(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until something answers at ``url``; False if the process ends or takes too long."""
    deadline = time.monotonic() + READY_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urlopen(url, timeout=5).close()
        except HTTPError:
            return True
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
