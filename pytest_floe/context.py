"""What every process of a run knows: the options, the targets and the secrets to keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from pytest_floe import registry
from pytest_floe.blocking import Needs
from pytest_floe.config.targets import Target
from pytest_floe.evidence import Evidence
from pytest_floe.probe import Probe
from pytest_floe.proxies import passwords
from pytest_floe.report.vocabulary import vocabulary
from pytest_floe.report.writing import EVIDENCE_NAME
from pytest_floe.running import Journal, Task
from pytest_floe.secrets import Scrubber
from pytest_floe.verdict import Identity, Judge
from pytest_floe.workers import Workers


@dataclass
class Context:
    """One run as seen by one process; the controller makes it and hands it to its workers.

    ``timeout`` and ``wait`` are seconds, ``slow`` milliseconds; ``run_dir`` is the run's private folder, and
    ``report_dir`` that of its report; ``services`` are those that --floe-check names; ``ends`` is the reading of the
    monotonic clock, one for all processes of a machine, when --floe-deadline ends the run.
    """

    environment: str
    run_id: str
    run_dir: Path
    report_dir: Path
    timeout: float
    slow: float
    strict: bool
    wait: float
    targets: tuple[Target, ...]
    services: tuple[str, ...] = ()
    ends: float | None = None
    scrubber: Scrubber = field(default_factory=Scrubber)

    def __post_init__(self) -> None:
        self.judge = Judge(self.scrubber, self.slow)
        self.evidence = Evidence(self.run_id, self.scrubber)
        self.workers = Workers(self.run_dir)
        self.scrubber.declare_public(vocabulary())
        known = [*self.targets, *(joined for target in self.targets for joined in target.joined.values())]
        for target in known:
            self.scrubber.declare_public(target.public_values())
        for target in known:
            for secret in target.secrets().values():
                self.scrubber.add(secret)
        for secret in passwords():
            self.scrubber.add(secret)

    def watch_orders(self) -> dict[str, Any]:
        """Return what the watchdog of any process of the run must know."""
        return {"run": self.run_id, "evidence": str(self.report_dir / EVIDENCE_NAME)}

    def task(self, target: Target, journal: Journal, needs: Needs | None = None) -> Task:
        """Return what the runner needs to verify ``target``, which itself ``needs`` others."""
        identity = identity_of(target)

        def make_probe(timeout: float) -> Probe:
            write = target.settings.write
            probe = self.probe(identity.id, timeout, journal, endpoint=identity.endpoint, write=write, needs=needs)
            for key in self._weak_secrets(target):
                probe.warn("config.weak_secret", f"{key} is short, or part of a public value", f"{target.kind}.{key}")
            return probe

        def body(probe: Probe) -> None:
            registry.find(target.kind).run(target.settings, probe)
            if not any(step.of_service for step in probe.steps):
                probe.fail("incomplete.check_broken", "the check ended without a single step on the service")

        return Task(identity, make_probe, body)

    def probe(
        self, target: str, timeout: float, journal: Journal, *, endpoint: str, write: bool, needs: Needs | None = None
    ) -> Probe:
        """Return a fresh probe for the check of ``target``."""
        return Probe(
            endpoint=endpoint,
            run_id=self.run_id,
            timeout=timeout,
            write=write,
            scrubber=self.scrubber,
            on_step=lambda step: journal.stepped(target, step),
            on_canary=lambda name: journal.created(target, self.judge.shown(name)),
            on_removed=lambda name: journal.removed(target, self.judge.shown(name)),
            needs=needs,
        )

    def narrowed(self, identities: Iterable[Identity]) -> tuple[list[Identity], list[Identity]]:
        """Return which of ``identities`` --floe-check keeps, and which it leaves out."""
        everything = list(identities)
        chosen = [one for one in everything if not self.services or one.service in self.services]
        return chosen, [one for one in everything if one not in chosen]

    def _weak_secrets(self, target: Target) -> list[str]:
        return [key for key, secret in target.secrets().items() if self.scrubber.is_weak(secret)]

    def as_handover(self) -> dict[str, Any]:
        """Return the context as plain builtins, for a worker on the same machine; secrets are in clear."""
        return {
            "environment": self.environment,
            "run_id": self.run_id,
            "run_dir": str(self.run_dir),
            "report_dir": str(self.report_dir),
            "timeout": self.timeout,
            "slow": self.slow,
            "strict": self.strict,
            "wait": self.wait,
            "ends": self.ends,
            "services": list(self.services),
            "targets": [_packed(target) for target in self.targets],
        }

    @classmethod
    def from_handover(cls, data: Mapping[str, Any]) -> Context:
        """Return the context that ``as_handover`` described."""
        targets = tuple(_unpacked(packed) for packed in data["targets"])
        folders = {name: Path(data[name]) for name in ("run_dir", "report_dir")}
        return cls(**{**data, **folders, "targets": targets, "services": tuple(data["services"])})


def identity_of(target: Target) -> Identity:
    """Return how the report names ``target``."""
    plan = target.plan
    return Identity(target.id, target.service, target.kind, target.name, plan.endpoint, plan.principal)


def _packed(target: Target) -> dict[str, Any]:
    # Defaults stay out: a validator may forbid to set them beside what was given.
    values = target.settings.model_dump(exclude_unset=True, by_alias=True)
    return {
        "environment": target.environment,
        "service": target.service,
        "kind": target.kind,
        "name": target.name,
        "needs": list(target.needs),
        "joined": {service: _packed(joined) for service, joined in target.joined.items()},
        "settings": {key: _plain(value) for key, value in values.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _unpacked(packed: Mapping[str, Any]) -> Target:
    plain = registry.find(packed["kind"]).settings.model_validate(packed["settings"])
    settings = plain.joining({service: _unpacked(joined) for service, joined in packed["joined"].items()})
    identity = {key: packed[key] for key in ("environment", "service", "kind", "name")}
    return Target(**identity, settings=settings, shown={}, origins={}, needs=tuple(packed["needs"]))
