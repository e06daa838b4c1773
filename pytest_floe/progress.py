"""Telling, while a run goes on, which checks wait until they are ready: a line for each change of state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from pytest_floe.evidence import Evidence
from pytest_floe.records import Finished, NotReady
from pytest_floe.report.attempts import attempts

_POLL_SECONDS = 0.25


class Progress:
    """Follows the record of the run, where every process of it writes; ``say`` prints a line."""

    def __init__(self, evidence: Evidence, say: Callable[[str], None]) -> None:
        self._evidence = evidence
        self._say = say
        self._read = 0
        self._waiting: set[str] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="preflight progress")
        self._thread.start()

    def close(self) -> None:
        """Tell the rest."""
        self._closing.set()
        self._thread.join()
        self._tell()

    def _follow(self) -> None:
        while not self._closing.wait(_POLL_SECONDS):
            self._tell()

    def _tell(self) -> None:
        for line in self._news():
            self._say(line)

    def _news(self) -> Iterator[str]:
        records, self._read = self._evidence.since(self._read)
        for record in records:
            match record:
                case NotReady():
                    self._waiting.add(record.target)
                    yield f"  waiting  {record.target}  {record.cause}  {record.message}"
                case Finished() if record.result.details.target in self._waiting:
                    details = record.result.details
                    self._waiting.remove(details.target)
                    became = "gave up" if record.result.status == "error" else "ready  "
                    yield f"  {became}  {details.target}  after {attempts(details)}"
