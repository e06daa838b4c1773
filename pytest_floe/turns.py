"""Each check once a run, in the worker that comes to it first: the others wait for it to end, or to die."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pytest_floe.evidence import Evidence
from pytest_floe.report.models import PreflightResult
from pytest_floe.running import Turns
from pytest_floe.verdict import Identity, Judge


class SharedTurns(Turns):
    """Locks in the run's folder, one for each check; the system opens the lock of a process that dies."""

    def __init__(self, folder: Path, evidence: Evidence, judge: Judge) -> None:
        self._folder = folder
        self._evidence = evidence
        self._judge = judge

    @contextmanager
    def at(self, identity: Identity) -> Iterator[PreflightResult | None]:
        """Wait as long as another process runs the check; enter with its result, or what its death means."""
        lock = os.open(self._folder / f"turn-{quote(identity.id, safe='')}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.read(lock, 1):
                yield self._of_another(identity)
            else:
                os.write(lock, b"1")
                yield None
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def _of_another(self, identity: Identity) -> PreflightResult:
        account = self._evidence.account()
        return account.results.get(identity.id) or account.lost(identity, self._judge)
