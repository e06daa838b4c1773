"""Mutants that no server can tell from the original, each with the reason; the id is what a surviving mutant prints."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
