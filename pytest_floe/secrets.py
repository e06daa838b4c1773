"""Keeping secret values out of everything that is written."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
import urllib.parse
from collections.abc import Iterable
from typing import Any

MASK = "***"
WEAK_BELOW = 8
_SHORTEST_ENCODED = 8


class Scrubber:
    """Replaces known secret values, in every encoding they travel in, by ``***``.

    A *weak* secret (shorter than 8 characters, or equal to a value that is public anyway) can't be told from
    ordinary text, so it is replaced at word boundaries of free text only.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._strong: set[str] = set()
        self._weak: set[str] = set()
        self._public: set[str] = set()
        self._patterns: tuple[re.Pattern[str] | None, re.Pattern[str] | None] = (None, None)

    def add(self, secret: str) -> None:
        """Register a secret value; empty ones are ignored, multi-line ones are registered line by line too."""
        lines = [line for line in secret.splitlines() if len(line) >= 2 * WEAK_BELOW]
        values = {secret, secret.strip(), *(lines if len(lines) > 1 else ())} - {""}
        with self._lock:
            self._strong |= {value for value in values if not self._looks_weak(value)}
            self._weak |= {value for value in values if self._looks_weak(value)}
            self._compile()

    def declare_public(self, values: Iterable[str]) -> None:
        """Register values that the configuration shows as not secret."""
        with self._lock:
            self._public |= set(values)
            self._weak |= {value for value in self._strong if self._looks_weak(value)}
            self._strong -= self._weak
            self._compile()

    def is_weak(self, secret: str) -> bool:
        """Tell whether ``secret`` is registered as weak."""
        return secret in self._weak

    def scrub(self, text: str) -> str:
        """Mask every secret in free text."""
        strong, weak = self._patterns
        text = strong.sub(MASK, text) if strong else text
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

    def _looks_weak(self, value: str) -> bool:
        return len(value) < WEAK_BELOW or value in self._public

    def _compile(self) -> None:
        strong = {form for value in self._strong for form in _encodings(value)}
        weak = {form for value in self._weak for form in (value, urllib.parse.quote(value, safe=""))}
        self._patterns = (_alternation(strong), _alternation(weak, r"(?<![\w])(?:", r")(?![\w])"))


def _alternation(values: set[str], before: str = "(?:", after: str = ")") -> re.Pattern[str] | None:
    if not values:
        return None
    longest_first = sorted(values, key=lambda value: (-len(value), value))
    return re.compile(before + "|".join(map(re.escape, longest_first)) + after)


def _encodings(value: str) -> set[str]:
    as_json = json.dumps(value)[1:-1]
    forms = {
        value,
        as_json,
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(as_json)[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        urllib.parse.quote(value),
        urllib.parse.quote(value, safe=""),
        urllib.parse.quote_plus(value),
    }
    forms |= {form for alphabet in (b"+/", b"-_") for form in _base64_forms(value.encode(), alphabet)}
    return {form for form in forms if form}


def _base64_forms(value: bytes, alphabet: bytes) -> set[str]:
    """Return what of ``value`` is seen in base64 text, wherever in the encoded bytes it begins (RFC 4648, 4)."""
    forms = set()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + value, altchars=alphabet).decode().rstrip("=")
        first = -(-offset * 8 // 6)
        last = (offset + len(value)) * 8 // 6
        forms.add(encoded[first:last])
    return {form for form in forms if len(form) >= _SHORTEST_ENCODED}
