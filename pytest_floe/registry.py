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
    permissions; what is in ``creates`` is deleted again. Raises TypeError for what is no text.
    """

    endpoint: str
    connects: tuple[str, ...] = ()
    principal: str | None = None
    reads: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.endpoint, str) or not isinstance(self.principal, str | None):
            raise TypeError("endpoint and principal of a Plan must be text")
        for name in ("connects", "reads", "creates", "needs"):
            rows = getattr(self, name)
            if not isinstance(rows, tuple | list) or not all(isinstance(row, str) for row in rows):
                raise TypeError(f"{name} of a Plan must be a tuple of texts")


@dataclass(frozen=True)
class Check:
    """A registered check: how one kind of service is configured, planned and verified."""

    service: str
    kind: str
    settings: type[Settings]
    plan: Callable[[Any], Plan] = field(repr=False)
    run: Callable[[Any, Probe], None] = field(repr=False)


@dataclass(frozen=True)
class Clash:
    """A check that was refused, for its kind has one: both as the names of module and function."""

    kind: str
    refused: str
    kept: str


_registered: dict[str, Check] = {}
_clashes: list[Clash] = []


def check(
    service: str, kind: str, *, settings: type[S], plan: Callable[[S], Plan]
) -> Callable[[Callable[[S, Probe], None]], Callable[[S, Probe], None]]:
    """Register the decorated function as the check of ``kind``, unless that is built in or has another one already.

    What is refused is among ``clashes``; raising here would show a traceback where a sentence about the configuration
    is due.
    """

    def register(run: Callable[[S, Probe], None]) -> Callable[[S, Probe], None]:
        kept = _owner(kind, run)
        if kept is not None:
            _clashes.append(Clash(kind, _name_of(run), kept))
        else:
            _registered[kind] = Check(service, kind, settings, plan, run)
        return run

    return register


def clashes() -> tuple[Clash, ...]:
    """Return the checks that were refused so far."""
    return tuple(_clashes)


def _owner(kind: str, run: Callable[..., None]) -> str | None:
    """Return the name of the check of ``kind`` if that is another than ``run``, which may come from a new import."""
    if kind in BUILT_IN:
        module = BUILT_IN[kind][1]
        return module if run.__module__ != module else None
    known = _registered.get(kind)
    return _name_of(known.run) if known and _name_of(known.run) != _name_of(run) else None


def _name_of(run: Callable[..., None]) -> str:
    return f"{run.__module__}.{run.__qualname__}"


def kinds() -> dict[str, str]:
    """Return every kind that can be configured, with its service.

    Built-in kinds, those of entry points, and those that a conftest.py registered.
    """
    points = entry_points(group=ENTRY_POINTS)
    for point in points:
        point.load()  # also where its kind is taken, which makes a clash
    plugged = {point.name: find(point.name).service for point in points}
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
