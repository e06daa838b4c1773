"""Running a check as the product does, against a server that plays a conversation."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_floe import registry
from pytest_floe.config.targets import Target
from pytest_floe.context import Context
from pytest_floe.probe import CLEAN_UP_SECONDS
from pytest_floe.report.models import PreflightResult
from pytest_floe.running import Journal, Runner
from tests.faults.verdicts import _forms

RUN_ID = "0badcafe"
#: Seconds; a mutated answer may well make a client wait.
DEADLINE = 2.0
#: What a loaded machine may take to say so, in seconds.
GRACE = 8.0


@dataclass(frozen=True)
class Outcome:
    """A result, and how long it took to come to it, in seconds."""

    result: PreflightResult
    seconds: float
    leaked: tuple[str, ...]

    @property
    def status(self) -> str:
        return self.result.status


def run(kind: str, settings: dict[str, object], deadline: float = DEADLINE) -> Outcome:
    """Run the check of ``kind`` once."""
    known = registry.find(kind)
    target = Target("fuzz", known.service, kind, kind, known.settings.model_validate(settings), shown={}, origins={})
    with tempfile.TemporaryDirectory() as folder:
        context = Context(
            environment="fuzz", run_id=RUN_ID, run_dir=Path(folder), timeout=deadline, slow=60_000.0, strict=False,
            wait=0.0, targets=(target,), report_dir=Path(folder),
        )  # fmt: skip
        began = time.monotonic()
        runner = Runner(context.judge, timeout=deadline)
        result = runner.start(context.task(target, Journal())).result()
        seconds = time.monotonic() - began
    shown = result.model_dump_json()
    leaked = tuple(key for key, secret in target.secrets().items() if any(form in shown for form in _forms(secret)))
    return Outcome(result, seconds, leaked)


def flaws(outcome: Outcome, deadline: float = DEADLINE) -> list[str]:
    """Return what is wrong whatever the server answered."""
    details = outcome.result.details
    said = [f"{key} is shown" for key in outcome.leaked]
    if details.cause == "incomplete.check_broken":
        said.append(f"the check broke: {outcome.result.message}")
    patience = CLEAN_UP_SECONDS if details.left_behind else 0
    if outcome.seconds > deadline + GRACE + patience:
        said.append(f"took {outcome.seconds:.1f} s, with a deadline of {deadline} s")
    return said


Run = Callable[[], Outcome]
