"""What --collect-only and --floe-plan print: the targets, where each value came from, and what would be touched."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator

import pytest

from pytest_floe import startup
from pytest_floe.config.problems import ConfigurationProblems
from pytest_floe.config.targets import Target


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
    try:
        context = startup.listed(config)
    except ConfigurationProblems as error:
        raise pytest.UsageError(str(error)) from error
    shutil.rmtree(context.run_dir)
    sys.stdout.writelines(f"{context.scrubber.scrub_strong(line)}\n" for line in plan(context.targets))
    return int(pytest.ExitCode.OK)


def _rows(title: str, values: Iterable[str]) -> Iterator[str]:
    for index, value in enumerate(values):
        yield f"    {title if index == 0 else '':<20} {value}"
