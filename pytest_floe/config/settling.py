"""From a draft to a target: references resolved, gaps filled by the SDK's variables, settings validated."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from pytest_floe import registry
from pytest_floe.config import display, sdk_variables
from pytest_floe.config.document import Node, Nodes
from pytest_floe.config.drafts import Draft
from pytest_floe.config.keys import Key, keys_of
from pytest_floe.config.layers import find_clear
from pytest_floe.config.preflight import PreflightConfig
from pytest_floe.config.problems import Problem, Problems, unknown_key
from pytest_floe.config.references import Resolver
from pytest_floe.config.targets import Target
from pytest_floe.settings import FOLDER, Settings


class Settling:
    """Turns drafts of ``environment`` into targets."""

    def __init__(self, environment: str, resolver: Resolver, problems: Problems) -> None:
        self.environment = environment
        self.resolver = resolver
        self.problems = problems

    def check_flat(self, nodes: Nodes) -> None:
        """Validate the flat fields as PreflightConfig has them."""
        values = {name: self.resolved(node) for name, node in nodes.items()}
        try:
            PreflightConfig.model_validate(values)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                node = _descend(nodes, detail["loc"])
                self.problems.add(_problem(dict(detail), node, node.where if node else ""))

    def target(self, draft: Draft) -> Target | None:
        """Return the target; None if there is none for its mistakes."""
        before = len(self.problems)
        model = registry.find(draft.kind).settings
        keys = keys_of(model)
        given = {name: node for name, node in draft.values.items() if not _blank(node, keys.get(name))}
        values = {name: self._value(node, keys.get(name)) for name, node in given.items()}
        filled = sdk_variables.fill(model, values, self.resolver.environ)
        nodes = given | filled
        values |= {name: self._of_variable(node, keys[name]) for name, node in filled.items()}
        self._find_empty_address(model, values, draft)
        settings = self._validated(model, values, draft, nodes, sound=len(self.problems) == before)
        if settings is None:
            return None
        shown = {name: str(node.plain()) for name, node in nodes.items()}
        origins = {name: node.where for name, node in nodes.items()}
        return Target(self.environment, draft.service, draft.kind, draft.name, settings, shown, origins)

    def _find_empty_address(self, model: type[Settings], values: Mapping[str, Any], draft: Draft) -> None:
        name = model.defining
        if name is not None and values.get(name) == "":
            self.problems.add(Problem(draft.place(name), "is empty", _ways(name, keys_of(model)[name])))

    def resolved(self, node: Node) -> Any:
        """Return a node's value with its references resolved."""
        if isinstance(node.value, dict):
            return {name: self.resolved(inner) for name, inner in node.value.items()}
        if isinstance(node.value, list):
            return [self.resolved(inner) for inner in node.value]
        if not isinstance(node.value, str):
            return node.value
        text, problems = self.resolver.resolve(node.value, node.where)
        for problem in problems:
            self.problems.add(problem)
        return text

    def _value(self, node: Node, key: Key | None) -> Any:
        if key is None:
            return node.value  # the model names it as unknown
        if key.secret:
            find_clear(node, self.problems)
            return _secret(self.resolved(node))
        value = self.resolved(node)
        return self._file(value, node, self.resolver.folder) if key.file and isinstance(value, str) else value

    def _of_variable(self, node: Node, key: Key) -> Any:
        return self._file(node.value, node, Path.cwd()) if key.file else node.value

    def _file(self, name: str, node: Node, folder: Path) -> Path:
        path = folder / os.path.expanduser(name)  # noqa: PTH111 - joined at once
        if not os.path.isfile(path):  # noqa: PTH113 - unlike Path.is_file, never raises
            said = f"there is no file {display.shown(node, str(path))}"
            self.problems.add(Problem(node.where, said, "create it, or correct the path"))
        elif not os.access(path, os.R_OK):
            said = f"file {display.shown(node, str(path))} can't be read"
            self.problems.add(Problem(node.where, said, "correct its permissions"))
        return path

    def _validated(
        self, model: type[Settings], values: dict[str, Any], draft: Draft, nodes: Nodes, *, sound: bool
    ) -> Settings | None:
        try:
            return model.model_validate(values, context={FOLDER: self.resolver.folder})
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                if detail["loc"] or sound:  # rules over several keys say nothing certain about broken values
                    self._add(dict(detail), draft, nodes, keys_of(model))
            return None

    def _add(self, detail: dict[str, Any], draft: Draft, nodes: Nodes, keys: Mapping[str, Key]) -> None:
        name = str(detail["loc"][0]) if detail["loc"] else ""
        node = _descend(nodes, detail["loc"])
        where = node.where if node else draft.place(name) if name else draft.where
        if detail["type"] == "extra_forbidden":
            self.problems.add(unknown_key(name, where, keys))
        elif detail["type"] == "missing":
            self.problems.add(Problem(where, "is missing", _ways(name, keys[name])))
        else:
            self.problems.add(_problem(detail, node, where))


def _blank(node: Node, key: Key | None) -> bool:
    """Tell whether a key is there and says nothing; an empty text is a value, but no file and no credential."""
    return node.value is None or (node.value == "" and key is not None and (key.secret or key.file))


def _secret(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _secret(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_secret(inner) for inner in value]
    return value if isinstance(value, SecretStr | None) else SecretStr(str(value))


def _descend(nodes: Nodes, path: Iterable[int | str]) -> Node | None:
    """Return the node that pydantic's ``path`` leads to, as far as there are nodes."""
    found: Node | None = None
    inner: Any = nodes
    for step in path:
        if isinstance(inner, dict):
            found = inner.get(str(step), found)
        elif isinstance(inner, list) and isinstance(step, int) and step < len(inner):
            found = inner[step]
        else:
            break
        inner = found.value if found else None
    return found


def _problem(detail: dict[str, Any], node: Node | None, where: str) -> Problem:
    """Turn an error of pydantic into a problem with value and remedy; a secret is a SecretStr here, and not shown."""
    said = str(detail["msg"]).removeprefix("Value error, ")
    message, _, remedy = said.partition(": ")
    if detail["type"] == "value_error" and not detail["loc"]:
        return Problem(where, message, remedy or "correct it")
    value = display.shown(node, detail.get("input"))
    if detail["type"] == "value_error":
        return Problem(where, f"{value} {message}", remedy or "correct it")
    must = said.replace("Input should", "it must", 1).partition(", unable to parse")[0].replace("valid tuple", "list")
    quotes = (
        " (put it in quotes)" if detail["type"] == "string_type" and isinstance(detail["input"], int | float) else ""
    )
    return Problem(where, f"{value} does not fit", f"{must[:1].lower()}{must[1:]}{quotes}")


def _ways(name: str, key: Key) -> str:
    return f"set {name}" + (f", or {' or '.join(key.variables)} in the environment" if key.variables else "")
