"""The keys that a kind's section takes, as its settings model declares them."""

from __future__ import annotations

import functools
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from pytest_floe.settings import ENVIRONMENT_KEY, Settings


@dataclass(frozen=True)
class Key:
    """One key: ``name`` as floe.yaml spells it, ``attribute`` of the settings, the SDK's ``variables`` for it.

    A ``file`` is read by the check, so it must exist; a ``secret`` is taken by reference only.
    """

    name: str
    attribute: str
    secret: bool
    file: bool
    variables: tuple[str, ...]


@functools.cache
def keys_of(model: type[Settings]) -> dict[str, Key]:
    """Return the keys of ``model`` by name."""
    return {key.name: key for key in (_key(*item) for item in model.model_fields.items())}


def _key(attribute: str, field: FieldInfo) -> Key:
    extra = field.json_schema_extra
    variables = typing.cast("list[str]", extra.get(ENVIRONMENT_KEY, [])) if isinstance(extra, dict) else []
    parts = list(_parts(field.annotation))
    return Key(field.alias or attribute, attribute, SecretStr in parts, Path in parts, tuple(variables))


def _parts(annotation: Any) -> typing.Iterator[Any]:
    yield annotation
    for part in typing.get_args(annotation):
        yield from _parts(part)
