"""Which check verifies which kind of service."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pytest_floe.probe import Probe
    from pytest_floe.settings import Settings

    S = TypeVar("S", bound=Settings)

ENTRY_POINTS = "pytest_floe.checks"

#: kind -> (service, module). A module is imported when a target of its kind is configured.
BUILT_IN = {
    "trino": ("compute", "pytest_floe.checks.trino"),
    "snowflake": ("compute", "pytest_floe.checks.snowflake"),
    "bigquery": ("compute", "pytest_floe.checks.bigquery"),
    "duckdb": ("compute", "pytest_floe.checks.duckdb"),
    "s3": ("storage", "pytest_floe.checks.s3"),
    "gcs": ("storage", "pytest_floe.checks.gcs"),
    "adls": ("storage", "pytest_floe.checks.adls"),
    "polaris": ("catalog", "pytest_floe.checks.polaris"),
    "postgres": ("postgres", "pytest_floe.checks.postgres"),
    "lakehouse": ("lakehouse", "pytest_floe.checks.lakehouse"),
}


@dataclass(frozen=True)
class Plan:
    """What a check would touch, told from the settings alone, without any network.

    ``endpoint`` is the short form shown in reports; ``connects`` lists addresses as ``scheme://host:port``;
    ``principal`` says who logs in (never a secret); ``reads`` and ``creates`` name objects, ``needs`` the
    permissions; what is in ``creates`` is deleted again.
    """

    endpoint: str
    connects: tuple[str, ...] = ()
    principal: str | None = None
    reads: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A registered check: how one kind of service is configured, planned and verified."""

    service: str
    kind: str
    settings: type[Settings]
    plan: Callable[[Any], Plan] = field(repr=False)
    run: Callable[[Any, Probe], None] = field(repr=False)


_registered: dict[str, Check] = {}


def check(
    service: str, kind: str, *, settings: type[S], plan: Callable[[S], Plan]
) -> Callable[[Callable[[S, Probe], None]], Callable[[S, Probe], None]]:
    """Register the decorated function as the check of ``kind``.

    Raises ValueError if another function is registered for that kind already.
    """

    def register(run: Callable[[S, Probe], None]) -> Callable[[S, Probe], None]:
        known = _registered.get(kind)
        if known and (known.run.__module__, known.run.__qualname__) != (run.__module__, run.__qualname__):
            raise ValueError(f"kind {kind!r} is checked by {known.run.__module__} already")
        _registered[kind] = Check(service, kind, settings, plan, run)
        return run

    return register


def kinds() -> dict[str, str]:
    """Return every kind that can be configured, with its service.

    Built-in kinds, those of entry points, and those that a conftest.py registered.
    """
    plugged = {point.name: find(point.name).service for point in entry_points(group=ENTRY_POINTS)}
    registered = {kind: known.service for kind, known in _registered.items()}
    return {kind: service for kind, (service, _) in BUILT_IN.items()} | plugged | registered


def find(kind: str) -> Check:
    """Return the check of ``kind``, importing its module on first use; raises KeyError for an unknown kind."""
    if kind not in _registered:
        if kind in BUILT_IN:
            importlib.import_module(BUILT_IN[kind][1])
        else:
            for point in entry_points(group=ENTRY_POINTS, name=kind):
                point.load()
    return _registered[kind]
