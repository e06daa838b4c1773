"""Whatever a service answers: a verdict in time, no traceback, no secret, and no green that was not earned."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.server import FaultyServer, answering
from tests.fuzz.conversation import Replay, load, names
from tests.fuzz.kinds import KINDS, Kind
from tests.fuzz.mutations import Mutation, failures, mutations, nonsense
from tests.fuzz.running import DEADLINE, Outcome, flaws, run

pytestmark = pytest.mark.usefixtures("nobody")
of_each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
_load = cache(load)
ALL = -1


def spoiled(kind: Kind, mutation: Mutation, spoil: int, deadline: float = DEADLINE) -> Outcome:
    """Run the check on its recording, of which one answer is spoiled, or all of them."""
    replay = Replay(_load(kind.name), lambda index, answer: mutation.apply(answer) if spoil in (index, ALL) else answer)
    with FaultyServer(answering(replay.answer)) as server:
        replay.base = f"127.0.0.1:{server.port}"
        return run(kind.name, kind.settings(server.url), deadline)


@cache
def driver_is_imported(kind: str) -> bool:
    """Import the driver once, which takes longer than an example may."""
    return spoiled(next(one for one in KINDS if one.name == kind), Mutation("cut", 0), ALL, 60.0).status == "error"


@of_each_kind
@given(data=st.data())
def test_any_answer_leads_to_a_verdict(kind: Kind, data: st.DataObject) -> None:
    assert driver_is_imported(kind.name)
    asked = dict(enumerate(names(_load(kind.name)))) | {ALL: "all"}
    spoil = data.draw(st.sampled_from(sorted(asked)), "which")
    outcome = spoiled(kind, data.draw(mutations, "how"), spoil)
    assert not flaws(outcome), asked[spoil]


@of_each_kind
@given(data=st.data())
def test_no_answer_that_a_verdict_needs_may_be_a_refusal_or_nonsense(kind: Kind, data: st.DataObject) -> None:
    assert driver_is_imported(kind.name)
    asked = list(enumerate(names(_load(kind.name))))
    needed = [(index, failures) for index, name in asked if not kind.may_fail(name)]
    read = [(i, nonsense) for i, name in asked if _load(kind.name)[i].body and not kind.may_say_anything(name)]
    spoil, how = data.draw(st.sampled_from(needed + read), "which")
    outcome = spoiled(kind, data.draw(how, "how"), spoil)
    assert outcome.status != "ok", (asked[spoil][1], outcome.result.message)
    assert not flaws(outcome), asked[spoil][1]
