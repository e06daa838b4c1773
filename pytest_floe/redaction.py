"""Scrubbing what pytest and logging are about to write."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TextIO

import pytest

from pytest_floe.secrets import Scrubber

_DEEPEST = 12


def scrub_report(report: pytest.TestReport | pytest.CollectReport, scrubber: Scrubber) -> None:
    """Scrub a report's traceback with its locals, its captured output and its properties, in place."""
    report.longrepr = _scrubbed(report.longrepr, scrubber, 0)
    report.sections = [(title, scrubber.scrub(text)) for title, text in report.sections]
    if isinstance(report, pytest.TestReport):
        report.user_properties = [(key, _scrubbed(value, scrubber, 0)) for key, value in report.user_properties]


def _scrubbed(value: Any, scrubber: Scrubber, depth: int) -> Any:
    if isinstance(value, str):
        return scrubber.scrub(value)
    if depth > _DEEPEST or isinstance(value, int | float | None):
        return value
    if type(value) in (list, tuple):
        return type(value)(_scrubbed(item, scrubber, depth + 1) for item in value)
    if isinstance(value, dict):
        return {key: _scrubbed(item, scrubber, depth + 1) for key, item in value.items()}
    for name, attribute in list(getattr(value, "__dict__", {}).items()):
        setattr(value, name, _scrubbed(attribute, scrubber, depth + 1))
    return value


class ScrubbedLogging:
    """While it is on, log records of all libraries are scrubbed as they are made, before any handler sees them."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._before: Callable[..., logging.LogRecord] | None = None

    def start(self) -> None:
        """Switch on."""
        before = self._before = logging.getLogRecordFactory()

        def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = before(*args, **kwargs)
            record.msg, record.args = self._scrubber.scrub(_message(record)), ()
            if record.exc_info:
                record.exc_text = self._scrubber.scrub(logging.Formatter().formatException(record.exc_info))
            return record

        logging.setLogRecordFactory(factory)

    def stop(self) -> None:
        """Switch off."""
        if self._before is not None:
            logging.setLogRecordFactory(self._before)
            self._before = None


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a library's broken log call must not break the check
        return str(record.msg)


class ScrubbedStream:
    """Stands before a text stream; what is written through it is scrubbed of secrets that are safe to recognise."""

    def __init__(self, stream: TextIO, scrubber: Scrubber) -> None:
        self._stream = stream
        self._scrubber = scrubber

    def write(self, text: str) -> int:
        """Write ``text`` without secrets."""
        self._stream.write(self._scrubber.scrub_strong(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
