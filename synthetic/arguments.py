"""What numbers given as arguments may be."""

from __future__ import annotations

from numbers import Real
from operator import index
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def as_whole(value: object) -> int | None:
    """A whole number of any type, NumPy's included, as an int; None for anything else, a truth value included."""
    if isinstance(value, bool):
        return None
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def as_number(value: object) -> float | None:
    """A number of any type, NumPy's included, as a float; None for anything else, a truth value included."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def not_whole(name: str, value: object, least: int, most: int) -> Iterator[str]:
    """The mistake in an argument that shall be a whole number within limits, if there is one."""
    number = as_whole(value)
    if number is None or not least <= number <= most:
        yield f"{name}={value!r} is not a whole number from {least} to {most}"


def not_above_zero(name: str, value: object, most: int) -> Iterator[str]:
    """The mistake in an argument that shall be a number above 0, up to a limit, if there is one."""
    number = as_number(value)
    if number is None or not 0 < number <= most:
        yield f"{name}={value!r} is not a number above 0 up to {most}"
