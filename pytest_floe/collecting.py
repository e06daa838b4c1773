"""The items of a preflight run: one for each target, and the marked tests of the user."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Generator, Iterator
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from pytest_floe import options
from pytest_floe.config.targets import Target
from pytest_floe.context import Context, identity_of
from pytest_floe.redaction import scrub_report
from pytest_floe.report.plaintext import plain
from pytest_floe.secrets import MASK
from pytest_floe.verdict import Identity

MARKER = "preflight"
MODULE = "pytest_floe.checks.preflight"
NODE_ID = "checks/preflight.py"
_FIXTURES = ("target", "verify_target")
_LONGEST_REMEDY = 1000
IDENTITY = pytest.StashKey[Identity]()


class PreflightModule(pytest.Module):
    """The module of the built-in test, imported by its one name.

    Collecting the file by its path would import it a second time, with a registry of its own; and its node id
    would tell where the plugin is installed.
    """

    def _getobj(self) -> ModuleType:
        return importlib.import_module(MODULE)

    @classmethod
    def of(cls, session: pytest.Session) -> PreflightModule:
        """Return the collector of ``session``."""
        path = Path(str(importlib.import_module(MODULE).__file__))
        return cls.from_parent(session, path=path, nodeid=NODE_ID)


class Collecting:
    """Registered in every process that collects: adds the built-in checks to what pytest itself finds.

    ``apart`` says that the process is a worker, from which the controller learns of a mistake: pytest takes an error
    there for one of its own.
    """

    def __init__(self, context: Context, *, apart: bool = False) -> None:
        self.context = context
        self.apart = apart
        self.passed_over: dict[Identity, str] = {}  # and why; nobody knows which checks are in it

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_ignore_collect(
        self, collection_path: Path, config: pytest.Config
    ) -> Generator[None, bool | None, bool | None]:
        ignored = yield
        if ignored and options.is_own_check(collection_path, config) and _holds_checks(collection_path, config):
            self._pass_over(_shown(collection_path, config), "ignored, by --ignore or by a conftest.py")
        return ignored

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if isinstance(collector, pytest.Session) and report.passed and self.context.targets:
            report.result = [PreflightModule.of(collector), *(report.result or [])]
        scrub_report(report, self.context.scrubber)
        if report.skipped and (options.is_own_check(collector.path, collector.config) or _speaks(collector.path)):
            said = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longreprtext
            self._pass_over(collector.nodeid, said.replace("Skipped: ", "skipped: ", 1))
        for name in _uncollected(collector, report):
            said = f"it is marked `{MARKER}`, and pytest does not collect it"
            remedy = "under a name that python_functions has, in a class without a constructor"
            self._pass_over(f"{collector.nodeid}::{name}", said, remedy)
        return report

    def _pass_over(self, node_id: str, why: str, how: str = "") -> None:
        """Say that what may be checks is left out, whose names and services need not be known."""
        found = uncollected(self.context.environment, node_id)
        if found not in self.passed_over:
            self.passed_over[found] = why
            self.context.evidence.expect([found], always=True)
            subject = ", ".join(filter(None, (node_id, how)))
            self.context.evidence.finished(self.context.judge.incomplete(found, "incomplete.not_run", why, subject))

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if metafunc.module.__name__ == MODULE and "target" in metafunc.fixturenames:
            targets = self.context.targets
            metafunc.parametrize("target", targets, ids=[target.id for target in targets])

    def pytest_make_parametrize_id(self, val: object) -> str | None:
        """Keep secrets out of node ids, which go everywhere."""
        return MASK if isinstance(val, str) and self.context.scrubber.leaks(val) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        try:
            own = identify(items, self.context)
        except pytest.UsageError as error:
            self.context.workers.refuse(str(error))
            if not self.apart:
                raise
            items.clear()
            return
        own += self._of_nothing(config, items)
        self.context.evidence.expect(own)
        _, left_out = self.context.narrowed(own)
        unwanted = [item for item in items if not _is_wanted(item, config, left_out)]
        items[:] = [item for item in items if item not in unwanted]
        config.hook.pytest_deselected(items=unwanted)

    def _of_nothing(self, config: pytest.Config, items: list[pytest.Item]) -> list[Identity]:
        """Return a finding for each path of ``floe_checks`` in which no test is marked; pytest itself says nothing."""
        marked = [item.path for item in items if item.get_closest_marker(MARKER)]
        missing = []
        for path in options.own_checks(config):
            known = [*marked, *(config.rootpath / one.endpoint.partition("::")[0] for one in self.passed_over)]
            if not any(item_path.is_relative_to(path) for item_path in known):
                name = path.name.removesuffix(".py")
                target = f"{self.context.environment}-collection-{name}"
                missing.append(Identity(target, "collection", "pytest", name, str(path)))
                said = f"floe_checks names {path.name}, and no test in it was collected that is marked `{MARKER}`"
                subject = f"mark a test in {path}, and name its file as python_files has it"
                self.context.evidence.finished(
                    self.context.judge.incomplete(missing[-1], "incomplete.not_run", said, subject)
                )
        return missing


def uncollected(environment: str, node_id: str) -> Identity:
    """Return how the report names what was not collected."""
    name = node_id.replace("/", ".").removesuffix(".py") or "session"
    return Identity(f"{environment}-collection-{name}", "collection", "pytest", name, node_id)


def _holds_checks(ignored: Path, config: pytest.Config) -> bool:
    """Tell whether a file, or a folder that pytest would have entered by itself, has tests that are marked."""
    never_entered = any(fnmatch(ignored.name, pattern) for pattern in config.getini("norecursedirs"))
    if ignored.is_dir() and (never_entered or (ignored / "pyvenv.cfg").exists()):
        return False
    return any(map(_speaks, ignored.rglob("*.py") if ignored.is_dir() else [ignored]))


def _speaks(path: Path) -> bool:
    """Tell whether a file speaks of the marker, for want of its tests."""
    return path.is_file() and f"mark.{MARKER}" in path.read_text("utf-8", errors="replace")


def _uncollected(collector: pytest.Collector, report: pytest.CollectReport) -> Iterator[str]:
    """Yield names of marked functions that pytest does not take for tests; of those in a class it warns at best."""
    if not report.passed or not isinstance(collector, pytest.Module | pytest.Class):
        return
    collected = {getattr(node, "originalname", node.name) for node in report.result}
    all_are_marked = collector.get_closest_marker(MARKER) is not None
    for name, function in inspect.getmembers_static(collector.obj, inspect.isroutine):
        marks = getattr(function, "pytestmark", ())
        is_marked = any(mark.name == MARKER for mark in marks) or (all_are_marked and collector.funcnamefilter(name))
        if is_marked and name not in collected:
            yield name


def _shown(path: Path, config: pytest.Config) -> str:
    root = config.rootpath
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _is_wanted(item: pytest.Item, config: pytest.Config, left_out: list[Identity]) -> bool:
    """Tell whether ``item`` is a check of this run, or a test that the user named a path of."""
    identity = item.stash.get(IDENTITY, None)
    return identity not in left_out if identity else options.is_asked_for(item.path, config)


def identify(items: list[pytest.Item], context: Context) -> list[Identity]:
    """Give every preflight item the identity of its result; return those of marked tests, in order."""
    own: dict[str, Identity] = {target.id: identity_of(target) for target in context.targets}
    built_in = len(own)
    for item in items:
        mark = item.get_closest_marker(MARKER)
        if isinstance(item.parent, PreflightModule):
            item.stash[IDENTITY] = identity_of(target_of(item))
            # A project's autouse fixtures may stand in for the very services that are to be verified.
            cast("pytest.Function", item).fixturenames[:] = _FIXTURES
        elif mark:
            identity = item.stash[IDENTITY] = _of_marked(item, mark, context.environment, set(own))
            own[identity.id] = identity
    return list(own.values())[built_in:]


def is_marked(item: pytest.Item) -> bool:
    """Tell whether an item is a test that somebody marked as a check."""
    return IDENTITY in item.stash and not isinstance(item.parent, PreflightModule)


def target_of(item: pytest.Item) -> Target:
    """Return the target that an item of PreflightModule verifies."""
    return cast("Target", cast("pytest.Function", item).callspec.params["target"])


def _of_marked(item: pytest.Item, mark: pytest.Mark, environment: str, taken: set[str]) -> Identity:
    try:
        service, remedy = _service(*mark.args, **mark.kwargs)
    except TypeError as error:
        said = str(error).removeprefix("_service() ")
        raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.{MARKER}(service, remediation=...): {said}") from error
    short = item.name.removeprefix("test_")
    path = item.nodeid.partition("[")[0].removesuffix(item.name).replace("/", ".").replace(".py", "")
    names = (short, f"{item.path.stem}.{short}", f"{path.replace('::', '.')}{short}")
    name = next((name for name in names if f"{environment}-{service}-{name}" not in taken), item.nodeid)
    remedy = plain(remedy, _LONGEST_REMEDY) if remedy else None
    return Identity(f"{environment}-{service}-{name}", service, service, name, item.nodeid, None, remedy)


def _service(service: str, *, remediation: str | None = None) -> tuple[str, str | None]:
    """Return the arguments of the marker; raises TypeError if there are others."""
    if not isinstance(service, str) or not service.strip():
        raise TypeError(f"the service must have a name, not {service!r}")
    if not isinstance(remediation, str | None):
        raise TypeError(f"the remediation must be a text, not {remediation!r}")
    return service, remediation
