"""Tables of one schema for all batches, which a batch whose schema drifts does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import TargetError  # noqa: TID252 - the folder is installed under another name
from ..schemas import SCHEMAS  # noqa: TID252 - the folder is installed under another name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..plan import Batch  # noqa: TID252


def require_schemas(batch: Batch, target: str) -> None:
    """Raise TargetError, which names every column, for a batch whose schema drifts: its values would be cast."""
    if different := list(_differences(batch)):
        raise TargetError(
            f"batch {batch.number} does not fit the tables of {target}: {', '.join(different)}. Files take a batch "
            "whose schema drifts (FileSink); or make batches without schema_drift_rate"
        )


def _differences(batch: Batch) -> Iterator[str]:
    for table, schema in SCHEMAS.items():
        there = {field.name: field.type for field in schema}
        here = {field.name: field.type for field in getattr(batch, table).schema}
        for name in sorted(there.keys() | here.keys()):
            if there.get(name) != here.get(name):
                yield f"{table}.{name} is {there.get(name, 'missing')} there and {here.get(name, 'missing')} here"
