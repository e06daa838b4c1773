"""Which functions of the checks the check of a kind may call, told from the source alone.

Exact for names, imports and modules; a method is taken for called if some class that is named on the way has one of
that name. What is left out cannot be reached; what is too much shows as a mutant that no cell reaches.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: What a probe's method does in pytest_floe, where that can be mutated.
PROBE = {
    "reach": ("network", "reach"),
    "reach_url": ("network", "reach_url"),
    "note_certificate": ("network", "note_expiry"),
    "driver": ("probe", "Probe.driver"),
}
Function = tuple[str, str]


@dataclass
class _Module:
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    #: Names bound by imports from other modules of the checks: to a module, or to something in one.
    modules: dict[str, str] = field(default_factory=dict)
    names: dict[str, Function] = field(default_factory=dict)


def reachable(sources: Mapping[str, str], kind: str) -> frozenset[Function]:
    """Return (module, qualified name) of each function that the check of ``kind`` may call."""
    modules = {name: _read(ast.parse(source)) for name, source in sources.items()}
    start = next(name for name, node in modules[kind].functions.items() if _is_check(node))
    return frozenset(_Walk(modules).closure((kind, start)))


def _is_check(node: ast.FunctionDef) -> bool:
    return any(isinstance(one, ast.Call) and getattr(one.func, "id", "") == "check" for one in node.decorator_list)


def _read(tree: ast.Module) -> _Module:
    module = _Module()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            for name in node.names:
                bound = name.asname or name.name
                if node.module is None:
                    module.modules[bound] = name.name
                else:
                    module.names[bound] = (node.module, name.name)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            module.functions[node.name] = node
        if isinstance(node, ast.ClassDef):
            module.classes[node.name] = node
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            module.functions |= {f"{node.name}.{method.name}": method for method in methods}
    return module


class _Walk:
    """Walks from function to function; methods wait until a class that has them is named."""

    def __init__(self, modules: Mapping[str, _Module]) -> None:
        self.modules = modules
        self.seen: set[Function] = set()
        self.classes: set[Function] = set()
        self.called: set[str] = set()

    def closure(self, start: Function) -> set[Function]:
        queue = [start]
        while queue:
            module, function = queue.pop()
            if (module, function) not in self.seen and function in self.modules[module].functions:
                self.seen.add((module, function))
                queue += self._from(module, self.modules[module].functions[function])
            queue += [method for method in self._methods() if method not in self.seen]
        return self.seen

    def _from(self, module: str, function: ast.FunctionDef) -> Iterator[Function]:
        known = self.modules[module]
        for node in ast.walk(function):
            if isinstance(node, ast.Name):
                yield from self._named(module, node.id)
            elif isinstance(node, ast.Attribute):
                self.called.add(node.attr)
                owner = node.value.id if isinstance(node.value, ast.Name) else ""
                if owner in known.modules:
                    yield from self._named(known.modules[owner], node.attr)
                elif node.attr in PROBE:
                    yield PROBE[node.attr]

    def _named(self, module: str, name: str) -> Iterator[Function]:
        known = self.modules[module]
        if name in known.names:
            yield from self._named(*known.names[name])
        elif name in known.functions:
            yield (module, name)
        elif name in known.classes and (module, name) not in self.classes:
            self.classes.add((module, name))
            for base in known.classes[name].bases:
                if isinstance(base, ast.Name):
                    yield from self._named(module, base.id)

    def _methods(self) -> Iterator[Function]:
        """Yield the methods of the classes that were named, if something of their name was called."""
        for module, name in self.classes:
            for function in self.modules[module].functions:
                owner, _, method = function.partition(".")
                if owner == name and (method in self.called or method.startswith("__")):
                    yield (module, function)
