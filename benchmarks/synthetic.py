"""The generator beside others: `python benchmarks/synthetic.py > benchmarks/synthetic.txt`.

Needs, beside the package: tpchgen-cli, Faker, mimesis, jafgen. Every contender runs in a process of its own, several
times in turn; the least CPU time counts, as it does not grow with what else the machine is doing. Wall time does.
"""

# ruff: noqa: PLC0415 - each contender imports what it is measured with

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from pytest_floe.synthetic import Plan

ROWS_PER_SCALE = 7_500_000
ROWS_PER_ORDER = 3.5
LOOP_ORDERS = 30_000
"""Starting Faker is then some 5 % of its loop."""

STATUSES = ("pending", "processing", "shipped", "delivered", "cancelled")

Run = dict[str, float]
"""What one run used: rows, cpu and wall seconds, mib of memory, bytes on disk."""


#: Modules are compiled once, as on any machine, and not in every measurement.
_ENV = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def child(*command: str, cwd: str | Path) -> tuple[bytes, Run]:
    """Run a command: what it printed, CPU and wall seconds, peak memory in MiB."""
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_ENV) as process:
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} failed with {process.returncode}")
    seconds = {"cpu": used.ru_utime + used.ru_stime, "wall": time.perf_counter() - began}
    return printed, {**seconds, "mib": used.ru_maxrss / 1024}


def contender(name: str, orders: int, folder: Path) -> Run:
    """One measurement of a function of this file, which may correct what was measured from outside."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--only", name, "--orders", str(orders)]
    printed, used = child(*command, cwd=folder)
    return {**used, "bytes": size_of(folder), **json.loads(printed)}


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def history(orders: int, **rates: float) -> Plan:
    from pytest_floe.synthetic import DataQuality, Ecommerce

    return Ecommerce(seed=1, quality=DataQuality(**rates)).history(orders=orders, days=90, batch_size=orders // 20)


def generate(orders: int, tables: tuple[str, ...], workers: int = 1, **rates: float) -> Run:
    """Do what `python -m pytest_floe.synthetic generate` does, for some of the tables."""
    from pytest_floe.synthetic.export import export
    from pytest_floe.synthetic.sinks.formats import Parquet
    from pytest_floe.synthetic.sinks.places import new_folder

    plan = history(orders, **rates)
    with new_folder("shop") as folder:
        tally = export(plan, range(plan.batch_count), folder, Parquet(), workers=workers, tables=tables)
    return {"rows": sum(tally.rows[name] for name in tables if name != "defects")}


PAIR = ("orders", "order_items")
EVERYTHING = ("customers", "products", "orders", "order_items", "defects")
DEMO = {"null_rate": 0.02, "duplicate_rate": 0.01, "late_arrival_rate": 0.05}


def floe(orders: int) -> Run:
    return generate(orders, PAIR)


def floe_two_workers(orders: int) -> Run:
    return generate(orders, PAIR, workers=2)


def floe_spoiled(orders: int) -> Run:
    return generate(orders, PAIR, **DEMO)


def floe_everything(orders: int) -> Run:
    return generate(orders, EVERYTHING, **DEMO)


def _finished(orders: int, *, encoded: bool) -> dict[str, list[pa.Table]]:
    from pytest_floe.synthetic.export import pieces

    plan = history(orders)
    parts = [plan.part(p.batch, p.first, p.end, encoded=encoded, only=PAIR) for p in pieces(plan, range(20), 50_000)]
    return {name: [getattr(part, name) for part in parts] for name in PAIR}


def writing_by_default(orders: int) -> Run:
    """Write finished tables of strings from memory as anybody would; their making does not count."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    starting = time.process_time()
    tables = {name: pa.concat_tables(parts) for name, parts in _finished(orders, encoded=False).items()}
    began, wall = time.process_time(), time.perf_counter()
    for name, table in tables.items():
        pq.write_table(table, f"{name}.parquet")
    used = {"cpu": starting + time.process_time() - began, "wall": starting + time.perf_counter() - wall}
    return {"rows": sum(map(len, tables.values())), **used}


def writing_as_floe(orders: int) -> Run:
    """Write what the generator hands to its writer, with its settings: the limit. The making does not count."""
    import pyarrow as pa
    from pytest_floe.synthetic.sinks.formats import Parquet

    starting = time.process_time()
    finished = _finished(orders, encoded=True)
    began, wall = time.process_time(), time.perf_counter()
    for name, tables in finished.items():
        with pa.OSFile(f"{name}.parquet", "wb") as stream:
            writer = Parquet().open(stream, tables[0].schema)
            for table in tables:
                writer.write_table(table)
            writer.close()
    used = {"cpu": starting + time.process_time() - began, "wall": starting + time.perf_counter() - wall}
    return {"rows": sum(len(table) for tables in finished.values() for table in tables), **used}


