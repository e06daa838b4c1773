"""In which order the rows of a batch are delivered, duplicates and displaced rows included.

Every row has a place, its position in the clean table. It is delivered at its place, or, if displaced, up to 63 places
later; a duplicate follows the first delivery at up to 63 places' distance. So the deliveries of places a to b are known
from rows a - 126 to b: any slice of a batch can be made alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .streams import bits, chance, look_up, positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .quality import DataQuality
    from .streams import Entry, Ints, Mask, Streams

_DISTANCE_BITS = 6
REACH = 2 * ((1 << _DISTANCE_BITS) - 1)
"""A row is delivered no more than this many places late."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Rows in the order they are delivered.

    `source` indexes the candidate rows; None if each is delivered once, as it stands. `origin` is their place in the
    clean order, `place`, ascending, where in it the delivery happens; `again` marks duplicates, None if there are none.
    """

    source: Ints | None
    origin: Ints
    place: Ints
    again: Mask | None = None

    @classmethod
    def in_order(cls, places: Ints) -> Deliveries:
        """Every candidate row once, at its place."""
        if (places[1:] >= places[:-1]).all():
            return cls(None, places, places)
        order = np.argsort(places, kind="stable")
        return cls(order, places[order], places[order])

    def of(self, values: NDArray[Entry]) -> NDArray[Entry]:
        """The candidates' values, row by row as delivered."""
        return values if self.source is None else look_up(values, self.source)

    def where(self, candidates: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The rows that some candidates, ascending, are delivered as, and which of them each is."""
        if self.source is None or not len(candidates):
            return candidates, np.arange(len(candidates))
        ranks = np.full(max(int(candidates[-1]), int(self.source.max(initial=0))) + 1, -1)
        ranks[candidates] = np.arange(len(candidates))
        delivered = look_up(ranks, self.source)
        rows = positions(delivered >= 0)
        return rows, delivered[rows]

    @property
    def repeated(self) -> NDArray[np.intp]:
        """Where duplicates are delivered."""
        return _NOWHERE if self.again is None else positions(self.again)

    @property
    def displaced(self) -> NDArray[np.intp]:
        """Where first deliveries happen after their place."""
        return _NOWHERE if self.again is None else positions((self.place > self.origin) & ~self.again)

    def within(self, first: int, end: int) -> Deliveries:
        """Those that happen at places first to end - 1."""
        low, high = np.searchsorted(self.place, (first, end))
        if (low, high) == (0, len(self.place)):
            return self
        source = np.arange(len(self.place)) if self.source is None else self.source
        again = None if self.again is None else self.again[low:high]
        return Deliveries(source[low:high], self.origin[low:high], self.place[low:high], again)


_NOWHERE: NDArray[np.intp] = np.zeros(0, dtype=np.intp)


def schedule_deliveries(
    streams: Streams, quality: DataQuality, entity: str, rows: Ints, places: Ints, last_place: int
) -> Deliveries:
    """When each candidate row is delivered: global `rows`, ascending, with their `places` in the batch."""
    if quality.keeps_order:
        return Deliveries.in_order(places)
    first = np.minimum(places + _displacement(streams, quality, entity, rows), last_place)
    repeated = chosen(streams, f"{entity}.duplicate", quality.duplicate_rate, rows)
    distance = bits(streams[f"{entity}.duplicate.distance"].at(rows[repeated]), 0, _DISTANCE_BITS)
    second = np.minimum(first[repeated] + distance, last_place)
    source = np.concatenate((np.arange(len(rows)), repeated))
    place = np.concatenate((first, second))
    # What is late, or comes again, stands behind the row whose place it is: one place late is late.
    behind = np.concatenate((first > places, np.ones(len(repeated), dtype=np.bool_)))
    order = np.argsort(2 * place + behind, kind="stable")
    source = source[order]
    return Deliveries(source, places[source], place[order], order >= len(rows))


def _displacement(streams: Streams, quality: DataQuality, entity: str, rows: Ints) -> Ints:
    """Places each row is delivered late: 1 to 63, or 0."""
    moved = chosen(streams, f"{entity}.out_of_order", quality.out_of_order_rate, rows)
    displacement = np.zeros(len(rows), dtype=np.int64)
    words = streams[f"{entity}.out_of_order.distance"].at(rows[moved])
    displacement[moved] = 1 + bits(words, 0, 16) * (REACH // 2) // (1 << 16)
    return displacement


def chosen(streams: Streams, name: str, rate: float, rows: Ints) -> NDArray[np.intp]:
    """Which of the rows, ascending, a defect's own stream chooses at a rate: their positions."""
    return _NOWHERE if rate <= 0 else positions(chance(streams[name].at(rows), rate))
