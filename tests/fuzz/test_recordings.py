"""The recordings are what the real servers say, and the checks are green on them."""

from __future__ import annotations

import os
import re

import pytest

from tests.faults.lab import Lab
from tests.faults.server import Answer, FaultyServer, Request, answering
from tests.fuzz.conversation import Replay, Said, load, save
from tests.fuzz.kinds import KINDS, Kind, asking
from tests.fuzz.running import run

PATIENCE = 30.0
#: Where Trino has its answers fetched, and how often, is another each time.
_FETCHING = re.compile(r"(?<=GET /v1/statement/).*")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_recording_is_what_the_real_server_says(kind: Kind, lab: Lab) -> None:
    url, more = kind.serve(lab)
    said: list[Said] = []
    ask = asking(url, getattr(lab.server("azurite"), "ca_file", None) if kind.name == "adls" else None)
    base = ""

    def choose(request: Request) -> Answer:
        answer = ask(request)
        said.append(Said.of(request, answer, base))
        return answer

    with FaultyServer(answering(choose)) as front:
        base = f"127.0.0.1:{front.port}"
        own = {key: str(value).replace(url, front.url) for key, value in more.items() if value is not None}
        outcome = run(kind.name, kind.settings(front.url) | own, PATIENCE)
    assert outcome.status == "ok", outcome.result
    if os.environ.get("FLOE_RECORD"):
        save(kind.name, said)
    assert asked(said) == asked(load(kind.name)), "FLOE_RECORD=1 records anew"


def asked(said: list[Said]) -> set[str]:
    """Return what was asked in a conversation."""
    return {_FETCHING.sub("…", one.key) for one in said}


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_check_is_green_on_its_recording(kind: Kind) -> None:
    replay = Replay(load(kind.name), lambda _, answer: answer)
    with FaultyServer(answering(replay.answer)) as server:
        replay.base = f"127.0.0.1:{server.port}"
        outcome = run(kind.name, kind.settings(server.url), PATIENCE)
    assert (outcome.status, replay.unknown) == ("ok", []), outcome.result
