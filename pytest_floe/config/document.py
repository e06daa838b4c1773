"""YAML that remembers on which line each value stands, so that a mistake can be pointed at.

Plain words mean what YAML 1.2's core schema says: ``no``, ``12:30`` and ``2026-01-31`` are text, as a reader expects.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from pytest_floe.config.problems import Problem, without_credentials

_DEEPEST = 50
_MOST_NODES = 50_000  # aliases of aliases can stand for billions of values
_LONGEST_KEY = 60
_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
#: What PyYAML quotes from the file in its messages; it may be part of a credential. Token names look like '<scalar>'.
_QUOTED = re.compile(r"'([^'<>]*)'")


@dataclass(frozen=True)
class Node:
    """A value with its place: ``value`` is a scalar, a dict of nodes or a list of nodes."""

    value: Any
    where: str

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


Nodes = dict[str, Node]


def as_node(value: Any, where: str) -> Node:
    """Wrap plain data that came from elsewhere than YAML; ``where`` is the place of the whole."""
    if isinstance(value, dict):
        return Node({str(key): as_node(item, f"{where}.{key}") for key, item in value.items()}, where)
    if isinstance(value, list | tuple):
        return Node([as_node(item, f"{where}[{index}]") for index, item in enumerate(value)], where)
    return Node(value, where)


def parse(text: str, name: str) -> tuple[Node | None, list[Problem]]:
    """Parse YAML ``text`` of file ``name``; None with the problems where it can't be read at all."""
    try:
        builder = _Builder(name)
        return builder.read(text), builder.problems
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        said = ", ".join(filter(None, (error.context, error.problem)))
        problem = Problem(
            f"{name}{line}", f"not YAML: {_QUOTED.sub(_unquoted, said)}", "correct the syntax, or add quotes"
        )
    except yaml.YAMLError as error:
        said = getattr(error, "reason", "can't be read")
        problem = Problem(name, f"not YAML: {said}", "correct the file")
    except (_TooMuch, RecursionError):
        problem = Problem(name, "nested too deeply, or aliases without end", "write it out plainly")
    return None, [problem]


class _TooMuch(Exception):  # noqa: N818 - never leaves this module
    pass


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+0123456789.")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"^(?:{_pattern})$"), _first)


def _integer(text: str) -> int:
    return int(text, 0 if text[:2] in ("0o", "0x") else 10)


_SCALARS: dict[str, Callable[[str], Any]] = {
    f"{_TAG}null": lambda _: None,
    f"{_TAG}bool": lambda text: {"true": True, "false": False}[text.lower()],
    f"{_TAG}int": _integer,
    f"{_TAG}float": float,
    f"{_TAG}str": str,
}


class _Builder:
    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.nodes = 0

    def read(self, text: str) -> Node:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
        return Node({}, self.name) if root is None else self.build(root, "", 0)

    def build(self, node: yaml.Node, path: str, depth: int, key: yaml.Node | None = None) -> Node:
        self.nodes += 1
        if depth > _DEEPEST or self.nodes > _MOST_NODES:
            raise _TooMuch
        where = self._place(key or node, path)  # a value may begin on another line than its key
        if isinstance(node, yaml.MappingNode):
            return Node(self._mapping(node, path, depth), where)
        if isinstance(node, yaml.SequenceNode):
            items = (self.build(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value))
            return Node(list(items), where)
        return Node(self._scalar(node, where), where)

    def _place(self, node: yaml.Node, path: str) -> str:
        return f"{self.name}:{node.start_mark.line + 1}: {path}".rstrip(": ")

    def _scalar(self, node: yaml.Node, where: str) -> Any:
        construct = _SCALARS.get(node.tag)
        try:
            if construct:
                return construct(node.value)
        except (ValueError, KeyError):
            pass
        self.problems.append(Problem(where, "has a YAML tag that does not fit, or is too long a number", "add quotes"))
        return None

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> Nodes:
        merged: Nodes = {}
        own: Nodes = {}
        first: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                merged = {**self._merged(value, path, depth), **merged}
            elif (word := self._key(key, path)) is not None:
                below = f"{path}.{_printable(word)}".lstrip(".")
                self._find_duplicate(first, word, key.start_mark.line + 1, below)
                own[word] = self.build(value, below, depth + 1, key)
        return merged | own

    def _merged(self, node: yaml.Node, path: str, depth: int) -> Nodes:
        """Return what ``<<:`` brings in; of several mappings the first wins."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: Nodes = {}
        for part in parts:
            built = self.build(part, path, depth + 1)
            if not isinstance(built.value, dict):
                self.problems.append(Problem(f"{built.where}.<<", "merges what is not a mapping", "correct the alias"))
                continue
            merged = {**built.value, **merged}
        return merged

    def _key(self, key: yaml.Node, path: str) -> str | None:
        if isinstance(key, yaml.ScalarNode):
            return str(key.value)
        self.problems.append(Problem(self._place(key, path), "a key is not a plain word", "write `key: value`"))
        return None

    def _find_duplicate(self, first: dict[str, int], word: str, line: int, path: str) -> None:
        if word in first:
            said = f"{path} is given twice, first on line {first[word]}"
            self.problems.append(Problem(f"{self.name}:{line}", said, "keep one of them"))
        first.setdefault(word, line)


def _unquoted(match: re.Match[str]) -> str:
    return match[0] if len(match[1]) == 1 else "…"


def _printable(key: str) -> str:
    key = without_credentials(key)
    return key if key.isprintable() and len(key) <= _LONGEST_KEY else repr(key[:_LONGEST_KEY])
