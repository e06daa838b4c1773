"""Virtual environments for servers whose requirements contradict those of the project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.servers.downloads import alone
from tests.servers.providers import Unavailable


def environment(name: str, *requirements: str) -> Path:
    """Return the folder of an environment that holds ``requirements``, made on first use; raises Unavailable."""
    with alone(f"{name}-python{sys.version_info.major}.{sys.version_info.minor}") as home:
        made = home / "made"
        if not made.is_file() or made.read_text() != "\n".join(requirements):
            make(home, requirements)
            made.write_text("\n".join(requirements))
    return home


def make(home: Path, requirements: tuple[str, ...]) -> None:
    """Make a virtual environment; raises Unavailable with pip's reason."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
    command = [home / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"pip could not install {' '.join(requirements)}: {done.stderr[-300:]}")
