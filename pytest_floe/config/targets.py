"""A target: one service of one environment, ready to be verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from pytest_floe import registry
from pytest_floe.diagnosis import Finding, describe
from pytest_floe.settings import Settings


@dataclass(frozen=True)
class Target:
    """One service of one environment with its settings.

    ``shown`` maps each given key to what may be displayed (a secret as its reference) and ``origins`` to where
    it came from. ``needs`` holds the ids of the targets without which it does not write.
    """

    environment: str
    service: str
    kind: str
    name: str
    settings: Settings
    shown: Mapping[str, str]
    origins: Mapping[str, str]
    needs: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """ENV-SERVICE-NAME, the same wherever the plugin is installed."""
        return f"{self.environment}-{self.service}-{self.name}"

    @property
    def joined(self) -> dict[str, Target]:
        """The targets whose settings its check uses beside its own, by service."""
        return {service: other for service, other in self.settings.joined.items() if isinstance(other, Target)}

    @property
    def plan(self) -> registry.Plan:
        """What its check would touch; nothing can be told of that where there is a ``plan_defect``."""
        made: registry.Plan = registry.Plan(endpoint=self.kind) if self.plan_defect else self._made
        return made

    @cached_property
    def plan_defect(self) -> Finding | None:
        """Why what the check would touch can't be told: the kind's own function for that is broken."""
        function = registry.find(self.kind).plan
        subject = f"the plan function of kind {self.kind}, in {getattr(function, '__module__', '?')}"
        try:
            made = self._made
        except Exception as error:  # noqa: BLE001 - whatever a kind of somebody else's raises
            return Finding("incomplete.check_broken", f"the plan of kind {self.kind} fails: {describe(error)}", subject)
        if not isinstance(made, registry.Plan):
            said = f"the plan of kind {self.kind} is a {type(made).__name__}, not a Plan"
            return Finding("incomplete.check_broken", said, subject)
        return None

    @cached_property
    def _made(self) -> Any:
        return registry.find(self.kind).plan(self.settings)

    def secrets(self) -> dict[str, str]:
        """Return the secret values by attribute; parts of a structured one are joined by line."""
        found = {key: [*_secrets(getattr(self.settings, key))] for key in type(self.settings).model_fields}
        return {key: "\n".join(values) for key, values in found.items() if values}

    def public_values(self) -> Iterator[str]:
        """Yield every text that the configuration shows as not secret."""
        yield from (self.environment, self.service, self.kind, self.name)
        yield from _texts(self.settings.model_dump())


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str | Path):
        yield str(value)
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
