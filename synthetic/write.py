"""From the options of the command line to a target."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import needing
from .export import Tally, export
from .sinks.formats import FORMATS as FILE_FORMATS
from .sinks.formats import Parquet
from .sinks.places import explained, new_folder, sweep
from .stopping import finished_first

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Collection, Iterator

    from .plan import Batch, Plan
    from .provenance import Provenance

FORMATS = ("parquet", "iceberg", "duckdb", "csv", "arrow")


class _Sink(Protocol):
    def require(self, provenance: Provenance) -> None: ...

    def add(self, batch: Batch) -> Collection[str]: ...


def misplaced(options: Namespace) -> list[str]:
    """What is wrong with the place that the options name, as sentences: only files can go to a URI."""
    if options.format in FILE_FORMATS or options.catalog or "://" not in (options.out or ""):
        return []
    instead = ", or a catalog by --catalog" if options.format == "iceberg" else ""
    return [f"--out={options.out!r} is a URI, and --format {options.format} takes a folder: name one{instead}"]


def write(plan: Plan, options: Namespace, progress: Callable[[Tally], None]) -> Tally:
    """Write every batch of a plan that has an end."""
    if options.format in FILE_FORMATS:
        return _write_files(plan, options, progress)
    with explained(options.out), _sink(options) as sink:
        sink.require(plan.provenance)
        return _append_all(plan, sink, options.workers, progress)


def _write_files(plan: Plan, options: Namespace, progress: Callable[[Tally], None]) -> Tally:
    file_format = FILE_FORMATS[options.format]
    if isinstance(file_format, Parquet):
        file_format = Parquet(options.compression, options.row_group_size)
    sweep(options.out)
    with new_folder(options.out) as folder:
        return export(
            plan,
            range(plan.batch_count or 0),
            folder,
            file_format,
            workers=options.workers,
            chunk_size=options.chunk_size,
            orders_per_file=options.orders_per_file,
            by_batch=options.partition_by_batch,
            progress=progress,
        )


@contextmanager
def _sink(options: Namespace) -> Iterator[_Sink]:
    if options.format == "duckdb":
        with finished_first(), needing("duckdb"):
            from .sinks.duckdb import DuckDBSink  # noqa: PLC0415 - an optional driver

        with DuckDBSink(Path(options.out) / "shop.duckdb") as sink:
            yield sink
    else:
        with needing("iceberg"):
            from .sinks.iceberg import IcebergSink, local_catalog, named_catalog  # noqa: PLC0415 - an optional driver

        catalog = named_catalog(options.catalog) if options.catalog else local_catalog(Path(options.out))
        yield IcebergSink(catalog, options.namespace)


def _append_all(plan: Plan, sink: _Sink, workers: int, progress: Callable[[Tally], None]) -> Tally:
    """Batches are made by the workers, a few ahead, and appended one after the other."""
    tally = Tally()
    with ThreadPoolExecutor(workers) as pool:
        for batch in _ahead(pool, plan, workers + 1):
            tally.add_appended(batch, sink.add(batch))
            progress(tally)
    return tally


def _ahead(pool: ThreadPoolExecutor, plan: Plan, count: int) -> Iterator[Batch]:
    numbers = iter(range(plan.batch_count or 0))
    waiting = deque(pool.submit(plan.batch, number) for number in islice(numbers, count))
    while waiting:
        batch = waiting.popleft().result()
        waiting.extend(pool.submit(plan.batch, number) for number in islice(numbers, 1))
        yield batch
