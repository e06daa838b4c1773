"""What a path may change in the answers of a real server, for ``Tamper`` (path.py)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.faults.path import Change
from tests.faults.server import Answer, Request


def edited(**changes: Any) -> Change:
    """The real JSON object with other values; ``None`` leaves a key out."""

    def change(_: Request, real: Callable[[], Answer]) -> Answer:
        told = json.loads(_plain(real()).content) | changes
        return Answer(200, {key: value for key, value in told.items() if value is not None})

    return change


def swapped(old: bytes, new: bytes) -> Change:
    """The real answer with ``new`` wherever it says ``old``."""

    def change(_: Request, real: Callable[[], Answer]) -> Answer:
        told = _plain(real())
        return replace(told, body=told.content.replace(old, new))

    return change


def headed(headers: dict[str, str]) -> Change:
    """The real answer with other headers."""

    def change(_: Request, real: Callable[[], Answer]) -> Answer:
        told = real()
        return replace(told, headers={**told.headers, **headers})

    return change


def prolonged(_: Request, real: Callable[[], Answer]) -> Answer:
    """The real answer, whole, and blanks after it without end."""
    told = _plain(real())
    return replace(told, body=b" " * 65536, opening=told.content, endless=True)


def _plain(answer: Answer) -> Answer:
    """Return ``answer`` as it was before it was compressed."""
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-encoding"}
    packed = len(headers) < len(answer.headers)
    return replace(answer, body=gzip.decompress(answer.content), headers=headers) if packed else answer
