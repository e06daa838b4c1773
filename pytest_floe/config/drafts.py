"""Which targets an environment declares, before their settings are validated."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pytest_floe import registry
from pytest_floe.config.document import Node
from pytest_floe.config.preflight import DEFINING, PreflightConfig, flat_fields
from pytest_floe.config.problems import Problem, nearest

Nodes = dict[str, Node]
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
_TARGET_KEYS = ("service", "kind", "name")


@dataclass(frozen=True)
class Draft:
    """A declared target: its settings as they stand, with their places."""

    service: str
    kind: str
    name: str
    where: str
    values: Nodes = field(default_factory=dict)


def as_nodes(value: Any, where: str) -> Node:
    """Wrap plain data that came from elsewhere than YAML; every part is said to stand at ``where``."""
    if isinstance(value, dict):
        return Node({key: as_nodes(item, f"{where}.{key}") for key, item in value.items()}, where)
    if isinstance(value, list):
        return Node([as_nodes(item, where) for item in value], where)
    return Node(value, where)


def merge(*layers: Nodes) -> Nodes:
    """Merge layers, weakest first, key by key; sections are merged key by key too."""
    merged: Nodes = {}
    for layer in layers:
        for key, node in layer.items():
            below = merged.get(key)
            both = below is not None and isinstance(below.value, dict) and isinstance(node.value, dict)
            merged[key] = Node({**below.value, **node.value}, node.where) if below and both else node
    return merged


class Drafting:
    """Reads the merged environment; ``own`` is what the environment itself says, without defaults and artifacts."""

    def __init__(self, merged: Nodes, own: Nodes, where: str) -> None:
        self.merged = merged
        self.own = own
        self.where = where
        self.problems: list[Problem] = []
        self.kinds = registry.kinds()

    def drafts(self) -> list[Draft]:
        """Return the drafts, dependencies first; mistakes go to ``problems``."""
        self._find_unknown_keys()
        found = [draft for service in DEFINING for draft in self._of_service(service)]
        found += self._extra_targets()
        self._find_orphans({draft.kind for draft in found})
        return self._unique(found)

    def _find_unknown_keys(self) -> None:
        known = {*PreflightConfig.model_fields, *self.kinds, "compiled_artifacts", "targets"}
        for key, node in self.own.items():
            if key not in known:
                self.problems.append(Problem(node.where, f"unknown key {key!r}", nearest(key, known)))

    def _of_service(self, service: str) -> list[Draft]:
        defining, kind = DEFINING[service]
        node = self.merged.get(defining)
        if node is None or node.value is None:
            return []
        kind = kind or str(node.value)
        if self.kinds.get(kind) != service:
            return []  # the type's own validation names the mistake
        section = self._section(kind)
        values = {**self._flat_values(service, kind, section), **section}
        return [Draft(service, kind, self._text(values.pop("name", None)) or kind, node.where, values)]

    def _section(self, kind: str) -> Nodes:
        node = self.merged.get(kind)
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self.problems.append(Problem(node.where, "is not a section", f"write keys below {kind}:"))
            return {}
        return dict(node.value)

    def _flat_values(self, service: str, kind: str, section: Nodes) -> Nodes:
        flat = registry.find(kind).settings.flat
        values = {}
        for name in flat_fields(service):
            node = self.merged.get(name)
            if node is None or node.value is None or (name == DEFINING[service][0] and name not in flat):
                continue
            if name not in flat:
                if name in self.own:
                    self.problems.append(Problem(node.where, f"{kind} has no use for {name}", "remove it"))
                continue
            if flat[name] in section and name in self.own:
                said = f"{name} and {kind}.{flat[name]} say the same thing twice"
                self.problems.append(Problem(node.where, said, "keep one of them"))
            values[flat[name]] = node
        return values

    def _find_orphans(self, declared: set[str]) -> None:
        services = {self.kinds[kind] for kind in declared}
        for key, node in self.own.items():
            service = next((name for name in DEFINING if key in flat_fields(name)), None)
            if service and DEFINING[service][0] not in self.merged and key != DEFINING[service][0]:
                remedy = f"set {DEFINING[service][0]}, or remove it"
                self.problems.append(Problem(node.where, f"{key} belongs to a service that is not declared", remedy))
            if key in self.kinds and key not in declared and not self._broken_type(self.kinds[key]):
                field_ = DEFINING.get(self.kinds[key], ("targets", None))[0]
                seen = f"this environment declares no {key}" + (
                    f" ({self.kinds[key]} is another kind)" if self.kinds[key] in services else ""
                )
                self.problems.append(Problem(node.where, seen, f"set {field_} for it, or remove the section"))

    def _broken_type(self, service: str) -> bool:
        """Tell whether the type of ``service`` is itself a mistake, so that its section can't be judged."""
        node = self.merged.get(DEFINING[service][0]) if service in DEFINING else None
        return node is not None and DEFINING[service][1] is None and self.kinds.get(str(node.value)) != service

    def _extra_targets(self) -> list[Draft]:
        node = self.merged.get("targets")
        if node is None or node.value is None:
            return []
        if not isinstance(node.value, list):
            self.problems.append(Problem(node.where, "is not a list", "write `- {service: …, kind: …, …}` below it"))
            return []
        return [draft for item in node.value if (draft := self._extra_target(item))]

    def _extra_target(self, item: Node) -> Draft | None:
        if not isinstance(item.value, dict):
            self.problems.append(Problem(item.where, "is not a target", "write {service: …, kind: …, …}"))
            return None
        values = dict(item.value)
        service, kind, name = (self._text(values.pop(key, None)) for key in _TARGET_KEYS)
        if kind not in self.kinds:
            said = f"unknown kind {kind!r}" if kind else "names no kind"
            self.problems.append(Problem(f"{item.where}.kind", said, nearest(kind or "", self.kinds)))
            return None
        if service != self.kinds[kind]:
            said = f"kind {kind} is of service {self.kinds[kind]}, not {service!r}"
            self.problems.append(Problem(f"{item.where}.service", said, f"write service: {self.kinds[kind]}"))
            return None
        return Draft(service, kind, name or kind, item.where, values)

    def _unique(self, drafts: list[Draft]) -> list[Draft]:
        seen: dict[tuple[str, str], str] = {}
        for draft in drafts:
            key = (draft.service, draft.name)
            if key in seen:
                said = f"a {draft.service} named {draft.name!r} is declared already at {seen[key]}"
                self.problems.append(Problem(draft.where, said, "give it another name:"))
            if not _NAME.match(draft.name):
                remedy = "use letters, digits, dot, hyphen and underscore"
                self.problems.append(Problem(f"{draft.where}.name", f"{draft.name!r} can't be a name", remedy))
            seen.setdefault(key, draft.where)
        return drafts

    @staticmethod
    def _text(node: Node | None) -> str:
        return "" if node is None or node.value is None else str(node.value)
