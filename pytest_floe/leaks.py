"""After a run: looking for its secrets in the files that it and pytest wrote, and withholding those that hold one."""

from __future__ import annotations

import contextlib
import html
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_floe.options import Options
from pytest_floe.report.writing import EVIDENCE_NAME, HTML_NAME, JSON_NAME
from pytest_floe.secrets import Scrubber

WITHHELD = "withheld by pytest-floe: this file held a secret of the run\n"
#: Options of pytest and its plugins that name a file to write.
_FILES = ("xmlpath", "htmlpath", "debug", "report_log", "json_report_file")
#: Options of plugins that name a folder to write to.
_FOLDERS = ("allure_report_dir",)
_DEEPEST_MARKUP = 3  # pytest-html escapes what is in a log, then the data that the log is part of


def written(config: pytest.Config, options: Options, since: float) -> list[Path]:
    """Return the files that this run has written by itself or through pytest, after ``since`` (seconds of the epoch).

    A file of somebody else, or of an earlier run, is not among them.
    """
    own = [options.report_dir / name for name in (JSON_NAME, HTML_NAME, EVIDENCE_NAME)]
    candidates = [*own, *filter(None, [options.termination_log]), *_of_pytest(config)]
    return [path for path in dict.fromkeys(candidates) if path.is_file() and path.stat().st_mtime >= since]


def _of_pytest(config: pytest.Config) -> Iterator[Path]:
    for option in _FILES:
        if path := getattr(config.option, option, None):
            yield config.invocation_params.dir / Path(path).expanduser()
    for option in _FOLDERS:
        if folder := getattr(config.option, option, None):
            yield from _under(config.invocation_params.dir / Path(folder).expanduser())
    if page := getattr(config.option, "htmlpath", None):
        yield from _under(config.invocation_params.dir / Path(page).expanduser().parent / "assets")
    log: Any = config.pluginmanager.getplugin("logging-plugin")
    if log:
        log.log_file_handler.flush()
        yield Path(log.log_file_handler.baseFilename)
    cache: Any = getattr(config, "cache", None)
    if cache:
        yield from _under(cache._cachedir / "v" / "cache")  # noqa: SLF001 - node ids are kept there


def _under(folder: Path) -> Iterator[Path]:
    return folder.rglob("*")


def holding_secrets(paths: Iterable[Path], scrubber: Scrubber) -> list[Path]:
    """Return which of ``paths`` hold a strong secret in any encoding, also under the escapes of markup."""
    return [path for path in paths if any(scrubber.holds_secret(text) for text in _readings(path))]


def _readings(path: Path) -> Iterator[str]:
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError:
        return  # nobody can read it now
    yield text
    for _ in range(_DEEPEST_MARKUP):
        plainer = html.unescape(text)
        if plainer == text:
            return
        yield (text := plainer)


def withhold(path: Path) -> None:
    """Put one line that says why in place of the content; remove the file if that can't be done."""
    try:
        path.write_text(WITHHELD)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
    if path.exists() and path.read_text(errors="replace") != WITHHELD:
        sys.stderr.write(f"\n{path} holds a secret, and could not be withheld: remove it by hand\n")
