"""Values of the configuration as a message may show them."""

from __future__ import annotations

from typing import Any

from pytest_floe.config import references
from pytest_floe.config.document import Node

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


def without_credentials(text: str) -> str:
    """Return ``text`` without the userinfo and query that an address may carry."""
    head, _, tail = text.rpartition("@")
    text = f"***@{tail}" if head or text.startswith("@") else text
    address, mark, _ = text.partition("?")
    return f"{address}?***" if mark else text
