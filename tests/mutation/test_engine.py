"""The engine itself, on a check of a few lines: what each mutation does, what stands in for what is left out."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from pytest_floe import Finding, Probe
from tests.mutation.loading import Copy, sources
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.switch import Run

TOY = """
from pytest_floe import Finding, Probe, check
from . import shared

@check("storage", "toy")
def verify(server, probe):
    sdk = probe.driver("json", "toy")
    with probe.step("authenticate"):
        who = server.log_in()
        probe.fact(version=server.version)
    with probe.step("operate.read"):
        rows = server.read(who)
        if not rows or rows[0] != who:
            probe.fail("operate.wrong_content", "other rows")
    count = _counted(server, probe)
    shared.verify(server, probe)
    probe.ok(f"{probe.facts['version']}: {who} read {rows}, {count}")

def _counted(server, probe):
    with probe.step("operate.query"):
        return len(server.count())

def _never_called(server, probe):
    with probe.step("operate.never"):
        probe.fail("operate.failed", "never")
"""
SHARED = """
from pytest_floe import Finding

def verify(server, probe):
    with probe.step("operate.write"):
        server.write()
        Thing().check(server)

class Thing:
    def check(self, server):
        if server.full:
            raise Finding("operate.out_of_space", "full")
"""


class Server:
    """What the toy speaks to; ``broken`` names the method that raises."""

    version, full = "1", False

    def __init__(self, broken: str = "") -> None:
        self.broken = broken

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def answer(*_: object) -> Any:
            if name == self.broken:
                raise OSError(f"{name} is broken")
            return {"log_in": "me", "read": ["me"], "count": [1, 2]}.get(name)

        return answer


@pytest.fixture(scope="module")
def toy() -> Copy:
    return Copy(["toy"], {**sources(), "toy": textwrap.dedent(TOY), "shared": SHARED})


@pytest.fixture(scope="module")
def healthy(toy: Copy) -> Run:
    return run(toy, Server())[0]


def run(toy: Copy, server: Server, mutant: Mutant | None = None, healthy: Run | None = None) -> tuple[Run, str | None]:
    """Run the toy's check; return its run, and the cause that it found."""
    runs: list[Run] = []

    def begin(probe: Probe) -> Run:
        runs.append(Run(probe, mutant.change if mutant else None, healthy.remembered if healthy else None))
        return runs[0]

    try:
        toy.check("toy", begin)(server, Probe(endpoint="toy"))
    except Finding as finding:
        return runs[0], finding.cause
    return runs[0], None


@pytest.fixture
def mutant(toy: Copy, healthy: Run) -> Callable[[str], Mutant]:
    made = {mutant.id: mutant for mutant in mutants("toy", toy.sites["toy"], healthy.remembered)}
    return made.__getitem__


def test_every_step_and_every_verification_on_the_way_has_its_mutants(toy: Copy, healthy: Run) -> None:
    made = [mutant.id for mutant in mutants("toy", toy.sites["toy"], healthy.remembered)]
    steps = [
        f"{where}: step {step}: {how}"
        for where, step in [
            ("probe.Probe.driver", "driver of toy: probe.driver('json', 'toy')"),
            ("toy.verify", "authenticate"),
            ("toy.verify", "operate.read"),
            ("toy._counted", "operate.query"),
            ("shared.verify", "operate.write"),
        ]
        for how in ("removed", "swallowed")
    ]
    assert set(steps) <= set(made)
    assert sorted(set(made) - set(steps)) == sorted(
        [
            "probe.Probe.driver: raise Finding('config.missing_driver', message, command) from error: assumed good",
            "toy.verify: not rows: assumed good",
            "toy.verify: rows[0] != who: assumed good",
            "toy.verify: probe.fail('operate.wrong_content', 'other rows'): assumed good",
            "shared.Thing.check: raise Finding('operate.out_of_space', 'full'): assumed good",
        ]
    )


def test_the_copy_without_a_change_is_the_check(toy: Copy) -> None:
    told, cause = run(toy, Server())
    assert (cause, told.probe.message) == (None, "1: me read ['me'], 2")
    assert run(toy, Server("read"))[1] == "operate.unexpected_response"


@pytest.mark.parametrize("how", ["removed", "swallowed"])
@pytest.mark.parametrize(
    ("where", "broken"),
    [("toy.verify: step authenticate", "log_in"), ("toy._counted: step operate.query", "count")],
    ids=["what it binds, and tells the probe", "what it returns"],
)
def test_what_a_healthy_run_left_stands_in(
    toy: Copy, healthy: Run, mutant: Callable[[str], Mutant], where: str, broken: str, how: str
) -> None:
    told, cause = run(toy, Server(broken), mutant(f"{where}: {how}"), healthy)
    assert (cause, told.reached) == (None, True)
    assert told.probe.message == "1: me read ['me'], 2"


def test_a_step_that_does_not_break_is_walked_where_its_error_is_swallowed(
    toy: Copy, healthy: Run, mutant: Callable[[str], Mutant]
) -> None:
    assert not run(toy, Server(), mutant("toy.verify: step authenticate: swallowed"), healthy)[0].reached


def test_an_operand_of_a_guard_is_assumed_good_alone(toy: Copy, healthy: Run, mutant: Callable[[str], Mutant]) -> None:
    class Emptied(Server):
        def read(self, _who: str) -> list[str]:
            return ["you"]

    assumed = mutant("toy.verify: rows[0] != who: assumed good")
    other = mutant("toy.verify: not rows: assumed good")
    assert run(toy, Emptied(), assumed, healthy)[1] is None
    assert run(toy, Emptied(), other, healthy)[1] == "operate.wrong_content"


def test_a_verification_in_another_module_is_assumed_good(
    toy: Copy, healthy: Run, mutant: Callable[[str], Mutant]
) -> None:
    class Full(Server):
        full = True

    assumed = mutant("shared.Thing.check: raise Finding('operate.out_of_space', 'full'): assumed good")
    assert run(toy, Full())[1] == "operate.out_of_space"
    assert run(toy, Full(), assumed, healthy)[1] is None
