"""What pytest loads in every run. It registers options, a marker and fixtures; all else waits for ``--floe-env``."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from pytest_floe import options

if TYPE_CHECKING:
    from pytest_floe.probe import Probe

pytest_plugins = ["pytest_floe.synthetic.fixtures"]

_OFF = "preflight checks run with --floe-env=NAME only"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, with ``--floe-env``, this process's side of the run."""
    config.addinivalue_line(
        "markers",
        "preflight(service, remediation=...): a preflight check of your own; needs --floe-env=NAME to run.",
    )
    if config.getoption("floe_env") is None:
        options.require_environment(config)
        return
    options.narrow_paths(config)
    if options.only_lists(config.option):
        config.option.dist = "no"  # there is nothing that workers of pytest-xdist could share
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        from pytest_floe.worker import Worker  # noqa: PLC0415 - a run without --floe-env must not pay for it

        config.pluginmanager.register(Worker(config, workerinput), "floe-worker")
        return
    from pytest_floe.controller import Controller  # noqa: PLC0415 - as above

    config.pluginmanager.register(Controller(config), "floe-controller")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Move an earlier report aside before anything can go wrong; what keeps it there is told when the run starts."""
    given = early_config.known_args_namespace
    if given.floe_env is None or given.floe_plan or options.only_lists(given) or _in_worker():
        return
    from pytest_floe import startup  # noqa: PLC0415 - as above

    with contextlib.suppress(OSError):
        startup.move_report_aside(early_config)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer ``--floe-plan`` in place of a run."""
    if config.getoption("floe_env") is None or not config.getoption("floe_plan"):
        return None
    from pytest_floe import listing  # noqa: PLC0415 - as above

    return listing.print_plan(config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the preflight checks among a project's ordinary tests."""
    if item.get_closest_marker("preflight") and item.config.getoption("floe_env") is None:
        pytest.skip(_OFF)


@pytest.fixture
def probe() -> Probe:
    """The probe of a test marked `preflight`; overridden where such tests run."""
    pytest.skip(_OFF)


def _in_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ
