"""NumPy columns as Arrow arrays, without copying where the layouts agree.

Straight from buffers: PyArrow's conversion of Python objects imports pandas wherever it is installed, which takes over
a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .errors import InvalidSettings
from .schemas import INSTANT, MONEY
from .uuids import WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .streams import Ints, Mask
    from .uuids import Cells


_NUMBERS = {4: pa.int32(), 8: pa.int64()}


def numbers(values: NDArray[np.integer], present: Mask | None = None) -> pa.Array:
    """Whole numbers, as wide as they are; null where not `present`."""
    flat = np.ascontiguousarray(values)
    return pa.Array.from_buffers(_NUMBERS[flat.itemsize], len(flat), [validity(present), pa.py_buffer(flat)])


def flags(mask: Mask) -> pa.Array:
    """True and false."""
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, validity(mask)])


def words(texts: Sequence[str | None]) -> pa.Array:
    """Strings; null where there is None."""
    encoded = [(text or "").encode() for text in texts]
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in encoded]))).astype(np.int32)
    present = validity(np.array([text is not None for text in texts], dtype=np.bool_))
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)), present)


@lru_cache
def scalar(text: str) -> pa.Scalar:
    """A single string."""
    return words((text,))[0]


def repeated(text: str | None, count: int) -> pa.Array:
    """The same string, or null, in every row."""
    return pa.repeat(scalar(text), count) if text is not None else pa.nulls(count, pa.string())


def joined(*parts: pa.Array | str) -> pa.Array:
    """The parts of each row, one behind the other, as one string."""
    from pyarrow import compute  # noqa: PLC0415 - a fifth of the time it takes to import this package

    columns = [scalar(part) if isinstance(part, str) else part for part in parts]
    return compute.binary_join_element_wise(*columns, scalar(""))


def without(texts: pa.Array, missing: NDArray[np.intp]) -> pa.Array:
    """Strings without nulls, null at the positions `missing`."""
    present = np.ones(len(texts), dtype=np.bool_)
    present[missing] = False
    _, offsets, data = texts.buffers()
    return pa.StringArray.from_buffers(len(texts), offsets, data, validity(present), offset=texts.offset)


_MOST_CELLS = ((1 << 31) - 1) // WIDTH


def uuids(cells: Cells) -> pa.Array:
    """Cells of 36 bytes as strings. Raises InvalidSettings for more than an array can hold."""
    if len(cells) > _MOST_CELLS:
        raise InvalidSettings(
            [f"{len(cells)} keys exceed the 2 GiB of text that an Arrow array holds: make the batch in parts"]
        )
    offsets = np.arange(0, WIDTH * (len(cells) + 1), WIDTH, dtype=np.int32)
    text = np.ascontiguousarray(cells)
    return pa.StringArray.from_buffers(len(cells), pa.py_buffer(offsets), pa.py_buffer(text.view(np.uint8)))


def money(cents: Ints, present: Mask | None = None) -> pa.Array:
    """Cents, not negative, as decimals; null where not `present`."""
    return Money(cents, present).array(encoded=False)


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
        codes = numbers(self.codes.astype(np.int32))
        return pa.DictionaryArray.from_arrays(codes, self.words) if encoded else self.words.take(codes)


_FIRST_WITH_NARROW_MONEY = 22
_NARROW = (
    pa.decimal64(MONEY.precision, MONEY.scale)
    if int(pa.__version__.partition(".")[0]) >= _FIRST_WITH_NARROW_MONEY
    else None
)
"""What PyArrow can write to Parquet as the 64 bits that money takes there, half of what it takes in memory."""


@dataclass(frozen=True, slots=True)
class Money:
    """Cents, not negative; null where not `present`."""

    cents: Ints
    present: Mask | None = None

    def array(self, *, encoded: bool) -> pa.Array:
        """Decimals; if `encoded`, as narrow as they can be written."""
        if encoded and _NARROW is not None:
            data = np.ascontiguousarray(self.cents)
            return pa.Array.from_buffers(_NARROW, len(data), [validity(self.present), pa.py_buffer(data)])
        wide = np.zeros((len(self.cents), 2), dtype="<i8")
        wide[:, 0] = self.cents
        return pa.Array.from_buffers(MONEY, len(wide), [validity(self.present), pa.py_buffer(wide)])


def choice(codes: NDArray[np.integer], texts: tuple[str | None, ...]) -> Coded:
    """Rows of a few fixed words."""
    return Coded(codes, _fixed(texts))


@lru_cache
def _fixed(texts: tuple[str | None, ...]) -> pa.Array:
    return words(texts)


def as_text(values: pa.Array) -> pa.Array:
    """Values as the ledger writes them."""
    if values.type == INSTANT:
        # With a time zone, even UTC, PyArrow takes 1 us for each.
        return joined(values.cast(pa.timestamp("us")).cast(pa.string()), "Z")
    return values.cast(pa.string())


def from_text(text: pa.Array, kind: pa.DataType) -> pa.Array:
    """The inverse of `as_text`."""
    return text.cast(kind)
