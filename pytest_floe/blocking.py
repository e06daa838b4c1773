"""What a check needs others for, and how the failure of one of them is told: by its root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from pytest_floe.report.models import PreflightResult


@dataclass(frozen=True)
class Needs:
    """The targets that a check needs, by id, of those that this run verifies.

    ``start`` sees that they are verified and returns their future results. ``waiting`` is called before the check
    waits for them, ``resumed`` after it has, with the seconds that it has from then on.
    """

    targets: Sequence[str] = ()
    start: Callable[[], list[Future[PreflightResult]]] = list
    waiting: Callable[[], None] = lambda: None
    resumed: Callable[[float], None] = lambda _seconds: None

    def __bool__(self) -> bool:
        return bool(self.targets)


def roots(failed: Iterable[PreflightResult]) -> list[str]:
    """Return the ids of the targets at fault where ``failed`` ones failed: of a blocked one, those that block it."""
    details = [result.details for result in failed]
    return list(dict.fromkeys(root for each in details for root in each.blocked_by or [each.target]))


def why_blocked(failed: Sequence[PreflightResult]) -> str:
    """Return in a sentence why a check that needs the ``failed`` targets went no further."""
    said = (f"{result.details.target}, which {_ended(result)}" for result in failed)
    return f"went no further, for it needs {' and '.join(said)}"


def _ended(result: PreflightResult) -> str:
    if result.details.blocked_by:
        return f"is blocked by {', '.join(result.details.blocked_by)}"
    return f"failed ({result.details.cause})"
