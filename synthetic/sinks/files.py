"""Batches as folders of files: ROOT/batch=000017/orders.parquet and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyarrow import fs

from ..errors import refuse  # noqa: TID252 - the folder is installed under another name
from ..provenance import Provenance, unknown  # noqa: TID252 - the folder is installed under another name
from ..schemas import TABLES  # noqa: TID252 - the folder is installed under another name
from .formats import FORMATS, FileFormat
from .places import exists, explained, new_folder, resolve, sweep, write_first

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..plan import Batch  # noqa: TID252

_MADE_WITH = "_made_with.json"


class FileSink:
    """One folder per batch below `root`: a path, or a URI or `system` that PyArrow knows.

    Beside the batches `_made_with.json` has the settings that all of them were made with, and the format.
    """

    def __init__(
        self, root: str | Path, file_format: FileFormat = FORMATS["parquet"], system: fs.FileSystem | None = None
    ) -> None:
        refuse(_not_a_format(file_format))
        self._format = file_format
        with explained(str(root)):
            self._system, self._root = resolve(str(root), system)
        self._swept = False
        """What killed processes have left of the batches they were at is removed once, with the first batch."""

    def append(self, batch: Batch) -> bool:
        """Add a batch; False if it is there already. Raises TargetError if the others were made with other settings."""
        batch.require_whole()
        made_with = Provenance.of({**dict(batch.provenance.settings), "format": self._format.extension})
        described = self._is_described(made_with)
        target = f"{self._root}/batch={batch.number:06d}"
        if not self._swept:
            sweep(target, self._system, beside=r"batch=\d+")
            self._swept = True
        if exists(target, self._system):
            return False
        with new_folder(target, self._system) as folder:
            for name in TABLES:
                rows = getattr(batch, name)
                with folder.open(f"{name}.{self._format.extension}") as stream:
                    writer = self._format.open(stream, rows.schema)
                    writer.write_table(rows)
                    writer.close()
            if not described:
                self._describe(made_with)
        return True

    def _is_described(self, provenance: Provenance) -> bool:
        """Whether the folder says that it was made with these settings; False for one without batches."""
        with explained(self._root):
            note = f"{self._root}/{_MADE_WITH}"
            if self._system.get_file_info(note).type == fs.FileType.File:
                with self._system.open_input_stream(note) as stream:
                    provenance.require(Provenance.read(stream.read().decode(errors="replace")), self._root)
                return True
            found = self._system.get_file_info(fs.FileSelector(self._root, allow_not_found=True))
        if any(info.base_name.startswith("batch=") for info in found):
            raise unknown(self._root)
        return False

    def _describe(self, provenance: Provenance) -> None:
        if not write_first(self._system, f"{self._root}/{_MADE_WITH}", provenance.text.encode()):
            self._is_described(provenance)  # by another writer, meanwhile


def _not_a_format(given: object) -> Iterator[str]:
    if not isinstance(given, FileFormat):
        yield f"file_format={given!r} is not a FileFormat: give one of sinks.formats.FORMATS, or Parquet(...)"
