"""Batches of a shop under one way of dividing its orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Protocol

from .arguments import as_whole, not_whole
from .errors import InvalidSettings, refuse
from .growth import MOST_ORDERS
from .order_items import first_item
from .schemas import ENTITIES, TABLES
from .slices import Maker, Slice
from .tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from .pools import Pools
    from .provenance import Provenance
    from .quality import DataQuality
    from .schedules import Schedule, Window
    from .streams import Streams

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Printer(Protocol):
    def text(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Batch(Tables):
    """The tables of batch `number`, which covers [begin, end), and what they were made with."""

    number: int
    begin: datetime
    end: datetime
    provenance: Provenance
    whole: bool = True
    """Whether nothing is left out, and text is plain; False for what `Plan.part` gives."""

    def __repr__(self) -> str:
        """How to make it again and what it holds, in a line: the failing example of a property test shall be read."""
        made = ", ".join(f"{name}={value}" for name, value in self.provenance.settings)
        rows = ", ".join(f"{len(getattr(self, name)):,} {name}" for name in TABLES)
        return f"<{'batch' if self.whole else 'part of batch'} {self.number} of {made}: {rows}>"

    def _repr_pretty_(self, printer: _Printer, _: bool) -> None:
        """As IPython and Hypothesis ask for it; else they would spell out every field."""
        printer.text(repr(self))

    def require_whole(self) -> None:
        """Raise InvalidSettings for a part: a target knows a batch by its number, and would take no further part."""
        if not self.whole:
            raise InvalidSettings(
                [f"this is a part of batch {self.number}, and sinks take whole ones: append plan.batch({self.number})"]
            )

    @property
    def records(self) -> int:
        """Rows of the four entities together."""
        return sum(len(getattr(self, name)) for name in ENTITIES)


class Plan:
    """Makes any batch, or any slice of one, alone and in any order."""

    def __init__(
        self,
        streams: Streams,
        quality: DataQuality,
        schedule: Schedule,
        pools: Pools,
        provenance: Provenance,
        remade: tuple[Callable[..., Plan], tuple[object, ...]],
    ) -> None:
        self.quality = quality
        self.provenance = provenance
        self._remade = remade
        self._streams = streams
        self.batch_count = schedule.batches
        self._last_number = schedule.last_number
        self._maker = Maker(streams, quality, schedule, pools)
        self._window: Callable[[int], Window] = lru_cache(maxsize=64)(schedule.window)

    def __reduce__(self) -> tuple[Callable[..., Plan], tuple[object, ...]]:
        """Travels to other processes as what it is made from."""
        return self._remade

    def window(self, number: int) -> Window:
        """What batch `number` covers."""
        known, last = as_whole(number), self._last_number
        if known is None or not 0 <= known <= last:
            why = "" if self.batch_count else ", with which the year 9999 ends"
            raise InvalidSettings([f"batch {number!r} does not exist: batches are whole numbers from 0 to {last}{why}"])
        window = self._window(known)
        if window.end_row > MOST_ORDERS:
            ends = f"batch {known} ends with order {window.end_row} of the {MOST_ORDERS} a shop can have"
            raise InvalidSettings([f"{ends}: take an earlier batch, or smaller ones"])
        return window

    def items_before(self, orders: int) -> int:
        """How many order items the first `orders` orders have."""
        return first_item(self._streams, orders)

    def batch(self, number: int) -> Batch:
        """Batch `number`, whole."""
        window = self.window(number)
        tables = self._maker.tables(Slice(window, window.first_row, window.end_row))
        return self._batch(tables, window)

    def part(
        self, number: int, first: int, end: int, *, encoded: bool = False, only: Collection[str] = TABLES
    ) -> Batch:
        """What orders first to end - 1 of a batch contribute to it, positions from 0.

        The parts of a batch, one behind the other, are the batch; sinks take none of them. `encoded` leaves repeated
        text as dictionary arrays, which some writers take faster; tables not named in `only` are left empty, which
        spares their work.
        """
        window = self.window(number)
        unknown = (f"only={only!r}: {name!r} is none of {', '.join(TABLES)}" for name in only if name not in TABLES)
        limits = (("first", first), ("end", end))
        refuse((*(m for name, place in limits for m in not_whole(name, place, 0, window.orders)), *unknown))
        if first > end:
            raise InvalidSettings([f"first={first} lies behind end={end}"])
        piece = Slice(window, window.first_row + int(first), window.first_row + int(end))
        return self._batch(self._maker.tables(piece, encoded=encoded, only=only), window, whole=False)

    def batches(self, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Batches `start` to `stop - 1`; without `stop` to the last, if there is one."""
        last = self.batch_count if stop is None else stop
        end = self._last_number + 1
        refuse((*not_whole("start", start, 0, end), *(() if last is None else not_whole("stop", last, 0, end))))
        return (self.batch(number) for number in (count(start) if last is None else range(start, last)))

    def _batch(self, tables: Tables, window: Window, *, whole: bool = True) -> Batch:
        begin, end = (_EPOCH + timedelta(microseconds=instant) for instant in (window.begin, window.end))
        made = {name: getattr(tables, name) for name in TABLES}
        return Batch(**made, number=window.number, begin=begin, end=end, provenance=self.provenance, whole=whole)