OPENED, CLOSED = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)


def faker_loop(_: int) -> Run:
    """Every value by one of Faker's providers, called as floe-synthetic, the generator before this one, calls them."""
    from faker import Faker

    fake = Faker()
    fake.seed_instance(1)
    shares = (0.1, 0.15, 0.2, 0.5, 0.05)
    return _looped(
        uuid=fake.uuid4,
        pick=fake.random_element,
        status=lambda: fake.random_element(OrderedDict(zip(STATUSES, shares, strict=True))),
        quantity=lambda: fake.random_int(1, 10),
        money=lambda low, high: fake.pydecimal(min_value=low, max_value=high, right_digits=2),
        instant=lambda: fake.date_time_between(OPENED, CLOSED, UTC),
    )


def lean_faker_loop(_: int) -> Run:
    """Faker for instants only, the standard library for the rest, as scripts do whose authors have met its pace."""
    import random
    import uuid

    from faker import Faker

    fake = Faker()
    fake.seed_instance(1)
    return _looped(
        uuid=lambda: str(uuid.uuid4()),
        pick=random.choice,
        status=lambda: random.choice(STATUSES),
        quantity=lambda: random.randint(1, 10),
        money=lambda low, high: Decimal(random.randint(int(low * 100), int(high * 100))) / 100,
        instant=lambda: fake.date_time_between(OPENED, CLOSED, UTC),
    )


def mimesis_loop(_: int) -> Run:
    from mimesis import Generic, Locale

    g = Generic(Locale.EN, seed=1)
    return _looped(
        uuid=g.cryptographic.uuid,
        pick=g.random.choice,
        status=lambda: g.random.choice(STATUSES),
        quantity=lambda: g.random.randint(1, 10),
        money=lambda low, high: Decimal(str(g.finance.price(float(low), float(high)))),
        instant=lambda: g.datetime.datetime(2025, 2025, timezone="UTC"),
    )


