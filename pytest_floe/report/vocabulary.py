"""What every report says, whatever was found: words that no secret can be told from."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from pytest_floe.causes import CAUSES
from pytest_floe.probe import RUNGS
from pytest_floe.report.models import PreflightReport


@cache
def vocabulary() -> frozenset[str]:
    """Return the fields of the report, the causes with their remedies, and the text and style of the page."""
    templates = [f.read_text("utf-8") for f in files(__package__).iterdir() if f.name.endswith((".j2", ".css"))]
    causes = [f"{cause.code} {cause.meaning} {cause.remedy}" for cause in CAUSES.values()]
    return frozenset((json.dumps(PreflightReport.model_json_schema()), *RUNGS, *causes, *templates))
