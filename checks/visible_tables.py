"""The workload's own tables, as far as a principal sees them: access control leaves out of lists what it may not use.

So no table in a list is just what a principal sees that may read none, and vouches for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from pytest_floe import Probe

from .scratch_table import PREFIX

_TRIED = 3


def to_read(probe: Probe, names: Iterable[str], place: str, last: Collection[str] = ()) -> list[str]:
    """Return names of tables to try reading, those of ``last`` after the others; note it if there are none."""
    own = [name for name in names if not name.startswith(PREFIX)]
    first, others = [name for name in own if name not in last], [name for name in own if name in last]
    found = first[:_TRIED] + others[:_TRIED]
    if not found:
        probe.fact(not_verified=[f"read: no table of {place} is visible"])
    return found


def read_any(
    tables: Sequence[str],
    read: Callable[[str], bool],
    is_refusal: Callable[[Exception], bool],
    is_of_table: Callable[[Exception], bool] | None = None,
) -> bool:
    """Return whether ``read`` got a row of one of ``tables``.

    A principal need not be allowed to read every one of them. An error that ``is_of_table``, as every refusal is, lets
    the next one be tried; if all tables have one it is raised, a refusal rather than another.
    """
    failed: list[Exception] = []
    for table in tables:
        try:
            if read(table):
                return True
        except Exception as error:
            if not (is_of_table or is_refusal)(error):
                raise
            failed.append(error)
    if len(failed) == len(tables):
        raise max(failed, key=is_refusal)
    return False


def note_unread(probe: Probe, place: str, why: str) -> None:
    """Note that the principal may read in ``place`` and got no row: the right to read vouches for no storage."""
    probe.fact(not_verified=[f"read: no row of {place} was read, {why}"])


def counted(probe: Probe, number: int, place: str) -> str:
    """Return what a message says of ``number`` tables."""
    if "not_verified" in probe.facts:
        return f"{number} tables visible in {place}, and reading was not verified"
    return f"{number} tables in {place}"
