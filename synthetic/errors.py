"""What can go wrong, as sentences a user can act on.

SyntheticError
+- InvalidSettings    rates, sizes or dates that cannot be; lists every mistake  (also a ValueError)
+- TargetError        a place that cannot be written to, with a remedy
+- LedgerError        tables and ledger that do not belong together
+- MissingExtra       a library that is not installed, with the command that installs it  (also an ImportError)
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class SyntheticError(Exception):
    """Anything this package refuses to do."""


class InvalidSettings(SyntheticError, ValueError):  # noqa: N818 - it names what is wrong, and is raised for many at once
    """Settings that cannot be; `mistakes` holds one sentence for each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(self.mistakes))


class TargetError(SyntheticError):
    """A target that cannot be written to."""


class LedgerError(SyntheticError):
    """A ledger that does not fit its tables."""


class MissingExtra(SyntheticError, ImportError):  # noqa: N818 - it names what is wrong
    """A library that an extra of this distribution brings."""


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Name the extra that brings what the block cannot import."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == __name__.partition(".")[0]:
            raise
        raise MissingExtra(f"{missing} is not installed: pip install 'pytest-floe[{extra}]'") from error


def refuse(mistakes: Iterable[str]) -> None:
    """Raise InvalidSettings if there are mistakes."""
    found = list(mistakes)
    if found:
        raise InvalidSettings(found)


@contextmanager
def collected(mistakes: list[str]) -> Iterator[None]:
    """Add the mistakes found in the block to a list instead of raising."""
    try:
        yield
    except InvalidSettings as error:
        mistakes += error.mistakes
