"""The items of a preflight run: one for each target, and the marked tests of the user."""

from __future__ import annotations

import importlib
from collections.abc import Generator
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
        path = session.config.rootpath / NODE_ID
        return cls.from_parent(session, path=path, nodeid=NODE_ID)


class Collecting:
    """Registered in every process that collects: adds the built-in checks to what pytest itself finds.

    ``apart`` says that the process is a worker, from which the controller learns of a mistake: pytest takes an error
    there for one of its own.
    """

    def __init__(self, context: Context, *, apart: bool = False) -> None:
        self.context = context
        self.apart = apart

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if isinstance(collector, pytest.Session) and report.passed and self.context.targets:
            report.result = [PreflightModule.of(collector), *(report.result or [])]
        scrub_report(report, self.context.scrubber)
        return report

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
        for path in config.getini("floe_checks"):
            if not any(item_path.is_relative_to(path) for item_path in marked):
                name = path.name.removesuffix(".py")
                target = f"{self.context.environment}-collection-{name}"
                missing.append(Identity(target, "collection", "pytest", name, str(path)))
                said = f"floe_checks names {path.name}, and no test in it was collected that is marked `{MARKER}`"
                subject = f"mark a test in {path}, and name its file as python_files has it"
                self.context.evidence.finished(
                    self.context.judge.incomplete(missing[-1], "incomplete.not_run", said, subject)
                )
        return missing


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
    return str(service), remediation
