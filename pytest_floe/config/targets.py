"""From a draft to a target: references resolved, gaps filled from the SDK's environment, settings validated."""

from __future__ import annotations

import os
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from pytest_floe import registry
from pytest_floe.config import references
from pytest_floe.config.document import Node
from pytest_floe.config.drafts import Draft
from pytest_floe.config.problems import Problem, nearest
from pytest_floe.settings import ENVIRONMENT_KEY, Settings

MASK = "********"
_REMEDIES = {
    "missing": "set it",
    "literal_error": "use one of the values it takes",
    "greater_than_equal": "use a value in range",
    "less_than_equal": "use a value in range",
}


@dataclass(frozen=True)
class Target:
    """One service of one environment with its settings.

    ``shown`` maps each given key to what may be displayed (a secret as its reference) and ``origins`` to where
    it came from.
    """

    environment: str
    service: str
    kind: str
    name: str
    settings: Settings
    shown: Mapping[str, str]
    origins: Mapping[str, str]

    @property
    def id(self) -> str:
        """ENV-SERVICE-NAME, the same wherever the plugin is installed."""
        return f"{self.environment}-{self.service}-{self.name}"

    @property
    def plan(self) -> registry.Plan:
        """What its check would touch."""
        return registry.find(self.kind).plan(self.settings)

    def secrets(self) -> dict[str, str]:
        """Return the secret values by key."""
        values = ((key, getattr(self.settings, key)) for key in type(self.settings).model_fields)
        return {key: value.get_secret_value() for key, value in values if isinstance(value, SecretStr)}

    def public_values(self) -> Iterator[str]:
        """Yield every text that the configuration shows as not secret."""
        yield from (self.environment, self.service, self.kind, self.name)
        for value in self.settings.model_dump().values():
            if isinstance(value, str | Path):
                yield str(value)


