"""File formats: how a table is written as a file, a piece at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.ipc as pi
import pyarrow.parquet as pq

from ..arguments import not_whole  # noqa: TID252 - the folder is installed under another name
from ..errors import refuse  # noqa: TID252
from ..schemas import KEYS  # noqa: TID252 - the folder is installed under another name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import NativeFile


class TableWriter(Protocol):
    """An open file."""

    def write_table(self, table: pa.Table) -> None:
        """Append rows."""

    def close(self) -> None:
        """Finish the file; does not close the stream beneath."""


@runtime_checkable
class FileFormat(Protocol):
    """Opens files of one format."""

    @property
    def extension(self) -> str:
        """The end of a file's name."""

    @property
    def encoded(self) -> bool:
        """Whether dictionary arrays and narrow decimals are written faster than plain strings and wide ones."""

    def open(self, stream: NativeFile, schema: pa.Schema) -> TableWriter:
        """Start a file of rows of this schema."""


COMPRESSIONS = ("snappy", "zstd", "gzip", "brotli", "lz4", "none")

_MOST_ROWS = 1 << 40

_ROWS_AT_ONCE = 1 << 15
"""Keys go into pages with a third less work than by the usual 1,024; a page of them is then 1.3 MB."""

_WITHOUT_ENTROPY_CODING = {"snappy", "lz4"}

_LARGEST_DICTIONARY = 32 << 20
"""Keys of other tables repeat within a row group but may exceed the usual 1 MiB of distinct values."""


@dataclass(frozen=True, slots=True)
class Parquet:
    """Parquet: `compression`, one of COMPRESSIONS, and `row_group_size` in rows. Raises InvalidSettings."""

    compression: str = "snappy"
    row_group_size: int = 1 << 20
    extension: str = "parquet"

    def __post_init__(self) -> None:
        refuse(self._mistakes())

    def _mistakes(self) -> Iterator[str]:
        if self.compression not in COMPRESSIONS:
            yield f"compression={self.compression!r} is none of {', '.join(COMPRESSIONS)}"
        yield from not_whole("row_group_size", self.row_group_size, 1, _MOST_ROWS)

    @property
    def encoded(self) -> bool:
        """Small row groups would repeat the dictionary of the whole piece in each of them."""
        return self.row_group_size >= 1 << 20

    def _codec(self, name: str) -> str:
        """A codec without entropy coding finds next to nothing in random keys, and takes longest to find it."""
        return "none" if name in _KEYS and self.compression in _WITHOUT_ENTROPY_CODING else self.compression

    def open(self, stream: NativeFile, schema: pa.Schema) -> TableWriter:
        coded = [f.name for f in schema if pa.types.is_dictionary(f.type)]
        writer = pq.ParquetWriter(
            stream,
            schema,
            compression={name: self._codec(name) for name in schema.names},
            use_dictionary=coded or _REPEATED,
            # Random keys have no bounds worth storing, and each row group has all of the few repeated words.
            write_statistics=[name for name in schema.names if name not in _KEYS and name not in _REPEATED],
            write_batch_size=_ROWS_AT_ONCE,
            store_decimal_as_integer=True,
            # Amounts and instants lie close together: their differences are packed in fewer bits than Snappy finds,
            # in less time. Every reader of Parquet has known this encoding for years.
            column_encoding={f.name: "DELTA_BINARY_PACKED" for f in schema if _is_whole_number(f.type)},
            dictionary_pagesize_limit=_LARGEST_DICTIONARY,
            store_schema=False,
        )
        return _RowGroups(writer, self.row_group_size)


_REPEATED = ["status", "region", "category", "product_id", "entity", "kind", "column"]
_KEYS = {*KEYS.values(), "key"}


def _is_whole_number(kind: pa.DataType) -> bool:
    """Whether Parquet stores it as whole numbers of 32 or 64 bits."""
    return bool(pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_decimal(kind))


_FEWEST_ROWS = 100_000
"""Readers pay for every row group, so small pieces share one."""


class _RowGroups:
    """Writes row groups of at most `size` rows, once there are enough."""

    def __init__(self, writer: pq.ParquetWriter, size: int) -> None:
        self._writer, self._size = writer, size
        self._least = min(size, _FEWEST_ROWS)
        self._waiting: list[pa.Table] = []

    def write_table(self, table: pa.Table) -> None:
        self._waiting.append(table)
        if sum(map(len, self._waiting)) >= self._least:
            self._write()

    def close(self) -> None:
        self._write()
        self._writer.close()

    def _write(self) -> None:
        if self._waiting:
            # A row group holds one dictionary of a column, in which no word may stand twice.
            rows = pa.concat_tables(self._waiting).unify_dictionaries()
            self._writer.write_table(rows, row_group_size=self._size)
            self._waiting = []


@dataclass(frozen=True, slots=True)
class Csv:
    """CSV with a header line; nulls are empty, text is quoted."""

    extension: str = "csv"
    encoded: bool = False

    def open(self, stream: NativeFile, schema: pa.Schema) -> TableWriter:
        writer: TableWriter = pc.CSVWriter(stream, schema)
        return writer


@dataclass(frozen=True, slots=True)
class Arrow:
    """The Arrow IPC file format (Feather v2)."""

    extension: str = "arrow"
    encoded: bool = False

    def open(self, stream: NativeFile, schema: pa.Schema) -> TableWriter:
        writer: TableWriter = pi.new_file(stream, schema)
        return writer


FORMATS: dict[str, FileFormat] = {"parquet": Parquet(), "csv": Csv(), "arrow": Arrow()}
