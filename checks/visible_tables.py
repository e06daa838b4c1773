"""The workload's own tables, as far as a principal sees them: access control leaves out of lists what it may not use.

So no table in a list is just what a principal sees that may read none, and vouches for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from pytest_floe import Probe

from .scratch_table import PREFIX

_TRIED = 3


def to_read(probe: Probe, names: Iterable[str], place: str) -> list[str]:
    """Return names of tables to try reading; if there are none, note that reading was not verified."""
    found = [name for name in names if not name.startswith(PREFIX)][:_TRIED]
    if not found:
        probe.fact(not_verified=[f"read: no table of {place} is visible"])
    return found


def counted(probe: Probe, number: int, place: str) -> str:
    """Return what a message says of ``number`` tables."""
    if "not_verified" in probe.facts:
        return f"{number} tables visible in {place}, so reading was not verified"
    return f"{number} tables in {place}"
