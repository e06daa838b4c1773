"""NumPy columns as Arrow arrays, without copying where the layouts agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .schemas import INSTANT, MONEY
from .uuids import WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .streams import Ints, Mask
    from .uuids import Cells


def uuids(cells: Cells) -> pa.Array:
    """Cells of 36 bytes as strings."""
    offsets = np.arange(0, WIDTH * (len(cells) + 1), WIDTH, dtype=np.int32)
    text = np.ascontiguousarray(cells)
    return pa.StringArray.from_buffers(len(cells), pa.py_buffer(offsets), pa.py_buffer(text.view(np.uint8)))


def money(cents: Ints, present: Mask | None = None) -> pa.Array:
    """Cents, not negative, as decimals; null where not `present`."""
    wide = np.zeros((len(cents), 2), dtype="<i8")
    wide[:, 0] = cents
    return pa.Array.from_buffers(MONEY, len(cents), [validity(present), pa.py_buffer(wide)])


def instants(microseconds: Ints, present: Mask | None = None) -> pa.Array:
    """Microseconds since 1970 as UTC timestamps; null where not `present`."""
    data = pa.py_buffer(np.ascontiguousarray(microseconds))
    return pa.Array.from_buffers(INSTANT, len(microseconds), [validity(present), data])


def validity(present: Mask | None) -> pa.Buffer | None:
    """Arrow's bitmap of valid values."""
    return None if present is None else pa.py_buffer(np.packbits(present, bitorder="little"))


@dataclass(frozen=True, slots=True)
class Coded:
    """Text that repeats: each row is an index into `words`, which are all different.

    Parquet writers leave memory they never filled in the file when a dictionary names a word twice.
    """

    codes: NDArray[np.integer]
    words: pa.Array

    def array(self, *, encoded: bool) -> pa.Array:
        """A dictionary array if `encoded`, else plain strings."""
        coded = pa.DictionaryArray.from_arrays(pa.array(self.codes, pa.int32()), self.words)
        return coded if encoded else coded.cast(pa.string())


def choice(codes: NDArray[np.integer], words: Sequence[str]) -> Coded:
    """Rows of a few fixed words."""
    return Coded(codes, pa.array(words, pa.string()))


def as_text(values: pa.Array) -> pa.Array:
    """Values as the ledger writes them."""
    return values.cast(pa.string())


def from_text(text: pa.Array, kind: pa.DataType) -> pa.Array:
    """The inverse of `as_text`."""
    return text.cast(kind)
