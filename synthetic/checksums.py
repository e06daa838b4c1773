"""Checksums of what tables say, whatever their chunks, encodings and engine."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from hashlib import blake2b as Hash  # noqa: N812


def checksum(table: pa.Table) -> str:
    """32 hexadecimal digits for the column names, types, and values in the order of the rows.

    Dictionary arrays count as their values, and what lies under a null does not count.
    """
    digest = blake2b(digest_size=16)
    for name, column in zip(table.column_names, table.columns, strict=True):
        values = _plain(column)
        digest.update(f"{name}:{values.type}:{len(values)}".encode())
        digest.update(np.packbits(values.is_null().to_numpy(zero_copy_only=False)).tobytes())
        _add_values(digest, values)
    return digest.hexdigest()


def _plain(column: pa.ChunkedArray) -> pa.Array:
    kind = column.type
    values = column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.nulls(0, values.type)


def _add_values(digest: Hash, values: pa.Array) -> None:
    if pa.types.is_string(values.type):
        _add_text(digest, values.fill_null(""))
    else:
        width = values.type.bit_width // 8
        cells = np.frombuffer(values.buffers()[1], dtype=np.uint8)[values.offset * width :][: len(values) * width]
        nulls = values.is_null().to_numpy(zero_copy_only=False)
        digest.update(np.where(nulls[:, None], 0, cells.reshape(-1, width)).astype(np.uint8).tobytes())


def _add_text(digest: Hash, text: pa.Array) -> None:
    offsets = np.frombuffer(text.buffers()[1], dtype=np.int32)[text.offset : text.offset + len(text) + 1]
    digest.update(np.diff(offsets).tobytes())
    if len(offsets) and offsets[-1] > offsets[0]:
        digest.update(text.buffers()[2].slice(int(offsets[0]), int(offsets[-1] - offsets[0])))
