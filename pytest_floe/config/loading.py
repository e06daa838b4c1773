"""From ``--floe-env`` to a validated configuration: find the file, lay the layers, build the targets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_floe.config import artifacts
from pytest_floe.config.document import Node, parse
from pytest_floe.config.drafts import Drafting, Nodes, as_nodes, merge
from pytest_floe.config.preflight import PreflightConfig
from pytest_floe.config.problems import ConfigurationProblems, Problem, nearest
from pytest_floe.config.targets import Settling, Target, problem_of

FILE_NAME = "floe.yaml"
LOCAL = "local"
_ROOT_KEYS = ("defaults", "environments")


@dataclass(frozen=True)
class Configuration:
    """A validated environment: its targets, dependencies first, and what they were read from."""

    environment: str
    path: Path | None
    targets: tuple[Target, ...]

    @property
    def sha256(self) -> str:
        """Digest of the resolved values, secrets as their references."""
        shown = {target.id: dict(target.shown) | {"kind": target.kind} for target in self.targets}
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def find_file(given: str | None, rootdir: Path, invoked_from: Path) -> Path | None:
    """Return the configuration file: as given, else floe.yaml in ``rootdir`` or the nearest folder above it.

    Raises ConfigurationProblems if a file was given and is not there.
    """
    if given:
        path = invoked_from / given
        if not path.is_file():
            problem = Problem(str(path), "there is no such file", "correct --floe-config", "config_not_found")
            raise ConfigurationProblems([problem], str(path))
        return path
    return next((f / FILE_NAME for f in (rootdir, *rootdir.parents) if (f / FILE_NAME).is_file()), None)


def defines(path: Path | None, environment: str) -> bool:
    """Tell whether the file at ``path`` has its own ``environment``; a broken file has none."""
    try:
        node = parse(path.read_text(encoding="utf-8"), path.name)[0] if path else None
    except (OSError, UnicodeDecodeError):
        return False
    environments = node.value.get("environments") if node and isinstance(node.value, dict) else None
    return bool(environments and isinstance(environments.value, dict) and environment in environments.value)


def load(path: Path | None, environment: str, environ: Mapping[str, str]) -> Configuration:
    """Read ``environment`` from the file at ``path``; raises ConfigurationProblems with every mistake in it."""
    if path is None:
        remedy = f"create it with environments.{environment}, name another by --floe-config, or use --floe-env={LOCAL}"
        raise ConfigurationProblems([Problem(FILE_NAME, "there is no such file", remedy, "config_not_found")])
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        problem = Problem(str(path), f"can't be read: {reason}", "correct the file", "config_not_found")
        raise ConfigurationProblems([problem], str(path)) from error
    root, problems = parse(text, path.name)
    if root is None:
        raise ConfigurationProblems(problems, str(path))
    reading = _Reading(environment, environ, path.parent, problems)
    defaults, own, where = reading.layers(root, path.name)
    targets = reading.targets(defaults, own, where)
    if problems:
        raise ConfigurationProblems(problems, str(path))
    return Configuration(environment, path, targets)


def from_mapping(environment: str, mapping: Mapping[str, Any], folder: Path) -> Configuration:
    """Build a configuration from data of the program itself, secrets as SecretStr; raises as load does."""
    problems: list[Problem] = []
    node = as_nodes(dict(mapping), "built in")
    targets = _Reading(environment, {}, folder, problems).targets({}, node.value, "built in")
    if problems:
        raise ConfigurationProblems(problems)
    return Configuration(environment, None, targets)


class _Reading:
    def __init__(self, environment: str, environ: Mapping[str, str], folder: Path, problems: list[Problem]) -> None:
        self.environment = environment
        self.environ = environ
        self.folder = folder
        self.problems = problems

    def layers(self, root: Node, name: str) -> tuple[Nodes, Nodes, str]:
        """Return the nodes of ``defaults`` and of the environment itself, and where the latter stands."""
        content = self._mapping(root, f"{name}: the file")
        for key in content:
            if key not in _ROOT_KEYS:
                self.problems.append(Problem(content[key].where, f"unknown key {key!r}", nearest(key, _ROOT_KEYS)))
        environments = self._mapping(content.get("environments"), f"{name}: environments")
        if self.environment not in environments:
            remedy = nearest(self.environment, {*environments, LOCAL})
            said = f"there is no environment {self.environment!r}"
            self.problems.append(Problem(f"{name}: environments", said, remedy, "config_not_found"))
            raise ConfigurationProblems(self.problems, str(self.folder / name))
        own = environments[self.environment]
        return self._mapping(content.get("defaults"), f"{name}: defaults"), self._mapping(own, own.where), own.where

    def targets(self, defaults: Nodes, own: Nodes, where: str) -> tuple[Target, ...]:
        """Return the targets; mistakes are added to the problems."""
        settling = Settling(self.environment, self.environ, self.folder)
        merged = merge(self._artifacts(merge(defaults, own), settling), defaults, own)
        self._find_flat_mistakes(merged, settling, where)
        drafting = Drafting(merged, own, where)
        drafts = drafting.drafts()
        settled = [target for draft in drafts if (target := settling.target(draft))]
        self._add(drafting.problems + settling.problems)
        return tuple(settled)

    def _add(self, problems: Iterable[Problem]) -> None:
        places = {problem.where for problem in self.problems}
        self.problems.extend(problem for problem in problems if problem.where not in places)

    def _mapping(self, node: Node | None, where: str) -> Nodes:
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self.problems.append(Problem(node.where or where, "is not a mapping", "write `key: value` lines below it"))
            return {}
        return dict(node.value)

    def _artifacts(self, merged: Nodes, settling: Settling) -> Nodes:
        node = merged.get("compiled_artifacts")
        if node is None or node.value is None:
            return {}
        path = self.folder / str(settling.plain(node))
        layer, problems = artifacts.read(path, self.environ)
        self.problems.extend(problems)
        nodes = as_nodes(layer, path.name).value
        # What the environment replaces by another kind takes the artifact's settings of the old kind with it.
        for service in ("compute", "storage"):
            kind = merged.get(f"{service}_type")
            if kind is not None and kind.value != layer.get(f"{service}_type"):
                nodes = {key: value for key, value in nodes.items() if not key.startswith(f"{service}_")}
                nodes.pop(layer.get(f"{service}_type"), None)
        return typing_nodes(nodes)

    def _find_flat_mistakes(self, merged: Nodes, settling: Settling, where: str) -> None:
        flat = {key: node for key, node in merged.items() if key in PreflightConfig.model_fields}
        values = {key: settling.plain(node) for key, node in flat.items() if node.value is not None}
        try:
            PreflightConfig.model_validate(values)
        except ValidationError as error:
            known = PreflightConfig.model_fields
            details = (dict(detail) for detail in error.errors(include_url=False))
            self._add(problem_of(detail, flat, where, known, set()) for detail in details)


def typing_nodes(nodes: Any) -> Nodes:
    """Narrow what is known to be a mapping of nodes."""
    return dict(nodes)
