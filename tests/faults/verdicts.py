"""Runs a cell as the product runs a target, and says what is not as the cell says."""

from __future__ import annotations

import base64
import secrets
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_floe import Probe, registry
from pytest_floe.config.targets import Target
from pytest_floe.context import Context
from pytest_floe.report.models import PreflightResult
from pytest_floe.running import Journal, Runner
from pytest_floe.secrets import WEAK_BELOW
from tests.faults.cell import Cell, Scene, Twin
from tests.faults.lab import Lab

CheckFunction = Callable[[Any, Probe], None]

#: How much longer than its deadline a check may take, in seconds.
GRACE = 1.0


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the result as the report has it, and how it was on the server afterwards.

    ``seconds`` is the time from start to result, clean-up included. ``left`` are names of what is on the server and
    should not be, ``leaked`` names the secrets that the result shows, ``names`` are what placeholders stand for.
    """

    result: PreflightResult
    seconds: float
    left: tuple[str, ...]
    leaked: tuple[str, ...]
    names: dict[str, str] = field(repr=False)

    @property
    def walked(self) -> tuple[str, ...]:
        """The steps that were begun."""
        return tuple(step.name for step in self.result.details.steps)


def run_cell(cell: Cell | Twin, lab: Lab, check: CheckFunction | None = None) -> Outcome:
    """Arrange the cell, run its check once, and look at the server; ``check`` takes the registered one's place."""
    with cell.arrange(lab) as scene, _registered(cell.kind, check):
        target = _target(cell, scene)
        context = _context(cell, lab, target)
        began = time.monotonic()
        runner = Runner(context.judge, timeout=context.timeout)
        result = runner.start(context.task(target, Journal())).result()
        seconds = time.monotonic() - began
        shown = result.model_dump_json()
        hidden = {**target.secrets(), **{f"secret {n}": secret for n, secret in enumerate(scene.secrets)}}
        leaked = tuple(name for name, secret in hidden.items() if any(form in shown for form in _forms(secret)))
        return Outcome(result, seconds, tuple(scene.leftovers()), leaked, _names(target, scene))


def problems(cell: Cell, outcome: Outcome) -> list[str]:
    """Return what is not as ``cell`` says; nothing if the check is right."""
    result, details = outcome.result, outcome.result.details
    wanted = {"status": cell.status, "cause": cell.cause, "step": cell.step}
    found = {"status": result.status, "cause": details.cause, "step": details.step}
    said = [f"{key} is {found[key]}, not {wanted[key]}" for key in wanted if found[key] != wanted[key]]
    remedy = filled(cell.remedy, outcome.names)
    if remedy not in (result.remediation or ""):
        said.append(f"remedy is {result.remediation!r}, and lacks {remedy!r}")
    if cell.says not in result.message:
        said.append(f"message lacks {cell.says!r}")
    said += _unwanted(outcome, cell.deadline, stays=cell.stays)
    return [*said, f"message: {result.message}"] if said else []


def twin_problems(twin: Twin, outcome: Outcome) -> list[str]:
    """Return why a server without a fault is not ``ok``; nothing if it is."""
    said = [] if outcome.result.status == "ok" else [f"{outcome.result.status}: {outcome.result.message}"]
    return said + _unwanted(outcome, twin.deadline, stays=False)


def filled(remedy: str, names: dict[str, str]) -> str:
    """Return ``remedy`` with its placeholders filled; what is no placeholder stays."""
    for name, value in names.items():
        remedy = remedy.replace(f"{{{name}}}", value)
    return remedy


def _unwanted(outcome: Outcome, deadline: float, *, stays: bool) -> list[str]:
    named = outcome.result.details.left_behind
    shown = [*named, outcome.result.message, outcome.result.remediation or ""]
    unnamed = [name for name in outcome.left if not any(name in text for text in shown)]
    said = [f"{name} is left on the server, and the result does not say so" for name in unnamed]
    said += [f"{name} is left behind" for name in (*named, *outcome.left) if not stays]
    stayed = named or outcome.left
    said += ["nothing is left behind, and the cell says that something is"] if stays and not stayed else []
    said += [f"{name} is shown" for name in outcome.leaked]
    if outcome.seconds > deadline + GRACE:
        said.append(f"took {outcome.seconds:.1f} s, with a deadline of {deadline} s")
    return said


@contextmanager
def _registered(kind: str, check: CheckFunction | None) -> Iterator[None]:
    known = registry.find(kind)
    registry._registered[kind] = replace(known, run=check) if check else known
    try:
        yield
    finally:
        registry._registered[kind] = known


def _target(cell: Cell | Twin, scene: Scene) -> Target:
    known = registry.find(cell.kind)
    settings = known.settings.model_validate({key: value for key, value in scene.settings.items() if value is not None})
    return Target("matrix", known.service, cell.kind, cell.kind, settings, shown={}, origins={})


def _context(cell: Cell | Twin, lab: Lab, target: Target) -> Context:
    slow = cell.slow if isinstance(cell, Cell) else 1000 * cell.deadline
    return Context(
        environment="matrix",
        run_id=secrets.token_hex(4),
        run_dir=lab.tmp_path,
        report_dir=lab.tmp_path,
        timeout=cell.deadline,
        slow=slow,
        strict=False,
        wait=0,
        targets=(target,),
    )


def _names(target: Target, scene: Scene) -> dict[str, str]:
    connects = target.plan.connects
    address = {"address": connects[0].partition("://")[2]} if connects else {}
    plain = {key: str(value) for key, value in scene.settings.items() if isinstance(value, str | int)}
    public = {key: value for key, value in plain.items() if key not in target.secrets()}
    return {**public, **address, **scene.names}


def _forms(secret: str) -> set[str]:
    """Return ``secret``, which may have lines, in the encodings that it must not be seen in."""
    values = {line for line in secret.splitlines() if len(line) >= WEAK_BELOW}
    encoded = {base64.b64encode(value.encode()).decode().rstrip("=") for value in values}
    return values | encoded | {urllib.parse.quote(value, safe="") for value in values}
