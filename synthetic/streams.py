"""Random numbers addressed by seed, stream name and row.

A stream is Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) under a key of its
own. Row r of a stream that is w words wide is words r*w .. r*w+w-1 of the keystream, so any row can be drawn alone, in
any order, by anyone. Only raw 64-bit words are used: NumPy promises that the bits of Philox never change, and
promises nothing of the kind for the methods of `Generator`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from threading import local
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.random import Philox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Mask = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Entry = TypeVar("Entry", bound=np.generic)

MAPPING_VERSION = 2
"""Raised whenever any seed gives other bytes than before; it is part of every key."""

_WORDS_PER_COUNTER = 4
_WORTH_A_JUMP = 1024
"""Rows further apart than this are drawn separately: a draw costs as much as about so many rows."""

_COUNTER_WORDS = 4
_NOTHING_BUFFERED = np.zeros(_WORDS_PER_COUNTER, dtype=np.uint64)


class _Generators(local):
    """A generator for each thread: giving one another key takes 2 us, making one takes 25."""

    def __init__(self) -> None:
        self._philox = Philox(key=0)

    def at(self, key: int, counter: int) -> Philox:
        """The generator, as `Philox(key=key, counter=counter)` would be: nothing is left of what it did before."""
        place = np.zeros(_COUNTER_WORDS, dtype=np.uint64)
        place[0] = counter
        self._philox.state = {
            "bit_generator": "Philox",
            "state": {"counter": place, "key": _key_words(key)},
            "buffer": _NOTHING_BUFFERED,
            "buffer_pos": _WORDS_PER_COUNTER,
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self._philox


_generators = _Generators()


@lru_cache(maxsize=4096)
def _key_words(key: int) -> NDArray[np.uint64]:
    return np.frombuffer(key.to_bytes(16, "little"), dtype="<u8").astype(np.uint64)


@dataclass(frozen=True, slots=True)
class Stream:
    """One endless column of random 64-bit words."""

    key: int

    def words(self, first: int, rows: int, width: int = 1) -> Words:
        """Rows `first` to `first + rows`: shape (rows,), or (rows, width) where width is above 1."""
        if not rows:
            return np.empty(0 if width == 1 else (0, width), dtype=np.uint64)
        counter, skipped = divmod(first * width, _WORDS_PER_COUNTER)
        raw = _generators.at(self.key, counter).random_raw(skipped + rows * width)[skipped:]
        return raw if width == 1 else raw.reshape(rows, width)

    def at(self, rows: Ints, width: int = 1) -> Words:
        """The given rows, in ascending order, repeated or not; where they lie far apart, no row between is drawn."""
        if not len(rows):
            return self.words(0, 0, width)
        span = int(rows[-1]) - int(rows[0]) + 1
        if span == len(rows) and (rows[1:] > rows[:-1]).all():
            return self.words(int(rows[0]), span, width)
        if span <= _WORTH_A_JUMP:
            return self._within(rows, width)
        runs = np.split(rows, positions(rows[1:] - rows[:-1] > _WORTH_A_JUMP) + 1)
        return np.concatenate([self._within(run, width) for run in runs])

    def _within(self, run: Ints, width: int) -> Words:
        first = int(run[0])
        return look_up(self.words(first, int(run[-1]) - first + 1, width), run - first)


@dataclass(frozen=True, slots=True)
class Streams:
    """All streams of one seed, by name."""

    seed: int

    def __getitem__(self, name: str) -> Stream:
        return _stream(self.seed, name)


@lru_cache(maxsize=4096)
def _stream(seed: int, name: str) -> Stream:
    address = f"pytest-floe synthetic {MAPPING_VERSION} {seed} {name}"
    return Stream(int.from_bytes(blake2b(address.encode(), digest_size=16).digest(), "little"))


def positions(mask: Mask) -> NDArray[np.intp]:
    """Where a mask is true: `np.flatnonzero` without what takes it longer than a small batch has to offer."""
    return mask.nonzero()[0]


def uniform(words: Words) -> Floats:
    """Numbers in [0, 1) from the upper 53 bits of each word."""
    fractions: Floats = (words >> np.uint64(11)).astype(np.float64)
    fractions *= 2.0**-53
    return fractions


def bits(words: Words, lowest: int, count: int) -> NDArray[np.intp]:
    """`count` bits, below 63, of each word from bit `lowest` upwards, as indices into a table of 2**count entries."""
    found = words >> np.uint64(lowest)
    found &= np.uint64((1 << count) - 1)
    return found.view(np.int64).astype(np.intp, copy=False)


def look_up(table: NDArray[Entry], indices: NDArray[np.integer]) -> NDArray[Entry]:
    """Entries of a table, or its rows, at indices that all lie within it.

    A quarter faster than `table[indices]`, which checks; six times for rows.
    """
    return table.take(indices, axis=0, mode="wrap")


def chance(words: Words, rate: float) -> Mask:
    """True with probability `rate` for each word; 0 and 1 are exact."""
    if rate >= 1:
        return np.ones(len(words), dtype=np.bool_)
    return words < np.uint64(int(rate * 2.0**64))


def scaled(words: Words, limits: Ints) -> Ints:
    """Whole numbers in [0, limit) for each word, from its upper 53 bits."""
    return (uniform(words) * limits).astype(np.int64)
