"""Runs of pytest under random faults and random kills, each judged by the fault injector's own record.

    python benchmarks/chaos.py [--runs 1000] [--first 0] [--seed 1] [--jobs 2] [--minutes 60] [--only N] [--keep DIR]

Each job starts a platform of its own (DuckDB, PostgreSQL, S3, an Iceberg REST catalog) and runs
``pytest --floe-env=chaos`` on it again and again, as a process. ``--only N`` repeats run N of a seed and prints all it
saw. Exit status 1 if any run broke a rule, or if time ran out.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.chaos.draw import draw  # noqa: E402
from tests.chaos.judge import RULES, Violation, summary  # noqa: E402
from tests.chaos.platform import Platform  # noqa: E402
from tests.chaos.trial import Trial, Verdict  # noqa: E402
from tests.chaos.truth import Truth  # noqa: E402
from tests.chaos.zygote import Zygote  # noqa: E402


class Tally:
    """What came of all runs."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.verdicts: dict[int, Verdict] = {}
        self.late: list[int] = []
        self.lock = threading.Lock()

    def add(self, verdict: Verdict) -> None:
        """Count a run, and tell at once of broken rules."""
        with self.lock:
            self.verdicts[verdict.truth.draw.number] = verdict
            if verdict.violations:
                print(f"{verdict.truth.draw}\n{summary(verdict.violations)}", flush=True)
            if len(self.verdicts) % 100 == 0:
                print(f"{len(self.verdicts)} runs", flush=True)

    def table(self) -> None:
        """Print the figures."""
        verdicts = list(self.verdicts.values())
        draws = [verdict.truth.draw for verdict in verdicts]
        row("runs", len(verdicts))
        row("  in an interpreter of their own, not forked", sum(draw.fresh for draw in draws))
        row("  with -n 2", sum(bool(draw.workers) for draw in draws))
        row("  without any fault or kill", sum(not draw.faults and not draw.kill for draw in draws))
        row("faults that acted", sum(len(acted(verdict)) for verdict in verdicts))
        for what, count in sorted(Counter(itertools.chain.from_iterable(map(acted, verdicts))).items()):
            row(f"  {what}", count)
        row("kills", sum(bool(verdict.truth.killed) for verdict in verdicts))
        for what, count in sorted(
            Counter(" and ".join(sorted(set(v.truth.killed))) for v in verdicts if v.truth.killed).items()
        ):
            row(f"  {what}", count)
        row("canaries left by them, named and swept by the next run", sum(verdict.left for verdict in verdicts))
        row("slowest run, seconds", round(max(verdict.seconds for verdict in verdicts)))
        row(
            "runs repeated, since a check without a fault ran out of time",
            len(self.late),
            f" {self.late}" * bool(self.late),
        )
        row("violations", sum(len(verdict.violations) for verdict in verdicts))
        for rule, meaning in RULES.items():
            broken = sorted(
                {v.truth.draw.number for v in verdicts for violation in v.violations if violation.rule == rule}
            )
            row(f"  {meaning}", len(broken), "".join(f" --only {number}" for number in broken[:20]))


def only_late(verdict: Verdict) -> bool:
    """Tell whether nothing is wrong but that a check had no time, as on a loaded machine; it is repeated."""
    reds = [violation.how for violation in verdict.violations if violation.rule == "red"]
    late = any("timeout: no answer" in how for how in reds)
    return late and all(
        "timeout: no answer" in violation.how or " blocked: " in violation.how for violation in verdict.violations
    )


def acted(verdict: Verdict) -> list[str]:
    """Return which faults acted in a run."""
    by_path = {one.service for ones in verdict.truth.exchanges.values() for one in ones if one.tampered}
    by_path = [
        f"{fault.service}: {fault.what}"
        for fault in verdict.truth.draw.faults
        if fault.kind == "path" and fault.service in by_path
    ]
    state = [f"{fault.service}: {fault.kind} {fault.what}" for fault in verdict.truth.acted]
    return by_path + state


def row(what: str, value: object, more: str = "") -> None:
    print(f"{what:<66} {value!s:>6}{more}")


def work(numbers: Iterator[int], arguments: argparse.Namespace, tally: Tally, until: float) -> None:
    """Take numbers, and run what they stand for, until there are none or time is up."""
    with Zygote(ROOT) as zygote, ExitStack() as stack:
        servers = stack.enter_context(Platform())
        for number in numbers:
            if time.monotonic() > until:
                return
            try:
                verdict = attempt(number, arguments, servers, zygote)
                if only_late(verdict):
                    tally.late.append(number)
                    verdict = attempt(number, arguments, servers, zygote)
            except Exception:  # noqa: BLE001 - whatever it was, the run must not pass for judged
                lost = traceback.format_exc()
                verdict = Verdict(Truth(draw(arguments.seed, number)), [Violation("injector", lost)], 0.0, 0)
                stack.close()
                servers = stack.enter_context(Platform())
            tally.add(verdict)


def attempt(number: int, arguments: argparse.Namespace, servers: Platform, zygote: Zygote) -> Verdict:
    """Do a run in a folder of its own, which is kept if a rule was broken."""
    with tempfile.TemporaryDirectory(prefix=f"floe-chaos-{number}-") as name:
        verdict = Trial(draw(arguments.seed, number), servers, zygote, Path(name)).run()
        if verdict.violations and arguments.keep:
            shutil.copytree(name, arguments.keep / str(number), dirs_exist_ok=True)
    return verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--only", type=int)
    parser.add_argument("--keep", type=Path, help="where to keep the folders of runs that broke a rule")
    arguments = parser.parse_args()
    if arguments.only is not None:
        arguments.first, arguments.runs, arguments.jobs = arguments.only, 1, 1
    print(f"{platform.platform()}, Python {platform.python_version()}, seed {arguments.seed}\n", flush=True)
    started, tally, numbers = (
        time.monotonic(),
        Tally(arguments.seed),
        iter(range(arguments.first, arguments.first + arguments.runs)),
    )
    until = started + 60 * arguments.minutes
    jobs = [threading.Thread(target=work, args=(numbers, arguments, tally, until)) for _ in range(arguments.jobs)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    tally.table()
    row("minutes", round((time.monotonic() - started) / 60, 1))
    complete = len(tally.verdicts) == arguments.runs
    sys.exit(not complete or any(verdict.violations for verdict in tally.verdicts.values()))


if __name__ == "__main__":
    main()
