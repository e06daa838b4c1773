"""What numbers given as arguments may be."""

from __future__ import annotations

from operator import index


def whole(value: object) -> int | None:
    """A whole number of any type, NumPy's included, as an int; None for anything else, a truth value included."""
    if isinstance(value, bool):
        return None
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
