"""The readiness page: one HTML file that loads nothing, for a person to read, print and sign."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

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
_TEXT_LIMITS = (200, 1000)
_TEXT_OF_ALL_CHECKS = 20_000


def render(report: PreflightReport) -> str:
    """Return the readiness page of ``report``.

    Every value is made plain text, shortened and escaped on its way into the page, whatever the template does with
    it. The more checks there are, the shorter a text may be, so that a hundred checks stay under 200 kB.
    """
    shortest, longest = _TEXT_LIMITS
    limit = max(shortest, min(longest, _TEXT_OF_ALL_CHECKS // max(1, len(report.checks))))
    return _environment(limit).get_template("page.html.j2").render(page=Page(report))


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
    environment.globals |= {"outcomes": OUTCOMES, "words": _WORDS}
    return environment


def _name(value: str) -> str:
    return plain(value, _NAME_LIMIT)


def _breakable(value: str) -> Markup:
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[.#/])", _name(value)))


def _milliseconds(duration: int) -> Markup:
    return Markup(f"{duration:,}&nbsp;ms")  # noqa: S704 - digits and commas


def _shown(value: Any, *, limit: int) -> Any:
    return value if isinstance(value, Markup) else plain(str(value), limit)
