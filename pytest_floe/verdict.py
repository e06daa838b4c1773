"""From what a probe saw to a PreflightResult, and from results to the report's list of checks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_floe import causes
from pytest_floe.diagnosis import Finding
from pytest_floe.probe import Probe
from pytest_floe.report.models import Details, Notice, PreflightResult, Status, StepResult
from pytest_floe.report.plaintext import plain
from pytest_floe.secrets import Scrubber

_LONGEST = 1000
_LONGEST_KEY = 100
#: Of the leftovers of earlier runs, in a remedy.
_MOST_NAMED = 10


@dataclass(frozen=True)
class Identity:
    """Which check a result is of: a target's, or that of a marked test. ``id`` is ENV-SERVICE-NAME."""

    id: str
    service: str
    kind: str
    name: str
    endpoint: str = ""
    principal: str | None = None
    remedy: str | None = None

    @property
    def environment(self) -> str:
        """The environment that the id begins with."""
        return self.id.removesuffix(f"-{self.service}-{self.name}")

    @property
    def place(self) -> str:
        """Where the check itself is found: the node id of a marked test, else the id of the target."""
        return self.endpoint if "::" in self.endpoint and self.kind == self.service else self.id


class Judge:
    """Makes results; knows the threshold of slowness in milliseconds, and which values must not be shown."""

    def __init__(self, scrubber: Scrubber, slow_ms: float) -> None:
        self.scrubber = scrubber
        self.slow_ms = slow_ms

    def of_probe(
        self,
        identity: Identity,
        probe: Probe,
        finding: Finding | None,
        *,
        left: Iterable[str] = (),
        attempts: int = 1,
        waited_ms: int = 0,
        duration_ms: int = 0,
    ) -> PreflightResult:
        """Return the result of a check that ended with ``finding``, or without one; ``left`` is what stayed behind."""
        left = list(left)
        notices = [*probe.warnings, *_not_swept(probe), *self._slow_steps(probe, finding)]
        if finding is None and left:
            finding = Finding("operate.not_removed", "what the check created could not be removed", ", ".join(left))
        status: Status = "error" if finding else "warning" if notices else "ok"
        head = finding or (notices.pop(0) if notices else None)
        details = self._details(identity) | {
            "cause": head.cause if head else None,
            "step": finding.step or probe.current_step if finding else None,
            "steps": _steps(probe),
            "blocked_by": list(probe.blocked_by),
            "scope": None if finding else _scope(probe),
            "principal": probe.known_as or identity.principal,
            "notices": [self._notice(identity, notice) for notice in notices],
            "left_behind": left,
            "swept": list(probe.swept),
            "attempts": attempts,
            "waited_ms": waited_ms,
        }
        facts = {key: value for key, value in probe.facts.items() if key not in Details.model_fields}
        message = head.message if head else probe.message or ("verified" if probe.steps else "passed; it names no step")
        return self._result(identity, status, message, head, details | facts, duration_ms)

    def incomplete(
        self, identity: Identity, cause: str, message: str, subject: str | None = None, **details: Any
    ) -> PreflightResult:
        """Return the result of a check that never came to one."""
        finding = Finding(cause, message, subject)
        facts = self._details(identity) | {"cause": cause, "principal": identity.principal} | details
        return self._result(identity, "error", message, finding, facts)

    def blocked(self, identity: Identity, message: str, by: list[str], **details: Any) -> PreflightResult:
        """Return the result of a check that the failure of the targets ``by``, ids, kept from coming to one."""
        return self.incomplete(identity, "blocked", message, ", ".join(by), blocked_by=by, step="wait", **details)

    def hung(self, identity: Identity, step: str, **details: Any) -> PreflightResult:
        """Return the result of a check that held the interpreter's lock in ``step`` beyond its deadline."""
        text = f"no answer in step {step} by the deadline; this check, or one beside it, blocked its whole process"
        before_tcp = step.partition(".")[0] in ("resolve", "connect")
        return self.incomplete(identity, "connect.timeout" if before_tcp else "timeout", text, step=step, **details)

    def _slow_steps(self, probe: Probe, finding: Finding | None) -> list[Finding]:
        if finding and finding.cause != "blocked":
            return []
        slow = [step for step in probe.steps if step.of_service and step.duration_ms > self.slow_ms]
        if not slow:
            return []
        worst = max(slow, key=lambda step: step.duration_ms)
        text = f"step {worst.name} took {worst.duration_ms:,} ms, threshold {self.slow_ms:,.0f} ms"
        return [Finding("latency.slow", text, probe.address)]

    def _details(self, identity: Identity) -> dict[str, Any]:
        return {
            "target": identity.id,
            "kind": identity.kind,
            "name": identity.name,
            "endpoint": self.scrubber.scrub_strong(identity.endpoint),
        }

    def _notice(self, identity: Identity, finding: Finding) -> Notice:
        remedy = self._remedy(identity, finding)
        return Notice(cause=finding.cause, message=self.shown(finding.message), remediation=remedy)

    def _remedy(self, identity: Identity, finding: Finding) -> str:
        if identity.remedy and not finding.subject and finding.cause not in causes.INCOMPLETE:
            return self.shown(identity.remedy)
        return self.shown(causes.remedy(finding.cause, finding.subject or _subject(identity, finding.cause)))

    def _result(
        self,
        identity: Identity,
        status: Status,
        message: str,
        finding: Finding | None,
        details: Mapping[str, Any],
        duration_ms: int = 0,
    ) -> PreflightResult:
        kept = {
            plain(key, _LONGEST_KEY): value if key in _EXEMPT else self._clean(value) for key, value in details.items()
        }
        return PreflightResult(
            service=identity.service,
            status=status,
            message=self.shown(message),
            duration_ms=duration_ms,
            remediation=self._remedy(identity, finding) if finding else None,
            details=Details.model_validate(kept),
        )

    def shown(self, text: str) -> str:
        """Scrub free text, and keep what a server wrote from taking over a terminal or a page."""
        return self.scrubber.scrub(plain(self.scrubber.scrub(text), _LONGEST))

    def _clean(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._clean(item) for item in value[:100]]
        if isinstance(value, dict):
            return {plain(str(key), _LONGEST_KEY): self._clean(item) for key, item in list(value.items())[:100]}
        if isinstance(value, str):
            return plain(value, _LONGEST) if self.scrubber.is_public(value) else self.shown(value)
        plain_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
        return value if plain_number or isinstance(value, Notice | None) else self.shown(str(value))


