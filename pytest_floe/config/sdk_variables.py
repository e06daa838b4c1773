"""What the environment variables of a kind's own SDK say about a declared target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from pytest_floe.config.document import Node, Nodes
from pytest_floe.config.keys import Key, keys_of
from pytest_floe.settings import Settings


def fill(model: type[Settings], given: Mapping[str, Any], environ: Mapping[str, str]) -> Nodes:
    """Return nodes for the keys that ``given`` (resolved values) lacks.

    Never a second identity: what says who logs in comes whole from one side, or completes the other without
    contradicting it, as PGPASSWORD completes a user that is given while PGUSER names no other.
    """
    found = {key.name: node for key in keys_of(model).values() if (node := _node(key, environ))}
    stated = _login_keys(model) & given.keys()
    if stated:
        agree = all(_reveal(given[name]) == _reveal(found[name].value) for name in stated & found.keys())
        barred = model.whole_logins | (_secrets(model) if stated & _secrets(model) else frozenset())
        if not agree or stated & model.whole_logins:
            barred = _login_keys(model)
        found = {name: node for name, node in found.items() if name not in barred}
    return {name: node for name, node in found.items() if name not in given}


def _node(key: Key, environ: Mapping[str, str]) -> Node | None:
    name = next((name for name in key.variables if environ.get(name, "").strip()), None)
    if name is None:
        return None
    value = environ[name]
    return Node(SecretStr(value) if key.secret else value, f"environment variable {name}")


def _secrets(model: type[Settings]) -> frozenset[str]:
    return frozenset(key.name for key in keys_of(model).values() if key.secret)


def _login_keys(model: type[Settings]) -> frozenset[str]:
    return _secrets(model) | model.login_names | model.whole_logins


def _reveal(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value).strip()
