"""Columns and verdict for the report of pytest-html 4, where that plugin is present."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from markupsafe import escape

from pytest_floe.report.plaintext import plain

_COLUMNS = ("service", "cause", "remedy")
_AFTER_TEST = 2  # pytest-html's own columns: result, test, duration, links
_LIMIT = 1000


class PytestHtmlColumns:
    """Hooks of pytest-html, to be registered beside it.

    ``verdict`` returns the run's verdict in one line; it is called at the end of the session. Cells are filled from
    a test report's user properties ``floe.service``, ``floe.status``, ``floe.cause`` and ``floe.remediation``, and
    stay empty for a test without them.
    """

    def __init__(self, verdict: Callable[[], str]) -> None:
        self._verdict = verdict

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """Put the verdict before all else."""
        prefix.insert(0, f"<p><strong>{_safe(self._verdict())}</strong></p>")

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Add the columns' heads."""
        cells[_AFTER_TEST:_AFTER_TEST] = [
            f'<th class="sortable" data-column-type="{column}">{column.capitalize()}</th>' for column in _COLUMNS
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport | pytest.CollectReport, cells: list[str]) -> None:
        """Fill the columns."""
        if not cells:
            return  # another plugin took the row out
        cells[_AFTER_TEST:_AFTER_TEST] = [
            f'<td class="col-{column}">{_safe(text)}</td>'
            for column, text in zip(_COLUMNS, _texts(report), strict=True)
        ]


def _texts(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, str]:
    properties = dict(getattr(report, "user_properties", ()))
    service, status, cause, remediation = (
        str(properties.get(f"floe.{name}") or "") for name in ("service", "status", "cause", "remediation")
    )
    # pytest knows no warnings: such a test stands under "Passed".
    return service, f"{status}: {cause}" if status == "warning" else cause, remediation


def _safe(text: str) -> str:
    return str(escape(plain(text, _LIMIT)))
