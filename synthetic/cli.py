"""`python -m pytest_floe.synthetic generate`: a whole history in one call."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .errors import InvalidSettings, SyntheticError, collected
from .export import CHUNK_SIZE, ORDERS_PER_FILE
from .progress import Progress
from .quality import DataQuality, rate_names
from .shop import Ecommerce
from .sinks.formats import COMPRESSIONS
from .stopping import Terminated, stoppable
from .summary import closing_line, description
from .write import FORMATS, place, unfit, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .plan import Plan

_RATES = tuple(name for name in rate_names() if name != "schema_drift_rate")
"""A history is written as tables of one schema."""

FAILED, WRONG_ARGUMENTS, INTERRUPTED, TERMINATED = 1, 2, 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 1 could not be written, 2 wrong arguments, 130 interrupted, 143 terminated."""
    options = _parser().parse_args(arguments)
    try:
        with stoppable() as check:
            _generate(options, check)
    except InvalidSettings as error:
        sys.stderr.write("\n  ".join(("error:", *error.mistakes)) + "\n")
        return WRONG_ARGUMENTS
    except SyntheticError as error:
        sys.stderr.write(f"error: {error}\n")
        return FAILED
    except KeyboardInterrupt as stop:
        terminated = isinstance(stop, Terminated)
        sys.stderr.write(f"{'terminated' if terminated else 'interrupted'}: what is there is whole\n")
        return TERMINATED if terminated else INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pytest_floe.synthetic", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    generate = commands.add_parser(
        "generate", help="write orders, items, customers, products and the ledger of defects"
    )
    _add_what(generate.add_argument_group("what"))
    _add_rates(generate.add_argument_group("defects, each a rate from 0 to 1 (default 0)"))
    _add_where(generate.add_argument_group("where and how (changes no value)"))
    return parser


def _add_what(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--orders", type=int, required=True, metavar="N", help="orders to make, before duplicates")
    add("--seed", type=int, default=0, metavar="N", help="same seed, same data (default 0)")
    add("--start", type=_instant, default="2025-01-01", metavar="DATE", help="first day, UTC (default 2025-01-01)")
    add("--days", type=float, default=90, metavar="N", help="time the orders are spread over (default 90)")
    add("--batch-size", type=int, metavar="N", help="orders per logical batch (default: a hundredth, at least 100)")


def _add_rates(group: argparse._ArgumentGroup) -> None:
    for name in _RATES:
        group.add_argument(f"--{name.replace('_', '-')}", type=float, default=0.0, metavar="X")
    group.add_argument("--max-late-days", type=int, default=7, metavar="N", help="how late (default 7)")


def _add_where(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--out", metavar="DIR", help="a new folder; of files also a URI such as s3://bucket/folder")
    add("--format", choices=FORMATS, default="parquet", help="default parquet")
    add("--workers", type=int, default=1, metavar="N", help="threads (default 1)")
    add("--chunk-size", type=int, default=CHUNK_SIZE, metavar="N", help=f"orders made at a time ({CHUNK_SIZE})")
    add("--orders-per-file", type=int, metavar="N", help=f"of files (default {ORDERS_PER_FILE})")
    add("--row-group-size", type=int, metavar="N", help="most rows in a Parquet row group (default 1048576)")
    add("--compression", choices=COMPRESSIONS, help="of Parquet (default snappy)")
    add("--partition-by-batch", action="store_true", help="files in hive folders batch=N")
    add("--catalog", metavar="NAME", help="Iceberg catalog of PyIceberg's configuration (default: one in DIR)")
    add("--namespace", metavar="NAME", help="of Iceberg (default shop)")
    add("--describe", action="store_true", help="say what would be made, and make nothing")


def _instant(text: str) -> datetime:
    """A date or an instant in ISO format; without an offset it is UTC."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2025-01-31 or 2025-01-31T08:00") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _generate(options: argparse.Namespace, check: Callable[[], None]) -> None:
    plan = _plan(options)
    if options.describe:
        sys.stdout.write(f"{description(plan, options.orders)}\n")
        return
    if not (options.out or options.catalog):
        raise InvalidSettings(["--out is missing: name a new folder to write to, or ask for --describe"])
    progress = Progress(sys.stderr, options.orders, check)
    try:
        tally = write(plan, options, progress)
    finally:
        progress.close()
    sys.stdout.write(f"{closing_line(tally, progress.seconds, place(options))}\n")


def _plan(options: argparse.Namespace) -> Plan:
    """What to make; every mistake in the options is reported at once."""
    size = max(100, -(-options.orders // 100)) if options.batch_size is None else options.batch_size
    mistakes = [sentence for name in _COUNTS if (sentence := _below_one(name, getattr(options, name)))]
    mistakes += unfit(options)
    quality, shop = DataQuality(), Ecommerce()
    with collected(mistakes):
        quality = DataQuality(max_late_days=options.max_late_days, **{n: getattr(options, n) for n in _RATES})
    with collected(mistakes):
        shop = Ecommerce(seed=options.seed, start=options.start)
    with collected(mistakes):
        shop.history(orders=options.orders, days=options.days, batch_size=size)
    if mistakes:
        raise InvalidSettings(mistakes)
    return replace(shop, quality=quality).history(orders=options.orders, days=options.days, batch_size=size)


_COUNTS = ("workers", "chunk_size", "orders_per_file")


def _below_one(name: str, value: int | None) -> str | None:
    return f"{name}={value!r} is not at least 1" if value is not None and value < 1 else None
