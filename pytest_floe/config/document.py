"""YAML that remembers on which line each value stands, so that a mistake can be pointed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from pytest_floe.config.problems import Problem

_DEEPEST = 50


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


def parse(text: str, name: str) -> tuple[Node | None, list[Problem]]:
    """Parse YAML ``text`` of file ``name``; None with the problems where it can't be read at all."""
    builder = _Builder(text, name)
    try:
        root = builder.loader.get_single_node()
        node = builder.build(root, ()) if root is not None else Node({}, name)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        said = ", ".join(filter(None, (error.context, error.problem)))
        return None, [Problem(f"{name}{line}", f"not YAML: {said}", "correct the syntax there")]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        return None, [Problem(name, f"not YAML: {said}", "correct the syntax there")]
    finally:
        builder.loader.dispose()
    return node, builder.problems


class _Builder:
    def __init__(self, text: str, name: str) -> None:
        self.loader = yaml.SafeLoader(text)
        self.name = name
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: tuple[str, ...]) -> Node:
        if len(path) > _DEEPEST:
            raise ValueError("nested too deeply")
        where = f"{self.name}:{node.start_mark.line + 1}: {'.'.join(path)}".rstrip(": ")
        if isinstance(node, yaml.MappingNode):
            return Node(self._mapping(node, path), where)
        if isinstance(node, yaml.SequenceNode):
            return Node([self.build(item, (*path, str(index))) for index, item in enumerate(node.value)], where)
        return Node(self.loader.construct_object(node), where)

    def _mapping(self, node: yaml.MappingNode, path: tuple[str, ...]) -> dict[str, Node]:
        self._find_duplicates(node, path)
        self.loader.flatten_mapping(node)
        return {str(key.value): self.build(value, (*path, str(key.value))) for key, value in node.value}

    def _find_duplicates(self, node: yaml.MappingNode, path: tuple[str, ...]) -> None:
        first: dict[str, int] = {}
        for key, _ in node.value:
            line, word = key.start_mark.line + 1, str(key.value)
            if word in first and word != "<<":
                where = f"{self.name}:{line}: {'.'.join((*path, word))}"
                self.problems.append(Problem(where, f"given twice, first on line {first[word]}", "keep one of them"))
            first.setdefault(word, line)
