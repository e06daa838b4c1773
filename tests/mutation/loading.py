"""A private copy of the checks with a switch at every site: the originals and the registry never notice."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest_floe
from pytest_floe import Probe, checks
from tests.mutation.instrument import SWITCH, instrument
from tests.mutation.reach import PROBE, reachable
from tests.mutation.sites import Site
from tests.mutation.switch import Run, Switch

PACKAGE = "mutated_checks"
#: Modules of pytest_floe that walk steps for a check.
_WALKING = ("network", "probe")

Verify = Callable[[Any, Probe], None]


class Copy:
    """The copy of ``sources``; ``sites`` has, for each kind, the places where its check can be mutated."""

    def __init__(self, kinds: Iterable[str], sources: Mapping[str, str]) -> None:
        self._switch = Switch()
        trees = {name: instrument(name, source) for name, source in sources.items()}
        self.sites = {kind: _of(reachable(sources, kind), trees) for kind in kinds}
        code = {name: compile(tree, f"<mutated {name}.py>", "exec") for name, (tree, _) in trees.items()}
        self._verifies: dict[str, Verify] = {}
        with _importable(_Finder(code, self._switch, self._verifies)):
            for kind in kinds:
                importlib.import_module(f"{PACKAGE}.{kind}")
            self._walking = importlib.import_module(f"{PACKAGE}.probe")
            self._walking.network = importlib.import_module(f"{PACKAGE}.network")  # type: ignore[attr-defined]

    def check(self, kind: str, begin: Callable[[Probe], Run]) -> Verify:
        """Return the copied check of ``kind``; ``begin`` makes the ``Run`` of each of its runs."""

        def check(settings: Any, probe: Probe) -> None:
            for method in PROBE:
                setattr(probe, method, types.MethodType(getattr(self._walking.Probe, method), probe))
            self._switch.run = begin(probe)
            try:
                self._verifies[kind](settings, probe)
            finally:
                self._switch.run = None

        return check


def sources() -> dict[str, str]:
    """Return the source of every module of the checks, and of those that walk steps for them."""
    folder, own = Path(checks.__path__[0]), Path(pytest_floe.__path__[0])
    found = {path.stem: path.read_text() for path in sorted(folder.glob("*.py")) if path.stem != "__init__"}
    return found | {name: (own / f"{name}.py").read_text() for name in _WALKING}


def _of(functions: frozenset[tuple[str, str]], trees: dict[str, tuple[Any, list[Site]]]) -> list[Site]:
    return [site for _, sites in trees.values() for site in sites if (site.module, site.function) in functions]


@contextmanager
def _importable(finder: MetaPathFinder) -> Iterator[None]:
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
            del sys.modules[name]  # the next copy is another


class _Finder(MetaPathFinder, Loader):
    """Finds the copies; each gets the switch, and a ``check`` that registers nowhere but here."""

    def __init__(self, code: dict[str, types.CodeType], switch: Switch, verifies: dict[str, Verify]) -> None:
        self.code = code
        self.switch = switch
        self.verifies = verifies

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name == PACKAGE:
            return ModuleSpec(name, self, is_package=True)
        return ModuleSpec(name, self) if name.startswith(f"{PACKAGE}.") else None

    def create_module(self, _spec: ModuleSpec) -> None:
        return None  # an ordinary module

    def exec_module(self, module: types.ModuleType) -> None:
        name = module.__name__.rpartition(".")[2]
        if name in self.code:
            module.__dict__[SWITCH] = self.switch
            module.__dict__["check"] = self._check
            exec(self.code[name], module.__dict__)

    def _check(self, _service: str, kind: str, **_: object) -> Callable[[Verify], Verify]:
        def keep(verify: Verify) -> Verify:
            self.verifies[kind] = verify
            return verify

        return keep
