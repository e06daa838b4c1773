"""Scrubbing what pytest, logging and the checks themselves are about to write."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import pytest

from pytest_floe.report.plaintext import visible
from pytest_floe.secrets import Scrubber

_DEEPEST = 12
_LONGEST = 100_000  # characters of one text; servers send megabytes
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
        stack.enter_context(_traced(config, scrubber))
        if logs := config.pluginmanager.getplugin("logging-plugin"):
            stack.enter_context(_harmless(logs.log_cli_handler))
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
    capturing = getattr(config.pluginmanager.getplugin("capturemanager"), "_global_capturing", None)
    for captured in (getattr(capturing, "out", None), getattr(capturing, "err", None)):
        stream = getattr(captured, "syscapture", captured)
        owners = ((stream, "_old"), (getattr(stream, "tmpfile", None), "_other"))  # the latter of --capture=tee-sys
        yield from ((owner, name) for owner, name in owners if hasattr(owner, name))


def uncaptured(config: pytest.Config) -> int | None:
    """Return the file descriptor of the terminal where pytest captures by descriptors; None where it does not."""
    capturing = config.pluginmanager.getplugin("capturemanager")
    out = getattr(getattr(capturing, "_global_capturing", None), "out", None)
    return getattr(out, "targetfd_save", None)


@contextlib.contextmanager
def _traced(config: pytest.Config, scrubber: Scrubber) -> Iterator[None]:
    """Scrub what --debug writes, the arguments of all hooks, and what it has written before the secrets were known.

    With PYTEST_DEBUG it goes to the terminal, which takes nothing back.
    """
    write = config.trace.root._writer  # noqa: SLF001 - there is a setter only
    stream = getattr(write, "__self__", None)
    if not isinstance(stream, TextIOWrapper):
        yield
        return
    scrubbed = ScrubbedStream(stream, scrubber)
    if isinstance(stream.name, str):
        stream.flush()
        before = Path(stream.name).read_text("utf-8")
        stream.seek(0)
        stream.truncate()
        scrubbed.write(before)
    config.trace.root.setwriter(scrubbed.write)
    try:
        yield
    finally:
        stream.flush()
        config.trace.root.setwriter(write)


def scrub_metadata(config: pytest.Config, scrubber: Scrubber) -> None:
    """Scrub, in place, what pytest-metadata shows of the environment, and the properties of JUnit's suite."""
    metadata = config.stash.get(_key_of("pytest_metadata.plugin", "metadata_key"), None)
    if metadata:
        metadata.update(scrubber.scrub_data(dict(metadata)))
    junit = config.stash.get(_key_of("_pytest.junitxml", "xml_key"), None)
    if junit:
        junit.global_properties[:] = [(name, scrubber.scrub(value)) for name, value in junit.global_properties]


def _key_of(module: str, name: str) -> pytest.StashKey[Any]:
    """Return a plugin's key; if that plugin was not loaded, one under which nothing is found."""
    return getattr(sys.modules.get(module), name, None) or pytest.StashKey[Any]()


@contextlib.contextmanager
def _harmless(live_log: logging.Handler) -> Iterator[None]:
    """Keep what goes wrong with a line of the live log out of the check that logged it.

    For each line pytest ends capturing for a moment, which fails in a check's thread as soon as the main one ends it.
    """
    show = live_log.emit

    def emit(record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            show(record)

    live_log.emit = emit  # type: ignore[method-assign]
    try:
        yield
    finally:
        live_log.emit = show  # type: ignore[method-assign]


def _is_no_detail(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO


def scrub_report(
    report: pytest.TestReport | pytest.CollectReport, scrubber: Scrubber, *, of_check: bool = False
) -> None:
    """Scrub a report's traceback with its locals, its captured output and its properties, in place.

    In those ``of_check``, whose text may be a server's, nothing is left that could take over a terminal.
    """

    def clean(text: str) -> str:
        return visible(scrubber.scrub(text), _LONGEST) if of_check else scrubber.scrub(text)

    report.longrepr = _cleaned(report.longrepr, clean, 0)
    report.sections = [(title, clean(text)) for title, text in report.sections]
    if isinstance(report, pytest.TestReport):
        report.user_properties = [(key, _cleaned(value, clean, 0)) for key, value in report.user_properties]


def scrub_warning(warning: Any, scrubber: Scrubber) -> None:
    """Scrub a recorded warning in place; its class stays known as its category."""
    said = str(warning.message)
    if scrubber.leaks(said):
        warning.message = UserWarning(scrubber.scrub(said))


def _cleaned(value: Any, clean: Callable[[str], str], depth: int) -> Any:
    if isinstance(value, str):
        return clean(value)
    if depth > _DEEPEST or isinstance(value, int | float | None):
        return value
    if type(value) in (list, tuple):
        return type(value)(_cleaned(item, clean, depth + 1) for item in value)
    if isinstance(value, dict):
        return {key: _cleaned(item, clean, depth + 1) for key, item in value.items()}
    for name, attribute in list(getattr(value, "__dict__", {}).items()):
        setattr(value, name, _cleaned(attribute, clean, depth + 1))
    return value


class _ScrubbedRecords:
    """Makes log records of all libraries, scrubbed before any handler sees them."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._make = logging.getLogRecordFactory()

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        record.msg, record.args = visible(self._scrubber.scrub(_message(record)), _LONGEST), ()
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