def _subject(identity: Identity, cause: str) -> str:
    """Return what the remedy of ``cause`` is about where the finding does not say it."""
    if cause == "incomplete.check_broken":
        return identity.place
    if cause == "operate.failed":
        return f"look at the assertion of {identity.place}"
    if cause in causes.INCOMPLETE:
        narrowed = "" if identity.kind == "pytest" else f" --floe-check={identity.service}"
        return f"pytest --floe-env={identity.environment}{narrowed}"
    return identity.endpoint or identity.id


def _not_swept(probe: Probe) -> list[Finding]:
    """Return one warning for all that earlier runs left and this one could not remove."""
    if not probe.not_swept:
        return []
    names, why = list(probe.not_swept), next(iter(probe.not_swept.values()))
    more = [f"and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    text = f"could not remove what earlier runs left ({len(names)} in all): {why}"
    return [Finding("operate.not_removed", text, ", ".join([*names[:_MOST_NAMED], *more]))]


def _scope(probe: Probe) -> str:
    """Return what a green result verified; a check that could not write after all says so as a fact."""
    if any(warning.cause == "config.object_not_given" for warning in probe.warnings):
        return "read-only"
    return str(probe.facts.get("scope", "read-write" if probe.write else "read-only"))


#: Fields whose values the schema or the configuration fixes.
_EXEMPT = (
    "target",
    "kind",
    "name",
    "endpoint",
    "cause",
    "step",
    "steps",
    "blocked_by",
    "scope",
    "attempts",
    "waited_ms",
)


def _steps(probe: Probe) -> list[dict[str, Any]]:
    steps = [StepResult(name=s.name, outcome=s.outcome, duration_ms=s.duration_ms) for s in probe.steps]
    return [step.model_dump() for step in steps]


def reconcile(
    expected: Iterable[Identity], results: Mapping[str, PreflightResult], judge: Judge, reason: str
) -> list[PreflightResult]:
    """Return one result for each expected check, in their order; what has none was not run, for ``reason``."""
    return [
        results.get(identity.id) or judge.incomplete(identity, "incomplete.not_run", f"not run: {reason}")
        for identity in expected
    ]
