"""Disks of a few megabytes, to be full or read-only on, which a process may mount if it is root."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_CHUNK = bytes(64 * 1024)


@contextmanager
def small_disk(owner: int, megabytes: int = 4) -> Iterator[Path]:
    """Mount an empty disk of the user with the id ``owner``; skips, with the reason, where that is not allowed."""
    with tempfile.TemporaryDirectory(prefix="floe-disk-") as folder:
        Path(folder).chmod(0o755)
        disk = Path(folder, "disk")
        disk.mkdir()
        _as_root("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,uid={owner},mode=755", "tmpfs", str(disk))
        try:
            yield disk
        finally:
            _as_root("umount", "--lazy", str(disk))


def fill(disk: Path) -> None:
    """Leave no byte free on ``disk``."""
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
        while ballast.write(_CHUNK):
            pass


def make_read_only(disk: Path) -> None:
    """Have ``disk`` take no more writes."""
    _as_root("mount", "-o", "remount,ro", str(disk))


def _as_root(*command: str) -> None:
    sudo = () if os.geteuid() == 0 else ("sudo", "-n")
    done = subprocess.run([*sudo, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(command)} was refused, so there is no disk to fill: {done.stderr.strip()}")
