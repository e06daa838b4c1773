"""`python -m pytest_floe.synthetic generate`: a whole history in one call."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .arguments import not_whole
from .errors import InvalidSettings, SyntheticError, TargetError, collected
from .export import CHUNK_SIZE, ORDERS_PER_FILE
from .progress import Progress
from .quality import DataQuality, rate_names
from .shop import Ecommerce
from .sinks.formats import COMPRESSIONS
from .stopping import Terminated, stoppable
from .summary import closing_line, description
from .write import FORMATS, place, unfit, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .plan import Plan

_RATES = tuple(name for name in rate_names() if name != "schema_drift_rate")
"""A history is written as tables of one schema."""

FAILED, WRONG_ARGUMENTS = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 1 could not be written, 2 wrong arguments; 128 and the signal's number if stopped."""
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
        number, said = (stop.number, "terminated") if isinstance(stop, Terminated) else (signal.SIGINT, "interrupted")
        with suppress(OSError):  # where the terminal has been closed
            sys.stderr.write(f"{said}: what is there is whole\n")
        return 128 + number
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
    add("--orders", type=_whole, required=True, metavar="N", help="orders to make, before duplicates")
    add("--seed", type=_whole, default=0, metavar="N", help="same seed, same data (default 0)")
    add("--start", type=_instant, default="2025-01-01", metavar="DATE", help="first day, UTC (default 2025-01-01)")
    add("--days", type=_number, default=90, metavar="N", help="time the orders are spread over (default 90)")
    add("--batch-size", type=_whole, metavar="N", help="orders per logical batch (default: a hundredth, at least 100)")


def _add_rates(group: argparse._ArgumentGroup) -> None:
    for name in _RATES:
        group.add_argument(f"--{name.replace('_', '-')}", type=_number, default=0.0, metavar="X")
    group.add_argument("--max-late-days", type=_number, default=7, metavar="N", help="how late (default 7)")


def _add_where(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    help_out = "a new folder; of files also a URI such as s3://bucket/folder"
    # A shell leaves the ~ of --out=~/shop as it is.
    add("--out", type=os.path.expanduser, metavar="DIR", help=help_out)
    add("--format", choices=FORMATS, default="parquet", help="default parquet")
    add("--workers", type=_whole, default=1, metavar="N", help="threads (default 1)")
    add("--chunk-size", type=_whole, default=CHUNK_SIZE, metavar="N", help=f"orders made at a time ({CHUNK_SIZE})")
    add("--orders-per-file", type=_whole, metavar="N", help=f"of files (default {ORDERS_PER_FILE})")
    add("--row-group-size", type=_whole, metavar="N", help="most rows in a Parquet row group (default 1048576)")
    add("--compression", choices=COMPRESSIONS, help="of Parquet (default snappy)")
    add("--partition-by-batch", action="store_true", help="files in hive folders batch=N")
    add("--catalog", metavar="NAME", help="Iceberg catalog of PyIceberg's configuration (default: one in DIR)")
    add("--namespace", metavar="NAME", help="of Iceberg (default shop)")
    add("--describe", action="store_true", help="say what would be made, and make nothing")


def _whole(text: str) -> int | str:
    """A whole number; what is none is left as it is, to be told with all other mistakes."""
    try:
        return int(text)
    except ValueError:
        return text


def _number(text: str) -> float | str:
    """As `_whole`, of numbers."""
    try:
        return float(text)
    except ValueError:
        return text


def _instant(text: str) -> datetime | str:
    """As `_whole`, of dates and instants in ISO format; without an offset they are UTC."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _generate(options: argparse.Namespace, check: Callable[[], None]) -> None:
    plan = _plan(options)
    if options.describe:
        _say(description(plan, options.orders))
        return
    progress = Progress(sys.stderr, options.orders, check)
    try:
        tally = write(plan, options, progress)
    finally:
        progress.close()
    _say(closing_line(tally, progress.seconds, place(options)))


def _say(text: str) -> None:
    """Write to standard output, where a reader that has left misses nothing."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        # What is still in the buffer would be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise TargetError(
                f"standard output cannot be written: {error.strerror}. It would have been: {text}"
            ) from error


def _plan(options: argparse.Namespace) -> Plan:
    """What to make; every mistake in the options is reported at once."""
    size = options.batch_size
    if size is None:
        size = max(100, -(-options.orders // 100)) if isinstance(options.orders, int) else 100
    mistakes = list(_miscounted(options))
    mistakes += unfit(options)
    quality, shop = DataQuality(), Ecommerce()
    with collected(mistakes):
        quality = DataQuality(max_late_days=options.max_late_days, **{n: getattr(options, n) for n in _RATES})
    if isinstance(options.start, str):
        mistakes.append(f"start={options.start!r} is not a date such as 2025-01-31 or 2025-01-31T08:00")
        options.start = shop.start
    with collected(mistakes):
        shop = Ecommerce(seed=options.seed, start=options.start)
    with collected(mistakes):
        shop.history(orders=options.orders, days=options.days, batch_size=size)
    if mistakes:
        raise InvalidSettings(mistakes)
    return replace(shop, quality=quality).history(orders=options.orders, days=options.days, batch_size=size)


_MOST = {"workers": 1024, "chunk_size": 1 << 32, "orders_per_file": 1 << 32}


def _miscounted(options: argparse.Namespace) -> Iterator[str]:
    for name, most in _MOST.items():
        given = getattr(options, name)
        if given is not None:
            yield from not_whole(name, given, 1, most)
