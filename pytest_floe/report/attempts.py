"""How long a check took to become ready, with --floe-wait, as a person reads it."""

from __future__ import annotations

from pytest_floe.report.models import Details


def attempts(details: Details) -> str:
    """Return e.g. ``3 attempts, 12 s``; nothing if the first attempt gave the result."""
    return f"{details.attempts} attempts, {details.waited_ms / 1000:.0f} s" if details.attempts > 1 else ""