def _looped(
    uuid: Callable[[], str],
    pick: Callable[[list[str]], str],
    status: Callable[[], str],
    quantity: Callable[[], int],
    money: Callable[[Decimal, Decimal], Decimal],
    instant: Callable[[], datetime],
) -> Run:
    """Rows as a loop makes them: the same columns, keys that resolve and sums that add up, no curves, no defects."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    customers, products = [uuid() for _ in range(1000)], [uuid() for _ in range(500)]
    orders, items = [], []
    for number in range(LOOP_ORDERS):
        order: dict[str, object] = {"order_id": uuid(), "customer_id": pick(customers), "status": status()}
        order |= {"order_date": instant(), "shipped_date": instant(), "updated_at": instant()}
        total = Decimal(0)
        for _ in range(2 + number % 2):
            line = {"order_item_id": uuid(), "order_id": order["order_id"], "product_id": pick(products)}
            pieces, price, discount = quantity(), money(Decimal(5), Decimal(500)), money(Decimal(0), Decimal(5))
            subtotal = pieces * price - discount
            items.append(
                line
                | {"quantity": pieces, "unit_price": price, "discount": discount, "subtotal": subtotal}
                | {"updated_at": order["updated_at"]}
            )
            total += subtotal
        orders.append(order | {"total_amount": total})
    for name, rows in (("orders", orders), ("order_items", items)):
        pq.write_table(pa.Table.from_pylist(rows), f"{name}.parquet")
    return {"rows": len(orders) + len(items)}


def jafgen(_: int) -> Run:
    subprocess.run([str(Path(sys.executable).with_name("jafgen")), "1"], check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = sum(
        sum(1 for _ in path.open()) - 1 for path in Path().rglob("*.csv") if path.stem.endswith(("orders", "items"))
    )
    return {"rows": rows, "cpu": used.ru_utime + used.ru_stime, "mib": used.ru_maxrss / 1024}


def side_by_side(orders: int, folder: Path) -> Run:
    """Two processes at once, each with half of the orders: what the machine's two cores are worth together."""
    with ThreadPoolExecutor(2) as pool:
        began = time.perf_counter()
        both = list(pool.map(lambda half: contender("floe", orders // 2, folder / half), ("one", "other")))
        wall = time.perf_counter() - began
    return {name: sum(run[name] for run in both) for name in ("rows", "cpu", "mib", "bytes")} | {"wall": wall}


def scaling(orders: int, repeats: int, folder: Path) -> dict[str, Run]:
    """One worker and two, where starting counts for little, beside two processes and two threads of another."""
    kinds: dict[str, Callable[[], Run]] = {
        "floe": lambda: contender("floe", orders, folder),
        "floe, 2 workers": lambda: contender("floe_two_workers", orders, folder),
        "floe, 2 processes": lambda: side_by_side(orders, folder),
        "tpchgen-cli": lambda: tpchgen(orders, folder, 1),
        "tpchgen-cli, 2 threads": lambda: tpchgen(orders, folder, 2),
    }
    runs = [{name: kind() for name, kind in kinds.items()} for _ in range(repeats)]
    return {name: min((run[name] for run in runs), key=lambda run: run["wall"]) for name in kinds}


def tpchgen(orders: int, folder: Path, threads: int) -> Run:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    scale = orders * ROWS_PER_ORDER / ROWS_PER_SCALE
    program = str(Path(sys.executable).with_name("tpchgen-cli"))
    options = ["--tables=orders,lineitem", "-c", "SNAPPY", "-n", str(threads)]
    import pyarrow.parquet as pq

    _, used = child(program, "parquet", "-s", f"{scale:.6f}", *options, "--output-dir=.", cwd=folder)
    rows = sum(pq.ParquetFile(path).metadata.num_rows for path in folder.rglob("*.parquet"))
    return {**used, "bytes": size_of(folder), "rows": rows}


def latency() -> str:
    """Milliseconds of CPU for a warm batch of 100 orders: the least is what it takes where nothing disturbs it."""
    from pytest_floe.synthetic import DataQuality, Ecommerce

    found = []
    for name, quality in (("clean", DataQuality()), ("with the demo's defects", DataQuality.demo())):
        plan = Ecommerce(seed=1, quality=quality).even(100)
        plan.batch(40)
        took = []
        for number in range(41, 241):
            began = time.process_time()
            plan.batch(number)
            took.append(time.process_time() - began)
        took.sort()
        found.append(f"{took[0] * 1000:.1f} to {took[len(took) // 2] * 1000:.1f} {name}")
    return ", ".join(found)


USE = "from pytest_floe.synthetic import DataQuality, Ecommerce; shop = Ecommerce(quality=DataQuality.demo())"
IMPORTS = {
    "the main interface, a shop made": USE,
    "and its first batch": f"{USE}; shop.batch(1)",
    "NumPy and PyArrow alone": "import numpy, pyarrow",
}


def burst(seconds: float = 10) -> dict[float, float]:
    """Records handed out in the first so many seconds, per record that was asked for."""
    from pytest_floe.synthetic import Ecommerce

    held = {}
    for rate in (100.0, 1_000.0, 10_000.0):
        began, records = time.monotonic(), 0
        for batch in Ecommerce(seed=1).burst(rate, start=1):
            if time.monotonic() - began >= seconds:
                break
            records += batch.records
        held[rate] = records / (rate * seconds)
    return held


def import_seconds(repeats: int) -> dict[str, float]:
    """CPU seconds beyond those of starting Python."""
    codes = {"": "pass", **IMPORTS}
    least = dict.fromkeys(codes, float("inf"))
    for _ in range(repeats):
        for name, code in codes.items():
            least[name] = min(least[name], child(sys.executable, "-I", "-c", code, cwd="/")[1]["cpu"])
    return {name: least[name] - least[""] for name in IMPORTS}


OURS = {
    "floe: orders, order_items": floe,
    "floe, 2 workers": floe_two_workers,
    "floe, demo's defects": floe_spoiled,
    "floe, all tables and defects": floe_everything,
    "PyArrow writes, by default": writing_by_default,
    "PyArrow writes, as floe does": writing_as_floe,
    "Faker loop": faker_loop,
    "lean Faker loop": lean_faker_loop,
    "mimesis loop": mimesis_loop,
    "jafgen 1 (to CSV)": jafgen,
}


def measured(orders: int, repeats: int, folder: Path) -> dict[str, Run]:
    """Contenders take turns, so that a busy moment hits all alike."""
    runs: dict[str, list[Run]] = {}
    for _ in range(repeats):
        runs.setdefault("tpchgen-cli", []).append(tpchgen(orders, folder, 1))
        runs.setdefault("tpchgen-cli, 2 threads", []).append(tpchgen(orders, folder, 2))
        for name, function in OURS.items():
            runs.setdefault(name, []).append(contender(function.__name__, orders, folder))
    least = {name: min(several, key=lambda r: r["cpu"]) for name, several in runs.items()}
    return {name: run | {"wall": min(r["wall"] for r in runs[name])} for name, run in least.items()}


def line(name: str, run: Run) -> str:
    rate = run["rows"] / run["cpu"]
    return (
        f"{name:<30}{run['rows']:>12,}{run['cpu']:>9.2f}{run['wall']:>9.2f}{run['mib']:>8.0f}"
        f"{run['bytes'] / 1e6:>9.1f}{rate:>13,.0f}"
    )


HEADER = f"{'':<30}{'rows':>12}{'CPU s':>9}{'wall s':>9}{'MiB':>8}{'MB':>9}{'rows/CPU s':>13}"


def report(orders: int, repeats: int, largest: int) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, {_processor()}; Python {platform.python_version()}")
    print(", ".join(f"{n} {version(n)}" for n in ("numpy", "pyarrow", "tpchgen-cli", "faker", "mimesis", "jafgen")))
    print(f"{_load()} when started; best of {repeats} runs each\n\n{HEADER}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        runs = measured(orders, repeats, folder)
        for name, run in runs.items():
            print(line(name, run))
        print(f"\n{_ratios(runs)}\n{_load()} by then\n\ntwo cores\n{HEADER}")
        runs = scaling(orders * 4, repeats, folder)
        for name, run in runs.items():
            print(line(name, run))
        print(f"\n{_gains(runs)}\n\nlinear in time and level in memory\n{HEADER}")
        for rows in _ladder(largest):
            orders = round(rows / ROWS_PER_ORDER)
            print(line(f"floe, 10^{len(str(rows)) - 1} rows", contender("floe", orders, folder)), flush=True)
    print(f"\na warm batch of 100 orders, ms of CPU, least to median (target 5): {latency()}")
    held = ", ".join(f"{share:.1%} of {rate:,.0f}" for rate, share in burst().items())
    print(f"a burst of 10 s, records a second: {held} (target 98 to 102 %)")
    took = ", ".join(f"{name} {seconds * 1000:.0f}" for name, seconds in import_seconds(7).items())
    print(f"importing, ms of CPU (target 150): {took}")


def _ladder(largest: int) -> Iterator[int]:
    rows = 100_000
    while rows <= largest:
        yield rows
        rows *= 10


def _ratios(runs: dict[str, Run]) -> str:
    def rate(name: str) -> float:
        return runs[name]["rows"] / runs[name]["cpu"]

    ours = rate("floe: orders, order_items")
    default, limit = rate("PyArrow writes, by default") / ours, rate("PyArrow writes, as floe does") / ours
    return (
        f"{ours / rate('tpchgen-cli'):.2f} times the rows per CPU second of tpchgen-cli (target 1.5)\n"
        f"{ours / rate('Faker loop'):.0f} times those of the Faker loop (target 200), "
        f"{ours / rate('lean Faker loop'):.0f} times those of the lean one\n"
        f"{limit:.2f} times the CPU of merely writing the finished tables with the same settings (target 2.5), "
        f"{default:.2f} times that of pyarrow.parquet.write_table as it is"
    )


def _gains(runs: dict[str, Run]) -> str:
    def gain(name: str, of: str = "floe") -> float:
        return runs[of]["wall"] / runs[name]["wall"]

    return (
        f"{gain('floe, 2 workers'):.2f} times as fast with two workers (target 1.8), "
        f"{gain('floe, 2 processes'):.2f} with two processes of half the orders each, "
        f"{gain('tpchgen-cli, 2 threads', of='tpchgen-cli'):.2f} tpchgen-cli with two threads"
    )


def _load() -> str:
    """How many processes wanted to run: more than there are cores, and wall times say more of them than of us."""
    return f"load {os.getloadavg()[0]:.1f}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next(
        (text.partition(":")[2].strip() for text in lines if text.startswith("model name")), "unknown processor"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=2_000_000)
    parser.add_argument("--largest", type=int, default=100_000_000, help="rows of the last step of the ladder, 8 GB")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        from pytest_floe.synthetic.process import prepare_process

        prepare_process()  # as the generator's command does; the others shall not be worse off
        print(json.dumps(globals()[options.only](options.orders)))
    else:
        report(options.orders, options.repeats, options.largest)


if __name__ == "__main__":
    main()
