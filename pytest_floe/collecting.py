"""The items of a preflight run: one for each target, and the marked tests of the user."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from types import ModuleType

import pytest

from pytest_floe import options
from pytest_floe.context import Context, identity_of
from pytest_floe.redaction import scrub_report
from pytest_floe.verdict import Identity

MARKER = "preflight"
MODULE = "pytest_floe.checks.preflight"
NODE_ID = "checks/preflight.py"
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
        path = session.config.rootpath / NODE_ID
        return cls.from_parent(session, path=path, nodeid=NODE_ID)


class Collecting:
    """Registered in every process that collects: adds the built-in checks to what pytest itself finds."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if isinstance(collector, pytest.Session) and report.passed:
            report.result = [PreflightModule.of(collector), *(report.result or [])]
        scrub_report(report, self.context.scrubber)
        return report

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if metafunc.module.__name__ == MODULE and "target" in metafunc.fixturenames:
            targets = self.context.targets
            metafunc.parametrize("target", targets, ids=[target.id for target in targets])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        own = identify(items, self.context)
        self.context.evidence.save_own_checks([vars(identity) for identity in own])
        if options.only_preflight(config):
            items[:] = [item for item in items if IDENTITY in item.stash]


def identify(items: list[pytest.Item], context: Context) -> list[Identity]:
    """Give every preflight item the identity of its result; return those of marked tests, in order."""
    targets = {target.id: target for target in context.targets}
    own: list[Identity] = []
    for item in items:
        target = targets.get(_parameter(item))
        if target:
            identity = identity_of(target)
        else:
            mark = item.get_closest_marker(MARKER)
            if mark is None:
                continue
            identity = _of_marked(item, mark, context.environment, {known.id for known in own})
            own.append(identity)
        item.stash[IDENTITY] = identity
    return own


def _parameter(item: pytest.Item) -> str:
    if not item.nodeid.startswith(f"{NODE_ID}::") or not isinstance(item, pytest.Function):
        return ""
    return item.callspec.id if hasattr(item, "callspec") else ""


def _of_marked(item: pytest.Item, mark: pytest.Mark, environment: str, taken: set[str]) -> Identity:
    service = str(mark.args[0]) if mark.args else str(mark.kwargs.get("service", "service"))
    name = item.name.removeprefix("test_")
    target = f"{environment}-{service}-{name}"
    if target in taken:
        name = f"{item.path.stem}.{name}"
        target = f"{environment}-{service}-{name}"
    remedy = mark.kwargs.get("remediation")
    return Identity(target, service, service, name, item.nodeid, None, str(remedy) if remedy else None)
