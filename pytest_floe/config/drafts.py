"""Which targets an environment declares, before their settings are validated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_floe import registry
from pytest_floe.config import display
from pytest_floe.config.document import Node, Nodes
from pytest_floe.config.layers import Layers
from pytest_floe.config.preflight import DEFINING, SERVICE_ORDER, flat_fields
from pytest_floe.config.problems import Problem, Problems, nearest

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
NAME_REMEDY = "use letters, digits, dot, hyphen and underscore"


@dataclass(frozen=True)
class Draft:
    """A declared target: its settings as they stand, with their places.

    ``where`` is the place of the target; ``flat`` names the flat field for a key that has one. ``main`` says that the
    environment's own fields declare it, and not the list of further targets.
    """

    service: str
    kind: str
    name: str
    where: str
    values: Nodes
    flat: Mapping[str, str] = field(default_factory=dict)
    main: bool = False

    def place(self, key: str) -> str:
        """Return where ``key`` stands, or would stand."""
        if key in self.values:
            return self.values[key].where
        return f"{self.where}.{key}" if key not in self.flat else f"{self.where.rpartition('.')[0]}.{self.flat[key]}"


class Drafting:
    """Reads the layers of an environment; ``kinds`` maps every kind to its service."""

    def __init__(self, layers: Layers, kinds: Mapping[str, str], problems: Problems) -> None:
        self.layers = layers
        self.kinds = kinds
        self.problems = problems

    def drafts(self) -> list[Draft]:
        """Return the drafts, dependencies first."""
        declared = {service: kind for service in DEFINING if (kind := self.layers.kind(service)) is not None}
        self._find_orphans(declared)
        found = [self._of_service(*item) for item in declared.items() if self.kinds.get(item[1]) == item[0]]
        found += self._listed()
        self._find_clashes(found)
        return sorted(found, key=_rank)

    # Targets by the flat fields and sections

    def _of_service(self, service: str, kind: str) -> Draft:
        flat = registry.find(kind).settings.flat
        values: Nodes = {}
        for layer in self.layers:
            values |= self._of_layer(layer, service, kind, flat)
        name = self._name(values.pop("name", None), kind)
        where = self._section_place(kind)
        return Draft(service, kind, name, where, values, {key: flat_name for flat_name, key in flat.items()}, main=True)

    def _of_layer(self, layer: Nodes, service: str, kind: str, flat: Mapping[str, str]) -> Nodes:
        node = layer.get(kind)
        section = node.value if node is not None and isinstance(node.value, dict) else {}
        values = dict(section)
        for name in flat_fields(service):
            if name not in layer:
                continue
            if name in flat:
                self._find_said_twice(layer[name], name, section.get(flat[name]), kind, flat[name])
                values[flat[name]] = layer[name]
            elif name != DEFINING[service][0] and layer is self.layers.own and layer[name].value is not None:
                self.problems.add(Problem(layer[name].where, f"{kind} has no use for {name}", "remove it"))
        return values

    def _find_said_twice(self, node: Node, name: str, other: Node | None, kind: str, key: str) -> None:
        if node.value is not None and other is not None and other.value is not None:
            said = f"{kind}.{key} says the same thing as {name}"
            self.problems.add(Problem(other.where, said, "keep one of them"))

    def _section_place(self, kind: str) -> str:
        node = self.layers.own.get(kind)
        return f"{self.layers.where}.{kind}" if node is None else node.where

    def _find_orphans(self, declared: Mapping[str, str]) -> None:
        for key, node in self.layers.own.items():
            if node.value is None:
                continue
            service = next((name for name in DEFINING if key in flat_fields(name)), None)
            if service and service not in declared:
                remedy = f"set {DEFINING[service][0]}, or remove it"
                self.problems.add(Problem(node.where, f"{key} belongs to a service that is not declared", remedy))
            elif key in self.kinds:
                self._find_idle_section(key, node, declared)

    def _find_idle_section(self, kind: str, node: Node, declared: Mapping[str, str]) -> None:
        service = self.kinds[kind]
        if service not in DEFINING:
            said, remedy = f"{kind} can't be declared by a section", f"write it under targets, as kind: {kind}"
        elif service not in declared:
            said, remedy = f"no {service} is declared here", f"set {DEFINING[service][0]}, or remove the section"
        elif declared[service] in self.kinds and declared[service] != kind:
            said = f"the {service} of this environment is {declared[service]}"
            remedy = f"remove the section, or write it under targets, as kind: {kind}"
        else:
            return
        self.problems.add(Problem(node.where, said, remedy))

    # Targets by the list

    def _listed(self) -> list[Draft]:
        node = self.layers.get("targets")
        if node is None:
            return []
        if not isinstance(node.value, list):
            self.problems.add(Problem(node.where, "is not a list", "write `- {service: …, kind: …, …}` below it"))
            return []
        return [draft for item in node.value if (draft := self._of_item(item))]

    def _of_item(self, item: Node) -> Draft | None:
        if not isinstance(item.value, dict):
            self.problems.add(Problem(item.where, "is not a target", "write {service: …, kind: …, …}"))
            return None
        values = dict(item.value)
        service, kind, name = (values.pop(key, None) for key in ("service", "kind", "name"))
        known = self._kind(kind, f"{item.where}.kind")
        if known is None:
            return None
        self._check_service(service, known, f"{item.where}.service")
        return Draft(self.kinds[known], known, self._name(name, known), item.where, values)

    def _kind(self, node: Node | None, where: str) -> str | None:
        word = "" if node is None or node.value is None else _word(node)
        if word in self.kinds:
            return word
        said = f"unknown kind {display.shown(None, word)}" if word else "names no kind"
        self.problems.add(Problem(where, said, nearest(word, self.kinds)))
        return None

    def _check_service(self, node: Node | None, kind: str, where: str) -> None:
        service = self.kinds[kind]
        if node is None or node.value is None:
            self.problems.add(Problem(where, "names no service", f"write service: {service}"))
        elif _word(node) != service:
            said = f"kind {kind} is of service {service}, not {display.shown(None, _word(node))}"
            self.problems.add(Problem(where, said, f"write service: {service}"))

    # Names

    def _name(self, node: Node | None, kind: str) -> str:
        if node is None or node.value is None:
            return kind
        name = _word(node)
        if not is_name(name):
            self.problems.add(Problem(node.where, f"{display.shown(None, name)} can't be a name", NAME_REMEDY))
        return name

    def _find_clashes(self, drafts: list[Draft]) -> None:
        seen: dict[str, Draft] = {}
        for draft in drafts:
            first = seen.setdefault(f"{draft.service}-{draft.name}", draft)
            if first is not draft:
                said = f"{draft.service} {draft.name} is the name of the target at {first.where} already"
                self.problems.add(Problem(f"{draft.where}.name", said, "give it another name"))


def is_name(text: str) -> bool:
    """Tell whether ``text`` can be part of a target's id."""
    return bool(re.fullmatch(NAME_PATTERN, text))


def _word(node: Node) -> str:
    return "" if isinstance(node.value, dict | list) else str(node.value)


def _rank(draft: Draft) -> int:
    return SERVICE_ORDER.index(draft.service) if draft.service in SERVICE_ORDER else len(SERVICE_ORDER)
