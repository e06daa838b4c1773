"""Mistakes in the configuration, collected so that a user sees all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Code = Literal["config_not_found", "config_invalid", "missing_credentials"]


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is (file, line, key path), what is wrong with which value, and the way out."""

    where: str
    message: str
    remedy: str
    code: Code = "config_invalid"

    def __str__(self) -> str:
        return f"{self.where}: {self.message}; {self.remedy}"


class ConfigurationProblems(Exception):  # noqa: N818 - several problems, named as what they are
    """Raised with every mistake that was found; nothing has been run."""

    def __init__(self, problems: Iterable[Problem], path: str | None = None) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        self.path = path
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.problems)
        head = "1 mistake" if count == 1 else f"{count} mistakes"
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        return f"{head} in the configuration, no check was run:{lines}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a remedy that names the known word most like ``word``, or all of them where none is alike."""
    names = sorted(known)
    like = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if like:
        return f"did you mean {like[0]!r}?"
    return f"use one of: {', '.join(names)}" if names else "remove it"
