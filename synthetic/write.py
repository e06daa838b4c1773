"""From the options of the command line to a target."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import collected, needing
from .export import ORDERS_PER_FILE, Tally, export
from .sinks.formats import FORMATS as FILE_FORMATS
from .sinks.formats import Parquet
from .sinks.places import explained, masked, new_folder, sweep
from .stopping import finished_first

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Collection, Iterator

    from .plan import Batch, Plan
    from .provenance import Provenance
    from .sinks.formats import FileFormat

FORMATS = ("parquet", "iceberg", "duckdb", "csv", "arrow")


class _Sink(Protocol):
    def require(self, provenance: Provenance) -> None: ...

    def add(self, batch: Batch) -> Collection[str]: ...


_ONLY_FOR = {
    "orders_per_file": tuple(FILE_FORMATS),
    "partition_by_batch": tuple(FILE_FORMATS),
    "row_group_size": ("parquet",),
    "compression": ("parquet",),
    "catalog": ("iceberg",),
    "namespace": ("iceberg",),
}
"""Formats that heed an option; one that is not given is None or False."""


def unfit(options: Namespace) -> Iterator[str]:
    """What is wrong with the options of a target, as sentences: one without effect is a mistake, too."""
    chosen, out = options.format, masked(options.out or "")
    if not (options.out or options.catalog or options.describe):
        yield "--out is missing: name a new folder to write to, or ask for --describe"
    for name, formats in _ONLY_FOR.items():
        given = getattr(options, name)
        if given is not None and given is not False and chosen not in formats:
            of = " or ".join(formats)
            yield f"--{name.replace('_', '-')} has no effect with --format {chosen}: leave it out, or take {of}"
    if chosen == "iceberg" and options.catalog:
        if options.out:
            yield f"--out={out!r} has no effect with --catalog, which has places of its own: leave one out"
    elif "://" in out and chosen not in FILE_FORMATS:
        instead = ", or a catalog by --catalog" if chosen == "iceberg" else ""
        yield f"--out={out!r} is a URI, and --format {chosen} takes a folder: name one{instead}"
    mistakes: list[str] = []
    with collected(mistakes):
        if chosen in FILE_FORMATS:
            _file_format(options)
    yield from mistakes


def _file_format(options: Namespace) -> FileFormat:
    file_format = FILE_FORMATS[options.format]
    if not isinstance(file_format, Parquet):
        return file_format
    how = {"compression": options.compression, "row_group_size": options.row_group_size}
    return replace(file_format, **{name: value for name, value in how.items() if value is not None})


def place(options: Namespace) -> str:
    """The target in words."""
    return masked(options.out or "") or f"namespace {_namespace(options)} of Iceberg catalog {options.catalog}"


def write(plan: Plan, options: Namespace, progress: Callable[[Tally], None]) -> Tally:
    """Write every batch of a plan that has an end."""
    if options.format in FILE_FORMATS:
        return _write_files(plan, options, progress)
    with explained(place(options)), _sink(options) as sink:
        sink.require(plan.provenance)
        return _append_all(plan, sink, options.workers, progress)


def _write_files(plan: Plan, options: Namespace, progress: Callable[[Tally], None]) -> Tally:
    file_format = _file_format(options)
    sweep(options.out)
    with new_folder(options.out) as folder:
        return export(
            plan,
            range(plan.batch_count or 0),
            folder,
            file_format,
            workers=options.workers,
            chunk_size=options.chunk_size,
            orders_per_file=options.orders_per_file or ORDERS_PER_FILE,
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
        yield IcebergSink(catalog, _namespace(options))


def _namespace(options: Namespace) -> str:
    return options.namespace or "shop"


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
