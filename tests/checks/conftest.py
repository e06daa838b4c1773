"""Drives one check as the runner would: settings in, verdict out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.abc import MetaPathFinder

import pytest

from pytest_floe import Finding, Probe
from pytest_floe.registry import find


@dataclass
class Outcome:
    """The verdict of one check; ``cause`` is that of its finding, or of its first warning."""

    status: str
    cause: str | None
    step: str | None
    message: str
    subject: str | None
    probe: Probe
    left: list[str]
    retry_after: float = 0.0


RunCheck = Callable[..., Outcome]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tests.servers.fixtures")


@pytest.fixture
def run_check() -> RunCheck:
    """Return ``run_check(kind, within=SECONDS, **settings)``, which runs the check of ``kind`` in this thread."""
    return _run_check


def _run_check(kind: str, *, within: float = 30.0, **settings: object) -> Outcome:
    check = find(kind)
    target = check.settings(**settings)
    probe = Probe(endpoint=check.plan(target).endpoint, timeout=within, write=target.write)
    finding = None
    try:
        check.run(target, probe)
    except Finding as found:
        finding = found
    left = probe.clean_up(finding)
    said = finding or next(iter(probe.warnings), None)
    status = "error" if finding or left else "warning" if said else "ok"
    return Outcome(
        status=status,
        cause=said.cause if said else None,
        step=probe.current_step,
        message=said.message if said else probe.message,
        subject=said.subject if said else None,
        probe=probe,
        left=left,
        retry_after=finding.retry_after if finding else 0.0,
    )


@pytest.fixture
def uninstall(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return ``uninstall(package)``, after which the package can't be imported, as if it had not been installed."""

    def uninstall(package: str) -> None:
        # First the door, then the modules: a thread that an abandoned check left may import again in between.
        monkeypatch.setattr(sys, "meta_path", [_NotInstalled(package), *sys.meta_path])
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            monkeypatch.delitem(sys.modules, name, raising=False)

    return uninstall


class _NotInstalled(MetaPathFinder):
    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, *_: object) -> None:
        if name == self.package or name.startswith(f"{self.package}."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
