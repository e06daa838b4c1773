"""Whatever a server says in PostgreSQL's protocol: a verdict in time, no traceback, and no green that was not earned.

The recording is of a real PostgreSQL; the answers are bytes, one for each time that the client speaks.
"""

from __future__ import annotations

import base64
import json
import os
import socket
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_floe.local.configs import PostgresConfig
from pytest_floe.local.launch import running
from tests.chaos.path import Path
from tests.faults.server import Connection, FaultyServer, Move
from tests.fuzz.conversation import FOLDER
from tests.fuzz.running import DEADLINE, Outcome, flaws, run

PASSWORD = "postgres-secret-of-the-fuzz-tests"
RECORDING = FOLDER / "postgres.json"
#: What the client asks when it reads back what it wrote, and whether the server is a replica.
_READ_BACK, _RECOVERY = b"SELECT id, note", b"SELECT pg_is_in_recovery"


def settings(port: int) -> dict[str, object]:
    return {
        "host": "127.0.0.1", "port": port, "database": "fuzz", "user": "fuzz", "password": PASSWORD,
        "sslmode": "disable",
    }  # fmt: skip


@cache
def recorded() -> list[tuple[bytes, bytes]]:
    """Return what the client said and what it was answered, in turn."""
    return [(base64.b64decode(asked), base64.b64decode(said)) for asked, said in json.loads(RECORDING.read_text())]


@pytest.fixture
def path() -> Iterator[Path]:
    # Passwords in clear, so that the answers do not depend on what the client makes up.
    config = PostgresConfig("fuzz", PASSWORD, "fuzz", PASSWORD, hba=["host all all 127.0.0.1/32 password"])
    with running(config) as server:
        front = Path("postgres", server.port)
        yield front
        front.close()


def test_the_recording_is_what_a_real_server_says(path: Path) -> None:
    path.begin(None, lambda _: None)
    outcome = run("postgres", settings(path.port), 60.0)
    assert outcome.status == "ok", outcome.result
    said = [(bytes(one.request), bytes(one.answer)) for one in path.end(10)]
    if os.environ.get("FLOE_RECORD"):
        kept = [[base64.b64encode(part).decode() for part in pair] for pair in said]
        RECORDING.write_text(json.dumps(kept, indent=1) + "\n")
    assert len(said) == len(recorded()), "FLOE_RECORD=1 records anew"


def playing(answers: list[bytes]) -> Move:
    """Say each answer in turn, whenever the client has spoken; at the last one's end, hang up."""

    def play(connection: Connection) -> None:
        for answer in answers:
            if not connection.sock.recv(65536):
                return
            connection.sock.sendall(answer)
        connection.sock.shutdown(socket.SHUT_WR)
        while connection.sock.recv(65536):
            pass

    return play


def answered(answers: list[bytes], deadline: float = DEADLINE) -> Outcome:
    with FaultyServer(lambda connection: (playing(answers) if _speaks(connection) else _leave)(connection)) as server:
        return run("postgres", settings(server.port), deadline)


def _speaks(connection: Connection) -> bool:
    """Tell whether a client says anything; the check first looks whether somebody listens, and leaves."""
    return bool(connection.sock.recv(1, socket.MSG_PEEK))


def _leave(_: Connection) -> None:
    """Do nothing."""


def test_the_check_is_green_on_its_recording() -> None:
    assert answered([said for _, said in recorded()], 60.0).status == "ok"


@given(data=st.data())
def test_any_bytes_lead_to_a_verdict(data: st.DataObject) -> None:
    answers = [said for _, said in recorded()]
    which = data.draw(st.integers(0, len(answers) - 1), "which")
    at = data.draw(st.integers(0, max(0, len(answers[which]) - 1)), "at")
    bytes_ = data.draw(
        st.binary(max_size=8) | st.sampled_from([b"\xff" * 4, b"\0" * 4, b"E\0\0\0\4", b"Z\0\0\0\5I"]), "bytes"
    )
    answers[which] = answers[which][:at] + bytes_ + answers[which][at + len(bytes_) :]
    assert not flaws(answered(answers))


@given(data=st.data())
def test_an_answer_that_breaks_off_is_not_green(data: st.DataObject) -> None:
    answers = [said for _, said in recorded()]
    which = data.draw(st.integers(0, len(answers) - 2), "which")  # not the last: the check has its verdict by then
    left = data.draw(st.integers(0, len(answers[which]) - 1), "left")
    outcome = answered([*answers[:which], answers[which][:left]])
    assert outcome.status == "error", outcome.result.message
    assert not flaws(outcome)


@given(
    st.sampled_from([b"53300", b"57P01", b"57P03", b"42501", b"25006", b"XX000", b"53100", b"?????", b""]), st.data()
)
def test_an_error_is_not_green(state: bytes, data: st.DataObject) -> None:
    answers = [said for _, said in recorded()]
    which = data.draw(st.integers(0, len(answers) - 2), "which")
    fields = b"SERROR\0VERROR\0C" + state + b"\0Mno\0\0"
    error = b"E" + (len(fields) + 4).to_bytes(4, "big") + fields
    outcome = answered([*answers[:which], error + b"Z\0\0\0\5E", *answers[which + 1 :]])
    assert outcome.status == "error", outcome.result.message
    assert not flaws(outcome)


@given(
    st.sampled_from([b"0badcafe", b"pytest-floe canary"]),
    st.binary(min_size=8, max_size=8).filter(lambda b: b != b"0badcafe"),
)
def test_another_content_read_back_is_not_green(of: bytes, other: bytes) -> None:
    answers = [
        said.replace(of, other.ljust(len(of), b"x")) if _READ_BACK in asked else said for asked, said in recorded()
    ]
    outcome = answered(answers)
    assert outcome.status == "error", outcome.result.message
    assert not flaws(outcome)


def test_a_replica_is_not_green() -> None:
    answers = [said.replace(b"\0\0\0\1f", b"\0\0\0\1t") if _RECOVERY in asked else said for asked, said in recorded()]
    outcome = answered(answers, 30.0)
    assert outcome.result.details.cause == "operate.read_only"
