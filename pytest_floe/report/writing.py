"""The report's files: written whole or not at all, and never left over from an earlier run."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path

from pytest_floe.report import html
from pytest_floe.report.models import PreflightReport, as_json
from pytest_floe.secrets import Scrubber

JSON_NAME = "preflight-report.json"
HTML_NAME = "preflight-report.html"
EVIDENCE_NAME = "preflight.jsonl"
PREVIOUS = "previous"


_claimed: dict[Path, int] = {}


def claim(folder: Path) -> None:
    """Keep other runs out of ``folder``, which is made, until ``release`` or the end of this process.

    Raises BlockingIOError if another process has it. A file system without locks keeps nobody out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    if (place := folder.resolve()) in _claimed:
        return
    held = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        if isinstance(error, BlockingIOError):
            raise
    else:
        _claimed[place] = held


def release(folder: Path) -> None:
    """Let other runs use ``folder`` again."""
    if (held := _claimed.pop(folder.resolve(), None)) is not None:
        os.close(held)


def move_aside(folder: Path) -> None:
    """Move an earlier run's report and record into ``previous/``, so that they can't be taken for this run's.

    Creates ``folder``; raises OSError if that, or moving, is not possible.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (JSON_NAME, HTML_NAME, EVIDENCE_NAME):
        if (folder / name).exists():
            (folder / PREVIOUS).mkdir(exist_ok=True)
            (folder / name).replace(folder / PREVIOUS / name)
    with tempfile.NamedTemporaryFile(dir=folder):
        pass  # an unwritable folder must be found before the checks, not after


def write(report: PreflightReport, folder: Path, scrubber: Scrubber) -> None:
    """Write both files, or neither: raises OSError, and then no page is left for anybody to sign."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {HTML_NAME: html.render(report), JSON_NAME: json.dumps(as_json(report), indent=2) + "\n"}
    try:
        for name, text in texts.items():
            _replace(folder / name, scrubber.scrub_strong(text))
    except OSError:
        for name in texts:
            with contextlib.suppress(OSError):
                (folder / name).unlink()
        raise


def _replace(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
    ) as new:
        try:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
            Path(new.name).chmod(0o644)  # a report is for others to read
            Path(new.name).replace(path)
        except BaseException:
            Path(new.name).unlink()
            raise
