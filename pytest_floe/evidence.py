"""The record of a run beside its report, written as things happen, so that no death of a process takes it away."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from pytest_floe.account import Account, account_of, parsed
from pytest_floe.records import Record
from pytest_floe.report.building import Outline, now
from pytest_floe.report.models import PreflightResult
from pytest_floe.report.writing import EVIDENCE_NAME
from pytest_floe.secrets import Scrubber
from pytest_floe.verdict import Identity

_CHUNK = 1 << 20


class Evidence:
    """Appends to preflight.jsonl; every process of a run has one. Before ``begin`` or ``join`` it keeps nothing.

    A line is a single write to a file opened for appending, so lines of several processes don't mix. It is in the
    kernel's hands then, and safe from the death of the process; results go to the disk at once.
    """

    def __init__(self, run_id: str, scrubber: Scrubber) -> None:
        self.run_id = run_id
        self._scrubber = scrubber
        self._lock = threading.Lock()
        self._file: int | None = None
        self._failed = False

    def begin(self, folder: Path, outline: Outline) -> None:
        """Start the record in the report's folder; raises OSError."""
        self._file = os.open(folder / EVIDENCE_NAME, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self.note("begun", outline=outline.model_dump(mode="json"), durable=True)

    def join(self, folder: Path) -> None:
        """Go on with the record that another process began; raises OSError."""
        self._file = os.open(folder / EVIDENCE_NAME, os.O_RDWR | os.O_APPEND)

    def expect(self, checks: list[Identity], *, always: bool = False) -> None:
        """Say that the report must have these checks too."""
        if checks:
            self.note("expected", checks=[vars(identity) for identity in checks], always=always)

    def finished(self, result: PreflightResult) -> None:
        """Keep a result, on disk."""
        self.note("finished", result=result.model_dump(mode="json"), durable=True)

    def note(self, event: str, *, durable: bool = False, **fields: Any) -> None:
        """Append one line; what can't be written is told once, and the run goes on."""
        record = {"run": self.run_id, "at": now().isoformat(), "event": event, **fields}
        line = self._scrubber.scrub_strong(json.dumps(record)).encode() + b"\n"
        with self._lock:
            if self._file is None:
                return
            try:
                written = os.write(self._file, line)
                if durable:
                    os.fsync(self._file)
            except OSError as error:
                self._complain(str(error))
            else:
                if written < len(line):
                    self._complain("no space left for a whole line")

    def since(self, place: int) -> tuple[list[Record], int]:
        """Return what was noted after ``place`` in the file, 0 being its beginning, and the place where that ends."""
        *lines, _ = self._read(place).split(b"\n")
        return [record for record in map(parsed, lines) if record], place + sum(map(len, lines)) + len(lines)

    def account(self) -> Account:
        """Return what all processes have noted; raises UnusableError."""
        return account_of(self._read(0).splitlines(keepends=True))

    def close(self) -> None:
        """Take no more lines: what an abandoned check does after the end belongs to no report."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._file = None

    def _read(self, place: int) -> bytes:
        """Read on from ``place``, through the open file: its name may lead elsewhere by now."""
        data = b""
        while self._file is not None and (chunk := os.pread(self._file, _CHUNK, place + len(data))):
            data += chunk
        return data

    def _complain(self, why: str) -> None:
        if not self._failed:
            sys.stderr.write(f"\n{EVIDENCE_NAME} could not be written: {why}\n")
        self._failed = True
