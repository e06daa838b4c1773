"""Batches as folders of files: ROOT/batch=000017/orders.parquet and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schemas import TABLES  # noqa: TID252 - the folder is installed under another name
from .formats import FORMATS, FileFormat
from .places import exists, new_folder, sweep

if TYPE_CHECKING:
    from pathlib import Path

    from pyarrow import fs

    from ..plan import Batch  # noqa: TID252


class FileSink:
    """One folder per batch below `root`: a path, or a URI or `system` that PyArrow knows."""

    def __init__(
        self, root: str | Path, file_format: FileFormat = FORMATS["parquet"], system: fs.FileSystem | None = None
    ) -> None:
        self._root, self._format, self._system = str(root), file_format, system
        self._swept = False
        """What a killed process has left of the batch it was at is removed once, with the first batch."""

    def append(self, batch: Batch) -> bool:
        """Add a batch; False if it is there already."""
        target = f"{self._root}/batch={batch.number:06d}"
        if not self._swept:
            sweep(target, self._system)
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
        return True
