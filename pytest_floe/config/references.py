"""References ``${env:NAME}`` and ``${file:PATH}`` in values of the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pytest_floe.config.problems import Problem

_REFERENCE = re.compile(r"\$\{(env|file):([^}]*)\}")
_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_LARGEST = 1 << 20
SYNTAX = '"${env:NAME}" or "${file:PATH}"'


class _Unresolved(Exception):  # noqa: N818 - what happened, not a defect of the program
    pass


def is_reference(text: str) -> bool:
    """Tell whether ``text`` is one reference and nothing else, as a credential must be."""
    return bool(_REFERENCE.fullmatch(text.strip()))


def has_reference(text: str) -> bool:
    """Tell whether ``text`` refers to anything."""
    return "${" in text


class Resolver:
    """Replaces references by what they refer to; relative paths are relative to ``folder``."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self.environ = environ
        self.folder = folder

    def resolve(self, text: str, where: str) -> tuple[str, list[Problem]]:
        """Return ``text`` with every reference replaced, and what is wrong with those that can't be.

        A variable that is not set or empty, and a file that can't be read or is empty, is a problem.
        """
        problems = []

        def value(match: re.Match[str]) -> str:
            source, name = match.groups()
            try:
                return self._variable(name.strip()) if source == "env" else self._file(name.strip())
            except _Unresolved as error:
                message, remedy = error.args
                problems.append(Problem(where, f"{match[0]}: {message}", remedy, "missing_credentials"))
                return ""

        if "${" in _REFERENCE.sub("", text):
            problems.append(Problem(where, "holds `${` that begins no reference", f"write {SYNTAX}"))
        resolved = _REFERENCE.sub(value, text)
        return resolved, problems

    def _variable(self, name: str) -> str:
        if not _VARIABLE.match(name):
            raise _Unresolved("not the name of a variable", "write ${env:NAME}; there are no defaults")
        found = self.environ.get(name)
        if not found or not found.strip():
            state = "is empty" if name in self.environ else "is not set"
            raise _Unresolved(f"environment variable {name} {state}", f"set {name} where pytest runs")
        return found

    def _file(self, name: str) -> str:
        path = self.folder / name
        try:
            with path.open(encoding="utf-8") as stream:
                text = stream.read(_LARGEST)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise _Unresolved(f"file {path} can't be read ({reason})", "create it, or correct the path") from error
        if not text.strip():
            raise _Unresolved(f"file {path} is empty", "write the value into it")
        return text.rstrip("\r\n")
