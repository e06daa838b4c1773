"""Random UUIDs (RFC 9562, version 4) as fixed-width text, some 20 ns each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .streams import look_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .streams import Words

    Cells = NDArray[np.bytes_]

WIDTH = 36

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8).astype("<u4")
_PAIRS = _HEX[np.arange(256) >> 4] | _HEX[np.arange(256) & 15] << 8
_QUADS = (_PAIRS[None, :] | _PAIRS[:, None] << 16).ravel()
"""The four digits of any two bytes, the first byte being the lower one of the index."""

_TEXT = np.dtype(
    {
        "names": [f"quad{i}" for i in range(8)],
        "formats": ["<u4"] * 8,
        "offsets": [0, 4, 9, 14, 19, 24, 28, 32],
        "itemsize": WIDTH,
    }
)
_DASHES = np.array([b"        -    -    -    -            "])

_VERSION_BITS, _VERSION_4 = np.uint64(0xF0 << 48), np.uint64(0x40 << 48)
_VARIANT_BITS, _VARIANT_RFC = np.uint64(0xC0), np.uint64(0x80)


_AT_ONCE = 8192
"""Cells that are formatted together: eight passes go over them, and a core's own cache holds no more."""


def uuid_text(words: Words) -> Cells:
    """Format pairs of random words, shape (n, 2), as n cells of 36 bytes."""
    cells = np.repeat(_DASHES, len(words))
    text = cells.view(_TEXT)
    for first in range(0, len(words), _AT_ONCE):
        _format(words[first : first + _AT_ONCE], text[first : first + _AT_ONCE])
    return cells


def _format(words: Words, text: NDArray[np.void]) -> None:
    stamped = np.ascontiguousarray(words, dtype="<u8").copy()
    stamped[:, 0] = (stamped[:, 0] & ~_VERSION_BITS) | _VERSION_4
    stamped[:, 1] = (stamped[:, 1] & ~_VARIANT_BITS) | _VARIANT_RFC
    halves = stamped.view("<u2").reshape(len(words), 8)
    for i, quad in enumerate(_TEXT.names or ()):
        text[quad] = look_up(_QUADS, halves[:, i])
