"""File formats: how a table is written as a file, a piece at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.ipc as pi
import pyarrow.parquet as pq

from ..schemas import KEYS  # noqa: TID252 - the folder is installed under another name

if TYPE_CHECKING:
    from pyarrow import NativeFile


class TableWriter(Protocol):
    """An open file."""

    def write_table(self, table: pa.Table) -> None:
        """Append rows."""

    def close(self) -> None:
        """Finish the file; does not close the stream beneath."""


class FileFormat(Protocol):
    """Opens files of one format."""

    @property
    def extension(self) -> str:
        """The end of a file's name."""

    @property
    def encoded(self) -> bool:
        """Whether dictionary arrays are written faster than plain strings."""

    def open(self, stream: NativeFile, schema: pa.Schema) -> TableWriter:
        """Start a file of rows of this schema."""


COMPRESSIONS = ("snappy", "zstd", "gzip", "brotli", "lz4", "none")

_WITHOUT_ENTROPY_CODING = {"snappy", "lz4"}

_COMPACT = {"_batch_id": "DELTA_BINARY_PACKED", "_ingested_at": "DELTA_BINARY_PACKED"}
"""The same value in every row of a batch."""

_LARGEST_DICTIONARY = 32 << 20
"""Keys of other tables repeat within a row group but may exceed the usual 1 MiB of distinct values."""


@dataclass(frozen=True, slots=True)
class Parquet:
    """Parquet: `compression` as PyArrow names it, `row_group_size` in rows."""

    compression: str = "snappy"
    row_group_size: int = 1 << 20
    extension: str = "parquet"

    @property
    def encoded(self) -> bool:
        """Small row groups would repeat the dictionary of the whole piece in each of them."""
        return self.row_group_size >= 1 << 20

    def _codecs(self, schema: pa.Schema) -> dict[str, str]:
        """One per column: a codec without entropy coding finds nothing in a table's own, random keys."""
        codecs = dict.fromkeys(schema.names, self.compression)
        if schema.names[0] in KEYS.values() and self.compression in _WITHOUT_ENTROPY_CODING:
            codecs[schema.names[0]] = "none"
        return codecs

    def open(self, stream: NativeFile, schema: pa.Schema) -> TableWriter:
        coded = [f.name for f in schema if pa.types.is_dictionary(f.type)]
        writer = pq.ParquetWriter(
            stream,
            schema,
            compression=self._codecs(schema),
            use_dictionary=coded or ["status", "region", "category", "entity", "kind", "column"],
            write_statistics=[f.name for f in schema if not _is_key(f)],
            store_decimal_as_integer=True,
            column_encoding={name: encoding for name, encoding in _COMPACT.items() if name in schema.names},
            dictionary_pagesize_limit=_LARGEST_DICTIONARY,
            store_schema=False,
        )
        return _RowGroups(writer, self.row_group_size)


def _is_key(field: pa.Field) -> bool:
    """Random keys have no bounds worth storing."""
    name: str = field.name
    return name.endswith("_id") and name != "_batch_id"


@dataclass(frozen=True, slots=True)
class _RowGroups:
    writer: pq.ParquetWriter
    size: int

    def write_table(self, table: pa.Table) -> None:
        self.writer.write_table(table, row_group_size=self.size)

    def close(self) -> None:
        self.writer.close()


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
