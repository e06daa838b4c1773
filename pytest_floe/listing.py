"""What --collect-only and --floe-plan print: the targets, where each value came from, and what would be touched."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import cast

import pytest
from _pytest.main import wrap_session

from pytest_floe import options, startup
from pytest_floe.collecting import IDENTITY, Collecting, is_marked
from pytest_floe.config.problems import ConfigurationProblems
from pytest_floe.config.targets import Target
from pytest_floe.context import Context
from pytest_floe.verdict import Identity

_SILENT = -2  # as -qq


def origins(targets: Iterable[Target]) -> Iterator[str]:
    """Yield, for each target, its keys with value and origin; secrets as references."""
    for target in targets:
        yield f"{target.id}  {target.service} {target.kind}  {target.plan.endpoint}"
        for key in sorted(target.shown):
            yield f"    {key} = {target.shown[key]}   ({target.origins[key]})"
        yield from _rows("waits for", target.needs)


def plan(targets: Iterable[Target]) -> Iterator[str]:
    """Yield, for each target, every endpoint, principal, object and write that its check would touch."""
    for target in targets:
        what = target.plan
        yield f"{target.id}  {target.service} {target.kind}  {what.endpoint}"
        if target.plan_defect:
            yield from _rows("can't be told", (target.plan_defect.message,))
            continue
        yield from _rows("connects to", what.connects)
        yield from _rows("logs in as", (what.principal,) if what.principal else ())
        yield from _rows("reads", what.reads)
        yield from _rows("creates and removes", what.creates or ("nothing",))
        yield from _rows("needs", what.needs)
        yield from _rows("waits for", target.needs)


def print_plan(config: pytest.Config) -> int:
    """Print the plan of ``config``'s environment; return the exit status. Raises pytest.UsageError."""
    if options.may_have_own_checks(config):
        config.option.collectonly, config.option.verbose = True, _SILENT
        return int(wrap_session(config, _plan_with_own_checks))
    try:
        context = startup.listed(config)
    except ConfigurationProblems as error:
        raise pytest.UsageError(str(error)) from error
    shutil.rmtree(context.run_dir)
    _print(plan(context.targets), context)
    return int(pytest.ExitCode.OK)


class Listing:
    """Registered in place of Execution by --collect-only and --floe-plan: says what there is, and touches nothing."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.broken: list[str] = []

    def pytest_report_collectionfinish(self) -> list[str]:
        return ["", *origins(self.context.targets)]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            said = report.longreprtext.strip().splitlines()[-1:] or [""]
            self.broken.append(f"{report.nodeid}  could not be collected: {said[0].removeprefix('E').strip()}")


def _plan_with_own_checks(config: pytest.Config, session: pytest.Session) -> int:
    """Collect, in silence, and print the plan and the marked tests; return the exit status."""
    manager = config.pluginmanager
    listing = cast("Listing", manager.getplugin("floe-listing"))
    reporter = manager.unregister(name="terminalreporter") if manager.hasplugin("terminalreporter") else None
    try:
        session.perform_collect()
    finally:
        if reporter:
            manager.register(reporter, "terminalreporter")
    own = [item.stash[IDENTITY] for item in session.items if is_marked(item)]
    passed_over = cast("Collecting", manager.getplugin("floe-collecting")).passed_over
    unknown = [*listing.broken, *(f"{found.endpoint}  is left out: {why}" for found, why in passed_over.items())]
    _print([*plan(listing.context.targets), *_of_own(own), *unknown], listing.context)
    return int(pytest.ExitCode.TESTS_FAILED if unknown else pytest.ExitCode.OK)


def _of_own(identities: Iterable[Identity]) -> Iterator[str]:
    for identity in identities:
        yield f"{identity.id}  {identity.service}  {identity.endpoint}"
        yield from _rows("own check", ("what it touches is not known",))


def _print(lines: Iterable[str], context: Context) -> None:
    sys.stdout.writelines(f"{context.scrubber.scrub_strong(line)}\n" for line in lines)


def _rows(title: str, values: Iterable[str]) -> Iterator[str]:
    for index, value in enumerate(values):
        yield f"    {title if index == 0 else '':<20} {value}"
