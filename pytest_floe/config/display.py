"""Values of the configuration as a message may show them."""

from __future__ import annotations

from typing import Any

from pytest_floe.config import references
from pytest_floe.config.document import Node
from pytest_floe.config.problems import without_credentials

_LONGEST = 80


def shown(node: Node | None, value: Any) -> str:
    """Return ``value``, which ``node`` stands for, as text: a reference as it is written, credentials masked."""
    if node is not None and isinstance(node.value, str) and references.has_reference(node.value):
        value = node.value
    if isinstance(value, str):
        return repr(without_credentials(value)[:_LONGEST])
    if isinstance(value, bool | int | float | None):
        return str(value)[:_LONGEST]
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "the value"
