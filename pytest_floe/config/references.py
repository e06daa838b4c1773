"""References ``${env:NAME}`` and ``${file:PATH}`` in values of the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_REFERENCE = re.compile(r"\$\{(env|file):([^}]*)\}")
_LARGEST = 1 << 20


class Unresolved(Exception):  # noqa: N818 - what happened, not a defect of the program
    """A reference that leads nowhere; carries what is wrong and the remedy."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def has_reference(text: str) -> bool:
    """Tell whether ``text`` refers to anything."""
    return bool(_REFERENCE.search(text))


def is_reference(text: str) -> bool:
    """Tell whether ``text`` is one reference and nothing else, as a credential must be."""
    return bool(_REFERENCE.fullmatch(text.strip()))


def resolve(text: str, environ: Mapping[str, str], folder: Path) -> str:
    """Return ``text`` with every reference replaced; files are relative to ``folder``.

    Raises Unresolved if a variable is not set or empty, or a file can't be read or is empty.
    """

    def value(match: re.Match[str]) -> str:
        source, name = match.groups()
        return _variable(name, environ) if source == "env" else _file(name, folder)

    return _REFERENCE.sub(value, text)


def _variable(name: str, environ: Mapping[str, str]) -> str:
    found = environ.get(name)
    if not found:
        state = "is empty" if name in environ else "is not set"
        raise Unresolved(f"environment variable {name} {state}", f"set {name} where pytest runs")
    return found


def _file(name: str, folder: Path) -> str:
    path = folder / name
    try:
        with path.open(encoding="utf-8") as stream:
            text = stream.read(_LARGEST)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise Unresolved(f"file {path} can't be read ({reason})", "create it, or correct the path") from error
    if not text.strip():
        raise Unresolved(f"file {path} is empty", "write the value into it")
    return text.rstrip("\r\n")
