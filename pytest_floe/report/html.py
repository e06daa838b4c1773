"""The readiness page: one HTML file that loads nothing, for a person to read, print and sign."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pytest_floe.report.attempts import attempts
from pytest_floe.report.models import PreflightReport
from pytest_floe.report.page import OUTCOMES, Page, utc
from pytest_floe.report.plaintext import plain

#: One and many of each outcome.
_WORDS = {
    "error": ("error", "errors"),
    "unverified": ("no verdict", "no verdict"),
    "warning": ("warning", "warnings"),
    "ok": ("ok", "ok"),
}
_NAME_LIMIT = 120
_FITS_A_STEP = 16  # characters in a column of the page's ladder of steps
_TEXT_LIMITS = (1000, 300, 100, 60)  # characters, tried in turn until the page is small enough
_SMALL = 200_000  # bytes, for up to a hundred checks


def render(report: PreflightReport) -> str:
    """Return the readiness page of ``report``.

    Every value is made plain text, shortened and escaped on its way into the page, whatever the template does with
    it. A hundred checks stay under 200 kB: where they would not, texts are cut shorter.
    """
    page, allowed = Page(report), max(_SMALL, _SMALL * len(report.checks) // 100)
    for limit in _TEXT_LIMITS:
        html = _environment(limit).get_template("page.html.j2").render(page=page)
        if len(html.encode()) < allowed:
            break
    return html


def _environment(limit: int) -> Environment:
    environment = Environment(
        loader=PackageLoader("pytest_floe", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=partial(_shown, limit=limit),
    )
    environment.filters |= {"name": _name, "breakable": _breakable, "ms": _milliseconds, "utc": utc}
    environment.globals |= {"attempts": attempts, "outcomes": OUTCOMES, "words": _WORDS}
    return environment


def _name(value: str) -> str:
    return plain(value, _NAME_LIMIT)


def _breakable(value: str) -> Markup:
    text = _name(value)
    parts = re.split(r"(?<=[.#])", text) if len(text) > _FITS_A_STEP else [text]
    return Markup("<wbr>").join(map(escape, parts))


def _milliseconds(duration: int) -> Markup:
    return Markup(f"{duration:,}\N{NO-BREAK SPACE}ms")  # noqa: S704 - digits and commas


def _shown(value: Any, *, limit: int) -> Any:
    return value if isinstance(value, Markup) else plain(str(value), limit)
