"""Scrubbing what pytest, logging and the checks themselves are about to write."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import pytest

from pytest_floe.secrets import Scrubber

_DEEPEST = 12
#: They log requests and answers in full below INFO: credentials just issued, before a check can register them, and
#: tokens of a chain that it never sees.
_TELLTALES = ("botocore.auth", "botocore.endpoint", "botocore.parsers", "botocore.utils", "msal.managed_identity")


@contextlib.contextmanager
def shielded(config: pytest.Config, scrubber: Scrubber) -> Iterator[None]:
    """Let nothing out of this process unscrubbed: log records, the terminal, and output that is not captured.

    What a C library writes to a file descriptor by itself passes only where pytest does not capture it.
    """
    with contextlib.ExitStack() as stack:
        before = logging.getLogRecordFactory()
        logging.setLogRecordFactory(_ScrubbedRecords(scrubber))
        stack.callback(logging.setLogRecordFactory, before)
        for logger in map(logging.getLogger, _TELLTALES):
            logger.addFilter(_is_no_detail)
            stack.callback(logger.removeFilter, _is_no_detail)
        for owner, name in _ways_out(config):
            stream = getattr(owner, name)
            setattr(owner, name, ScrubbedStream(stream, scrubber))
            stack.callback(setattr, owner, name, stream)
        yield


def _ways_out(config: pytest.Config) -> Iterator[tuple[Any, str]]:
    """Yield owner and attribute of each stream that leads past pytest's reports; it offers no other filter.

    Also where output is captured: while a live log line is shown, capturing is off for all threads.
    """
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        yield reporter._tw, "_file"  # noqa: SLF001
    yield from ((sys, "stdout"), (sys, "stderr"))
    capturing = config.pluginmanager.getplugin("capturemanager")._global_capturing  # noqa: SLF001
    for captured in (capturing.out, capturing.err):
        stream = getattr(captured, "syscapture", captured)
        owners = ((stream, "_old"), (getattr(stream, "tmpfile", None), "_other"))  # the latter of --capture=tee-sys
        yield from ((owner, name) for owner, name in owners if hasattr(owner, name))


def _is_no_detail(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO


def scrub_report(report: pytest.TestReport | pytest.CollectReport, scrubber: Scrubber) -> None:
    """Scrub a report's traceback with its locals, its captured output and its properties, in place."""
    report.longrepr = _scrubbed(report.longrepr, scrubber, 0)
    report.sections = [(title, scrubber.scrub(text)) for title, text in report.sections]
    if isinstance(report, pytest.TestReport):
        report.user_properties = [(key, _scrubbed(value, scrubber, 0)) for key, value in report.user_properties]


def scrub_warning(warning: Any, scrubber: Scrubber) -> None:
    """Scrub a recorded warning in place; its class stays known as its category."""
    said = str(warning.message)
    if scrubber.leaks(said):
        warning.message = UserWarning(scrubber.scrub(said))


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


class _ScrubbedRecords:
    """Makes log records of all libraries, scrubbed before any handler sees them."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._make = logging.getLogRecordFactory()

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        record.msg, record.args = self._scrubber.scrub(_message(record)), ()
        if record.exc_info:
            record.exc_text = self._scrubber.scrub(logging.Formatter().formatException(record.exc_info))
        return record


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

    def writelines(self, lines: Iterator[str]) -> None:
        """Write ``lines`` without secrets."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
