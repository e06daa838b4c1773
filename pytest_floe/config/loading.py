"""From ``--floe-env`` to a validated configuration: find the file, lay the layers, build the targets."""

from __future__ import annotations

import hashlib
import json
import os.path
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_floe import registry
from pytest_floe.config import artifacts
from pytest_floe.config.document import Node, Nodes, as_node, parse
from pytest_floe.config.drafts import NAME_REMEDY, Drafting, is_name
from pytest_floe.config.layers import Layers, find_mistakes
from pytest_floe.config.needs import Linking, dependencies_first
from pytest_floe.config.problems import ConfigurationProblems, Problem, Problems, nearest, unknown_key
from pytest_floe.config.references import Resolver
from pytest_floe.config.settling import Settling
from pytest_floe.config.targets import Target

FILE_NAME = "floe.yaml"
LOCAL = "local"
_ROOT_KEYS = {"defaults", "environments"}


@dataclass(frozen=True)
class Configuration:
    """A validated environment: its targets, dependencies first, and what they were read from."""

    environment: str
    path: Path | None
    targets: tuple[Target, ...]

    @property
    def sha256(self) -> str:
        """Digest of the resolved values; of secrets it holds which are given, and nothing of what they are."""
        resolved = {target.id: [target.kind, target.settings.model_dump(mode="json")] for target in self.targets}
        return hashlib.sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()


def find_file(given: Path | None, named_by: str, rootdir: Path) -> Path | None:
    """Return the configuration file: as given, else floe.yaml in ``rootdir`` or the nearest folder above it.

    Raises ConfigurationProblems if a file was given, by what ``named_by`` says, and is not there.
    """
    if given:
        if not os.path.isfile(given):  # noqa: PTH113 - unlike Path.is_file, never raises
            problem = Problem(str(given), "there is no such file", f"correct {named_by}", "config_not_found")
            raise ConfigurationProblems([problem], str(given))
        return given
    places = (folder / FILE_NAME for folder in (rootdir, *rootdir.parents))
    return next((path for path in places if os.path.isfile(path)), None)  # noqa: PTH113 - as above


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
    problems = Problems(str(path))
    root = _read(path, problems)
    return _Reading(environment, Resolver(environ, path.parent), problems).of_file(root, path)


def from_mapping(environment: str, mapping: Mapping[str, Any], folder: Path) -> Configuration:
    """Build a configuration from data of the program itself, secrets as SecretStr; raises as load does."""
    reading = _Reading(environment, Resolver({}, folder), Problems())
    node = as_node(dict(mapping), "built in")
    return Configuration(environment, None, reading.targets({}, node.value, node.where))


def _read(path: Path, problems: Problems) -> Node:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        problem = Problem(str(path), f"can't be read: {reason}", "correct the file", "config_not_found")
        raise ConfigurationProblems([problem], str(path)) from error
    root, found = parse(text, path.name)
    for problem in found:
        problems.add(problem)
    if root is None:
        problems.raise_any()
    return root or Node({}, path.name)


class _Reading:
    def __init__(self, environment: str, resolver: Resolver, problems: Problems) -> None:
        self.environment = environment
        self.resolver = resolver
        self.problems = problems
        self.settling = Settling(environment, resolver, problems)

    def of_file(self, root: Node, path: Path) -> Configuration:
        """Return the configuration that ``root``, read from ``path``, declares."""
        content = self._mapping(root, path.name)
        for key in content.keys() - _ROOT_KEYS:
            self.problems.add(unknown_key(key, content[key].where, _ROOT_KEYS))
        own = self._environment(content.get("environments"), path.name)
        defaults = self._mapping(content.get("defaults"), path.name)
        targets = self.targets(defaults, self._mapping(own, path.name), own.where)
        return Configuration(self.environment, path, targets)

    def targets(self, defaults: Nodes, own: Nodes, where: str) -> tuple[Target, ...]:
        """Return the targets; raises ConfigurationProblems with all mistakes."""
        kinds = _kinds()
        for layer in (defaults, own):
            find_mistakes(layer, kinds, self.problems)
        defaults, own = self._with_types(defaults, kinds), self._with_types(own, kinds)
        layers = Layers(self._artifacts(defaults, own), defaults, own, where)
        self.settling.check_flat(layers.flat())
        drafts = Drafting(layers, kinds, self.problems).drafts()
        targets = [(draft, self.settling.target(draft)) for draft in drafts]
        linked = Linking(drafts, self.problems).linked(targets)
        self.problems.raise_any()
        return dependencies_first(linked)

    def _environment(self, node: Node | None, name: str) -> Node:
        environments = self._mapping(node, name)
        where = node.where if node else f"{name}: environments"
        if self.environment not in environments:
            said = f"there is no environment {self.environment[:40]!r}"
            remedy = nearest(self.environment, {*environments, LOCAL})
            self.problems.add(Problem(f"{where}.{self.environment[:40]}", said, remedy, "config_not_found"))
            self.problems.raise_any()
        own = environments[self.environment]
        if not is_name(self.environment):
            self.problems.add(Problem(own.where, f"{self.environment[:40]!r} can't be a name", NAME_REMEDY))
        return own

    def _mapping(self, node: Node | None, name: str) -> Nodes:
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self.problems.add(Problem(node.where or name, "is not a mapping", "write `key: value` lines below it"))
            return {}
        return dict(node.value)

    def _with_types(self, layer: Nodes, kinds: Mapping[str, str]) -> Nodes:
        """Resolve what says which kind a service is of, for all else depends on it."""
        typed = {key: layer[key] for key in ("compute_type", "storage_type") if _is_text(layer.get(key))}
        resolved = {key: Node(self.settling.resolved(node), node.where) for key, node in typed.items()}
        return layer | {key: node for key, node in resolved.items() if node.value in kinds}

    def _artifacts(self, defaults: Nodes, own: Nodes) -> Nodes:
        node = own.get("compiled_artifacts", defaults.get("compiled_artifacts"))
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, str) or not node.value:
            self.problems.add(Problem(node.where, "is not a path", "write the path of a CompiledArtifacts JSON file"))
            return {}
        path = self.settling.resolved(node)
        if self.problems.at(node.where):
            return {}
        return artifacts.read(self.resolver.folder / path, self.resolver.environ, {*defaults, *own}, self.problems)


def _kinds() -> dict[str, str]:
    try:
        found = registry.kinds()
    except Exception as error:  # whatever a plug-in's module raises
        said = f"a plug-in can't be loaded ({type(error).__name__}: {error})"
        problem = Problem(f"entry points {registry.ENTRY_POINTS}", said, "correct or uninstall it")
        raise ConfigurationProblems([problem]) from error
    if refused := registry.clashes():
        raise ConfigurationProblems([_taken(clash) for clash in refused])
    return found


def _taken(clash: registry.Clash) -> Problem:
    said = f"kind {clash.kind!r} can't be registered, for {clash.kept} is its check"
    return Problem(f"check {clash.refused}", said, "give the kind another name")


def _is_text(node: Node | None) -> bool:
    return node is not None and isinstance(node.value, str)