class Settling:
    """Turns drafts into targets; mistakes go to ``problems``. ``folder`` is what relative paths are relative to."""

    def __init__(self, environment: str, environ: Mapping[str, str], folder: Path) -> None:
        self.environment = environment
        self.environ = environ
        self.folder = folder
        self.problems: list[Problem] = []

    def target(self, draft: Draft) -> Target | None:
        """Return the target, or None if the draft has mistakes."""
        before = len(self.problems)
        model = registry.find(draft.kind).settings
        secret = {key for key, field in model.model_fields.items() if _holds_secret(field.annotation)}
        given = {key: node for key, node in draft.values.items() if node.value is not None}
        values = {key: self._value(node, secret=key in secret) for key, node in given.items()}
        filled = self._from_environment(model, given, secret)
        settings = self._validated(model, values | {key: value for key, (value, _) in filled.items()}, draft, secret)
        if settings is None or len(self.problems) > before:
            return None
        shown = {key: _shown(node, secret=key in secret) for key, node in given.items()}
        shown |= {key: MASK if key in secret else value for key, (value, _) in filled.items()}
        origins = {key: node.where for key, node in given.items()}
        origins |= {key: f"environment variable {name}" for key, (_, name) in filled.items()}
        return Target(self.environment, draft.service, draft.kind, draft.name, settings, shown, origins)

    def plain(self, node: Node) -> Any:
        """Return a node's value with its references resolved."""
        return self._value(node, secret=False)

    def _value(self, node: Node, *, secret: bool) -> Any:
        if isinstance(node.value, dict):
            return {key: self._value(inner, secret=secret) for key, inner in node.value.items()}
        if isinstance(node.value, list):
            return [self._value(inner, secret=secret) for inner in node.value]
        if isinstance(node.value, SecretStr):
            return node.value
        if secret and not references.is_reference(str(node.value)):
            remedy = 'refer to it: "${env:NAME}" or "${file:PATH}"'
            self.problems.append(Problem(node.where, "holds a credential in clear", remedy))
            return SecretStr(str(node.value))
        return self._resolved(node) if isinstance(node.value, str) else node.value

    def _resolved(self, node: Node) -> str:
        try:
            return references.resolve(node.value, self.environ, self.folder)
        except references.Unresolved as error:
            problem = Problem(node.where, f"{node.value}: {error.message}", error.remedy, "missing_credentials")
            self.problems.append(problem)
            return ""

    def _from_environment(
        self, model: type[Settings], given: Mapping[str, Node], secret: set[str]
    ) -> dict[str, tuple[str, str]]:
        """Return what the SDK's variables add, as key -> (value, variable); never a second set of credentials."""
        has_credentials = bool(secret & set(given))
        filled = {}
        for key, field in model.model_fields.items():
            if key in given or (key in secret and has_credentials):
                continue
            extra = field.json_schema_extra
            names = extra.get(ENVIRONMENT_KEY, []) if isinstance(extra, dict) else []
            name = next((n for n in typing.cast("list[str]", names) if self.environ.get(n)), None)
            if name:
                filled[key] = (self.environ[name], name)
        return filled

    def _validated(
        self, model: type[Settings], values: dict[str, Any], draft: Draft, secret: set[str]
    ) -> Settings | None:
        mistaken = {problem.where for problem in self.problems}
        try:
            settings = model.model_validate(self._absolute(model, values))
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                problem = problem_of(dict(detail), draft.values, draft.where, model.model_fields, secret)
                if problem.where not in mistaken:
                    self.problems.append(problem)
            return None
        self._find_missing_files(settings, draft)
        return settings

    def _absolute(self, model: type[Settings], values: dict[str, Any]) -> dict[str, Any]:
        return {
            key: self.folder / os.path.expanduser(value)  # noqa: PTH111 - joined at once
            if isinstance(value, str) and value and key in model.model_fields and _is_path(model, key)
            else value
            for key, value in values.items()
        }

    def _find_missing_files(self, settings: Settings, draft: Draft) -> None:
        for key in type(settings).model_fields:
            path = getattr(settings, key)
            if key.endswith("_file") and isinstance(path, Path) and not os.access(path, os.R_OK):
                where = _place(key, draft.values, draft.where)
                state = "can't be read" if path.exists() else "does not exist"
                self.problems.append(Problem(where, f"file {path} {state}", "create it, or correct the path"))


def problem_of(
    detail: dict[str, Any], nodes: Mapping[str, Node], where: str, known: typing.Iterable[str], secret: set[str]
) -> Problem:
    """Turn one error of pydantic into a problem with place, value (unless secret) and remedy."""
    key = str(detail["loc"][0]) if detail["loc"] else ""
    place = _place(key, nodes, where) if key else where
    if detail["type"] == "extra_forbidden":
        return Problem(place, f"unknown key {key!r}", nearest(key, known))
    said = str(detail["msg"]).removeprefix("Value error, ")
    if not key or detail["type"] == "missing":
        message, _, remedy = said.partition(": ")
        return Problem(place, message, remedy or _REMEDIES.get(detail["type"], "correct it"))
    value = "the value" if key in secret else repr(detail.get("input"))[:120]
    message, _, remedy = said.partition(": ")
    if detail["type"] == "value_error":
        return Problem(place, f"{value} {message}", remedy or "correct it")
    return Problem(place, f"{value} does not fit", f"{said[0].lower()}{said[1:]}")


def _place(key: str, nodes: Mapping[str, Node], where: str) -> str:
    return nodes[key].where if key in nodes else f"{where}.{key}"


def _shown(node: Node, *, secret: bool) -> str:
    if isinstance(node.value, SecretStr) or (secret and not references.is_reference(str(node.value))):
        return MASK
    return str(node.plain())


def _holds_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_holds_secret(part) for part in typing.get_args(annotation))


def _is_path(model: type[Settings], key: str) -> bool:
    annotation = model.model_fields[key].annotation
    return annotation is Path or Path in typing.get_args(annotation)
