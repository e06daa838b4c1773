"""Deployment preflight checks as pytest tests.

The names below are all that a check needs; they are loaded on first use, so that a pytest run without
``--floe-env`` does not pay for them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pytest_floe.diagnosis import Finding, http_cause, shortened
    from pytest_floe.probe import Probe
    from pytest_floe.registry import Plan, check
    from pytest_floe.settings import Port, Secret, Settings, Url, located, setting, url_host

_HOMES = {
    "Finding": "diagnosis",
    "Plan": "registry",
    "Port": "settings",
    "Probe": "probe",
    "Secret": "settings",
    "Settings": "settings",
    "Url": "settings",
    "check": "registry",
    "http_cause": "diagnosis",
    "located": "settings",
    "setting": "settings",
    "shortened": "diagnosis",
    "url_host": "settings",
}

__all__ = [
    "Finding",
    "Plan",
    "Port",
    "Probe",
    "Secret",
    "Settings",
    "Url",
    "check",
    "http_cause",
    "located",
    "setting",
    "shortened",
    "url_host",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
