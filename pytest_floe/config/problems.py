"""Mistakes in the configuration, collected so that a user sees all of them at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_PLACE = re.compile(r"(.*?):(\d+)\b")

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


class Problems:
    """Gathers mistakes, one for each place: what is wrong there first makes what follows from it noise."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self._by_place: dict[str, Problem] = {}

    def add(self, problem: Problem) -> None:
        """Keep ``problem``, unless its place has one already."""
        self._by_place.setdefault(problem.where, problem)

    def at(self, where: str) -> bool:
        """Tell whether anything is wrong at this place."""
        return where in self._by_place

    def __len__(self) -> int:
        return len(self._by_place)

    def raise_any(self) -> None:
        """Raise ConfigurationProblems if there are any."""
        if self._by_place:
            raise ConfigurationProblems(sorted(self._by_place.values(), key=_line), self.path)


def _line(problem: Problem) -> tuple[str, int]:
    found = _PLACE.match(problem.where)
    return (found[1], int(found[2])) if found else (problem.where, 0)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a remedy that names the known word most like ``word``, or all of them where none is alike."""
    names = sorted(known)
    like = difflib.get_close_matches(word[:100], names, n=1, cutoff=0.6)
    if like:
        return f"did you mean {like[0]!r}?"
    return f"use one of: {', '.join(names)}" if names else "remove it"


def unknown_key(key: str, where: str, known: Iterable[str]) -> Problem:
    """Return the problem of a key that nothing reads; its value is not shown, for it may be a misspelt secret's."""
    return Problem(where, f"unknown key {without_credentials(key)[:100]!r}", nearest(key, known))


def without_credentials(text: str) -> str:
    """Return ``text`` without the userinfo and query that an address may carry."""
    head, _, tail = text.rpartition("@")
    text = f"***@{tail}" if head or text.startswith("@") else text
    address, mark, _ = text.partition("?")
    return f"{address}?***" if mark else text
