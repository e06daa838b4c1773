"""The private folder of one run, which goes when the last process of the run has gone.

Every process of a run holds a shared lock (flock) on the folder for as long as it lives: the kernel drops it however
the process ends. Whoever can turn it into an exclusive one is alone, and may remove the folder: the last process of
a run, or the next run after a crash.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

PREFIX = "floe-local-"


class StateFolder:
    """A run's folder, held by this process until ``leave``."""

    def __init__(self, path: Path) -> None:
        """Join the run at ``path``; raises FileNotFoundError if it is over."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        if not _still_at(path, self._descriptor):
            os.close(self._descriptor)
            raise FileNotFoundError(path)

    @classmethod
    def create(cls) -> StateFolder:
        """Make the folder of a new run, after removing those of runs that crashed; raises OSError."""
        base = _base()
        sweep(base)
        while True:
            path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
            try:
                folder = cls(path)
            except FileNotFoundError:  # another run's sweep was faster than our lock
                continue
            path.chmod(0o711 if os.geteuid() == 0 else 0o700)  # PostgreSQL runs as another user than root
            return folder

    def leave(self) -> None:
        """Let go of the folder, and remove it if no other process of the run is left."""
        _remove_if_alone(self.path, self._descriptor)
        os.close(self._descriptor)


def sweep(base: Path) -> list[Path]:
    """Remove the folders under ``base`` that crashed runs of this user left; return them."""
    return [path for path in base.glob(f"{PREFIX}*") if _sweep_one(path)]


def _sweep_one(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return os.fstat(descriptor).st_uid == os.geteuid() and _remove_if_alone(path, descriptor)
    finally:
        os.close(descriptor)


def _remove_if_alone(path: Path, descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    if _still_at(path, descriptor):
        shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def _still_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _base() -> Path:
    """Return where temporary files go; for root, where another user can get at them too."""
    preferred = Path(tempfile.gettempdir())
    if os.geteuid() != 0:
        return preferred
    reachable = [base for base in (preferred, Path("/tmp"), Path("/var/tmp")) if open_to_all(base)]  # noqa: S108
    if not reachable:
        raise PermissionError(f"no other user than root can reach {preferred}: set TMPDIR to a folder with mode 1777")
    return reachable[0]


def open_to_all(folder: Path) -> bool:
    """Tell whether every user can get to what is in ``folder``."""
    way = (folder.resolve(), *folder.resolve().parents)
    return folder.is_dir() and all(step.stat().st_mode & stat.S_IXOTH for step in way)
