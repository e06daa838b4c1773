"""Writing a whole plan as files, with several workers.

The work is divided into shares of a fixed number of orders, one file per table each. Which worker makes a share, and in
what pieces, changes nothing in its rows.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from threading import Event
from typing import TYPE_CHECKING

from .schemas import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    import pyarrow as pa

    from .plan import Batch, Plan
    from .sinks.formats import FileFormat, TableWriter
    from .sinks.places import Folder

ORDERS_PER_FILE = 250_000
CHUNK_SIZE = 50_000
_WORTH_ENCODING = 5_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Orders first to end - 1 of a batch, positions from 0."""

    batch: int
    first: int
    end: int


@dataclass(slots=True)
class Tally:
    """What has been written, and what was there already."""

    rows: Counter[str] = field(default_factory=Counter)
    defects: Counter[str] = field(default_factory=Counter)
    appended: int = 0
    """Batches of which at least one table was missing."""
    kept: int = 0
    """Batches that were there already."""
    rows_kept: Counter[str] = field(default_factory=Counter)

    def add(self, batch: Batch, tables: Collection[str] = TABLES) -> None:
        """Count some tables of a batch, or of a part of one."""
        for table in tables:
            self.rows[table] += len(getattr(batch, table))
        if "defects" in tables:
            for counted in batch.defects["kind"].value_counts().to_pylist():
                self.defects[counted["values"]] += counted["counts"]

    def add_appended(self, batch: Batch, tables: Collection[str]) -> None:
        """Count a batch of which only some tables, or none, were missing where it went."""
        self.add(batch, tables)
        self.appended += bool(tables)
        self.kept += not tables
        for table in TABLES:
            self.rows_kept[table] += 0 if table in tables else len(getattr(batch, table))

    def merge(self, other: Tally) -> None:
        """Add another tally."""
        self.rows += other.rows
        self.defects += other.defects


def pieces(plan: Plan, batches: Iterable[int], chunk_size: int) -> Iterator[Piece]:
    """The batches in pieces of at most `chunk_size` orders; a batch without orders is one piece too."""
    for number in batches:
        orders = plan.window(number).orders
        for first in range(0, max(orders, 1), chunk_size):
            yield Piece(number, first, min(first + chunk_size, orders))


def shares(plan: Plan, batches: Iterable[int], orders_per_share: int, chunk_size: int) -> Iterator[list[Piece]]:
    """Pieces that go into one file each, in the order of the orders."""
    share: list[Piece] = []
    room = orders_per_share
    for large in pieces(plan, batches, orders_per_share):
        first = large.first
        while True:
            end = min(large.end, first + room)
            share += _chunked(Piece(large.batch, first, end), chunk_size)
            room -= end - first
            if room == 0:
                yield share
                share, room = [], orders_per_share
            if end == large.end:
                break
            first = end
    if share:
        yield share


def _chunked(piece: Piece, size: int) -> list[Piece]:
    starts = range(piece.first, max(piece.end, piece.first + 1), size)
    return [Piece(piece.batch, first, min(first + size, piece.end)) for first in starts]


def export(
    plan: Plan,
    batches: Iterable[int],
    folder: Folder,
    file_format: FileFormat,
    *,
    workers: int = 1,
    chunk_size: int = CHUNK_SIZE,
    orders_per_file: int = ORDERS_PER_FILE,
    by_batch: bool = False,
    tables: Collection[str] = TABLES,
    progress: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Write batches as TABLE/part-00000.EXT and so on; `by_batch` adds hive folders TABLE/batch=N."""
    total = Tally()
    given_up = Event()

    def write(numbered: tuple[int, list[Piece]]) -> Tally:
        number, share = numbered
        name = f"part-{number:05d}.{file_format.extension}"
        return _write_share(plan, share, folder, file_format, name, by_batch=by_batch, tables=tables, given_up=given_up)

    with ThreadPoolExecutor(workers) as pool:
        try:
            for tally in pool.map(write, enumerate(shares(plan, batches, orders_per_file, chunk_size))):
                total.merge(tally)
                progress(total)
        except BaseException:
            given_up.set()
            raise
    return total


def _write_share(
    plan: Plan,
    share: list[Piece],
    folder: Folder,
    file_format: FileFormat,
    name: str,
    *,
    by_batch: bool,
    tables: Collection[str],
    given_up: Event,
) -> Tally:
    """Write one file per table, or per table and batch; no further piece once the export has been given up."""
    tally = Tally()
    encoded = file_format.encoded and _is_coarse(share)
    # A share may hold thousands of batches, and not as many files may be open.
    for _, of_same_files in groupby(share, key=lambda piece: piece.batch if by_batch else None):
        with ExitStack() as opened:
            files = _Files(folder, file_format, opened)
            for piece in of_same_files:
                if given_up.is_set():
                    return tally
                batch = plan.part(piece.batch, piece.first, piece.end, encoded=encoded, only=tables)
                tally.add(batch)
                for table in tables:
                    place = f"{table}/batch={piece.batch}/{name}" if by_batch else f"{table}/{name}"
                    files.write(place, getattr(batch, table))
    return tally


def _is_coarse(share: list[Piece]) -> bool:
    """Whether its pieces are worth dictionaries: each piece brings its own, with every product there is."""
    return sum(piece.end - piece.first for piece in share) >= _WORTH_ENCODING * len(share)


class _Files:
    """Files opened when first written to, and closed with the stack."""

    def __init__(self, folder: Folder, file_format: FileFormat, opened: ExitStack) -> None:
        self._folder, self._format, self._opened = folder, file_format, opened
        self._writers: dict[str, TableWriter] = {}

    def write(self, name: str, rows: pa.Table) -> None:
        if name not in self._writers:
            stream = self._opened.enter_context(self._folder.open(name))
            self._writers[name] = self._format.open(stream, rows.schema)
            self._opened.callback(self._writers[name].close)
        self._writers[name].write_table(rows)
