"""Keeping secret values out of everything that is written."""

from __future__ import annotations

import re
import threading
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

from pytest_floe.encodings import encodings

MASK = "***"
WEAK_BELOW = 8
_SHORTEST_LINE = 16
_PIECE = 6  # characters; less is not worth hiding, and found in any text
_BEGINNING = 16  # characters; so much of a secret's beginning betrays it, wherever it was cut off
#: Where a text was shortened, a secret may have been cut in two.
_CUT = re.compile(r"\.\.\.|…|\Z")


class Scrubber:
    """Replaces known secret values, in every encoding they travel in, by ``***``.

    A *weak* secret (shorter than 8 characters, or part of a text that is public anyway) can't be told from
    ordinary text, so it is replaced at word boundaries of free text only.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._strong: set[str] = set()
        self._weak: set[str] = set()
        self._public: set[str] = set()
        self._forms: tuple[str, ...] = ()
        self._cores: list[str] = []
        self._grams: set[str] = set()
        self._longest = 0
        self._patterns: tuple[re.Pattern[str] | None, re.Pattern[str] | None] = (None, None)
        self._beginnings: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Register a secret value; empty ones are ignored, multi-line ones are registered line by line too."""
        lines = [line.strip() for line in secret.splitlines()]
        values = {secret, secret.strip(), *(line for line in lines if len(line) >= _SHORTEST_LINE)} - {""}
        with self._lock:
            self._strong |= {value for value in values if not self._looks_weak(value)}
            self._weak |= {value for value in values if self._looks_weak(value)}
            self._compile()

    def declare_public(self, texts: Iterable[str]) -> None:
        """Register texts that are shown as not secret; what they contain can't be kept secret."""
        with self._lock:
            self._public |= set(texts)
            self._weak |= {value for value in self._strong if self._looks_weak(value)}
            self._strong -= self._weak
            self._compile()

    def is_weak(self, secret: str) -> bool:
        """Tell whether ``secret`` is registered as weak."""
        return secret in self._weak

    def scrub(self, text: str) -> str:
        """Mask every secret in free text, and what is left of one where the text was shortened."""
        _, weak = self._patterns
        text = self._without_pieces(self._without_beginnings(self.scrub_strong(text)))
        return weak.sub(MASK, text) if weak else text

    def scrub_strong(self, text: str) -> str:
        """Mask the secrets that can't be mistaken for public values, in text that is structured already."""
        strong, _ = self._patterns
        return strong.sub(MASK, text) if strong else text

    def scrub_data(self, data: Any) -> Any:
        """Return a copy of JSON-like ``data`` with its strings scrubbed; keys and public values stay."""
        if isinstance(data, str):
            return data if data in self._public else self.scrub(data)
        if isinstance(data, dict):
            return {key: self.scrub_data(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.scrub_data(value) for value in data]
        return data

    def leaks(self, text: str) -> bool:
        """Tell whether ``text`` holds a strong secret in any encoding."""
        strong, _ = self._patterns
        return bool(strong and strong.search(text))

    def holds_secret(self, text: str) -> bool:
        """Tell the same as ``leaks``, of a text of megabytes in less time."""
        return any(form in text for form in self._cores)

    def is_public(self, text: str) -> bool:
        """Tell whether ``text`` is registered as shown."""
        return text in self._public

    def _without_beginnings(self, text: str) -> str:
        """Mask what is left of a secret that was cut off without a sign, as servers and drivers do, too."""
        kept, done = [], 0
        for found in self._beginnings.finditer(text) if self._beginnings else ():
            start = found.start()
            end = start + max(_agreeing(form, text[start : start + len(form)]) for form in self._forms)
            if start >= done and not self._is_public(text[start:end]):
                kept += [text[done:start], MASK]
                done = end
        return "".join([*kept, text[done:]])

    def _without_pieces(self, text: str) -> str:
        pieces = [piece for cut in _CUT.finditer(text) for piece in self._pieces(text, *cut.span())]
        for start, end in reversed(pieces):
            if start < end and not self._is_public(text[start:end]):
                text = text[:start] + MASK + text[end:]
        return text

    def _pieces(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield where a secret begins just before the cut from ``start`` to ``end``, and where one ends after it."""
        if text[max(0, start - _PIECE) : start] in self._grams:
            head = text[max(0, start - self._longest) : start]
            yield start - max(_overlap(head, form) for form in self._forms), start
        if start < end and text[end : end + _PIECE] in self._grams:
            tail = text[end : end + self._longest]
            yield end, end + max(_overlap(form, tail) for form in self._forms)

    def _looks_weak(self, value: str) -> bool:
        return len(value) < WEAK_BELOW or self._is_public(value)

    def _is_public(self, value: str) -> bool:
        return any(value in public for public in self._public)

    def _compile(self) -> None:
        strong = {form for value in self._strong for form in encodings(value)}
        weak = {form for value in self._weak for form in (value, urllib.parse.quote(value, safe=""))}
        self._forms = tuple(strong)
        self._cores = _without_longer(strong)
        self._longest = max(map(len, strong), default=0)
        self._grams = {form[i : i + _PIECE] for form in strong for i in range(len(form) - _PIECE + 1)}
        self._beginnings = _alternation({form[:_BEGINNING] for form in strong if len(form) > _BEGINNING})
        self._patterns = (_alternation(strong), _alternation(weak, r"(?<![\w])(?:", r")(?![\w])"))


def _overlap(before: str, after: str) -> int:
    """Return how many characters at the end of ``before`` are the beginning of ``after``, at least six; else 0."""
    longest = min(len(before), len(after) - 1)
    return next((n for n in range(longest, _PIECE - 1, -1) if before.endswith(after[:n])), 0)


def _agreeing(one: str, other: str) -> int:
    """Return how many characters both begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _without_longer(forms: set[str]) -> list[str]:
    """Return those that hold none of the others: who finds none of them finds none at all."""
    cores: list[str] = []
    for form in sorted(forms, key=len):
        if not any(core in form for core in cores):
            cores.append(form)
    return cores


def _alternation(values: set[str], before: str = "(?:", after: str = ")") -> re.Pattern[str] | None:
    if not values:
        return None
    longest_first = sorted(values, key=lambda value: (-len(value), value))
    return re.compile(before + "|".join(map(re.escape, longest_first)) + after)
