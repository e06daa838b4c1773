"""The process of one embedded server: ``python -m pytest_floe.local.serve s3``, with its order on standard input."""

from __future__ import annotations

import sys
from importlib import import_module

from pytest_floe.local.lifeline import Lifeline

#: These look after the lifeline themselves.
_SINGLE_THREADED = ("postgres",)


def main(name: str) -> None:
    """Serve as ``name`` until the parent ends."""
    lifeline = Lifeline()
    if name not in _SINGLE_THREADED:
        lifeline.watch()  # before the import, which takes seconds: the parent may die meanwhile
    import_module(f"pytest_floe.local.{name}").serve(lifeline)


if __name__ == "__main__":
    main(sys.argv[1])
