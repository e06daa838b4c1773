"""The layers of an environment, weakest first: CompiledArtifacts, ``defaults``, the environment's own keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_floe import registry
from pytest_floe.config.document import Node, Nodes
from pytest_floe.config.keys import keys_of
from pytest_floe.config.preflight import DEFINING, PreflightConfig, flat_fields
from pytest_floe.config.problems import Problem, Problems, unknown_key
from pytest_floe.config.references import SYNTAX, is_reference

_LISTS = ("compiled_artifacts", "targets")
_LOGIN_IN_ADDRESS = re.compile(r"://[^/\s@$]*:[^/\s@$]+@")


@dataclass(frozen=True)
class Layers:
    """``where`` is the place of the environment itself."""

    artifacts: Nodes
    defaults: Nodes
    own: Nodes
    where: str

    def __iter__(self) -> Iterator[Nodes]:
        return iter((self.artifacts, self.defaults, self.own))

    def get(self, key: str) -> Node | None:
        """Return what the strongest layer says; None if none does, or if that one says null."""
        node = next((layer[key] for layer in (self.own, self.defaults, self.artifacts) if key in layer), None)
        return None if node is None or node.value is None else node

    def kind(self, service: str) -> str | None:
        """Return the kind that the flat fields declare for ``service``; None if they declare none."""
        defining, kind = DEFINING[service]
        node = self.get(defining)
        return None if node is None else kind or (node.value if isinstance(node.value, str) else "")

    def flat(self) -> Nodes:
        """Return the flat fields that count: the environment's own, and the others of services it declares."""
        declared = {name for service in DEFINING if self.kind(service) is not None for name in flat_fields(service)}
        nodes = {name: self.get(name) for name in PreflightConfig.model_fields if name in declared or name in self.own}
        return {name: node for name, node in nodes.items() if node is not None}


def find_mistakes(layer: Nodes, kinds: Mapping[str, str], problems: Problems) -> None:
    """Find what is wrong in a layer by itself: keys that nothing reads, and credentials in clear."""
    known = {*PreflightConfig.model_fields, *kinds, *_LISTS}
    for name, node in layer.items():
        _find_logins_in_addresses(node, problems)
        if name not in known:
            problems.add(unknown_key(name, node.where, known))
        elif name in kinds and node.value is not None:
            _check_section(name, node, problems)


def find_clear(node: Node, problems: Problems) -> None:
    """Find credentials that are written out where a reference must stand."""
    written = (leaf.value for leaf in _leaves(node) if isinstance(leaf.value, str | int | float) and leaf.value != "")
    if not all(is_reference(str(value)) for value in written):
        problems.add(Problem(node.where, "holds a credential in clear", f"refer to it: {SYNTAX}"))


def _check_section(kind: str, section: Node, problems: Problems) -> None:
    if not isinstance(section.value, dict):
        problems.add(Problem(section.where, "is not a section", f"write `key: value` lines below {kind}:"))
        return
    keys = keys_of(registry.find(kind).settings)
    for name, node in section.value.items():
        if name in keys and keys[name].secret:
            find_clear(node, problems)
        elif name not in keys and name != "name":
            problems.add(unknown_key(name, node.where, keys))


def _find_logins_in_addresses(node: Node, problems: Problems) -> None:
    for leaf in _leaves(node):
        if isinstance(leaf.value, str) and _LOGIN_IN_ADDRESS.search(leaf.value):
            said, remedy = "carries a credential in clear", "move it to the key for it, as a reference"
            problems.add(Problem(leaf.where, said, remedy))


def _leaves(node: Node) -> Iterator[Node]:
    if isinstance(node.value, dict | list):
        for inner in node.value.values() if isinstance(node.value, dict) else node.value:
            yield from _leaves(inner)
    else:
        yield node
