"""The Trino check against a real Trino, which enforces logins and grants."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from pytest_floe.checks.trino import TrinoSettings, plan

from pytest_floe import canary
from tests.checks.conftest import Outcome, RunCheck
from tests.faults.certificates import Certificates
from tests.faults.path import Tamper, relay
from tests.faults.server import Answer, FaultyServer, hang, http, tls
from tests.servers.trino import CATALOG, PASSWORDS, SCHEMA, TrinoServer

TABLES = {"orders"}
READY = {"GET /v1/info": Answer(200, {"starting": False})}


@pytest.fixture(autouse=True)
def _no_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """No login of the machine that runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))


class Login:
    """Runs the check over TLS with a user's password."""

    def __init__(self, run_check: RunCheck, server: TrinoServer) -> None:
        self.run = run_check
        self.server = server

    def check(self, user: str, **settings: object) -> Outcome:
        defaults = {
            "host": "localhost",
            "port": self.server.tls_port,
            "ca_file": self.server.ca_file,
            "user": user,
            "password": PASSWORDS.get(user),
            "catalog": CATALOG,
            "schema": SCHEMA,
        }
        return self.run("trino", **(defaults | settings))


@pytest.fixture
def login(run_check: RunCheck, trino_server: TrinoServer) -> Login:
    return Login(run_check, trino_server)


# What is green


def test_a_password_over_tls_is_enough_to_read(login: Login) -> None:
    outcome = login.check("reader")
    assert (outcome.status, outcome.cause) == ("ok", None)
    assert outcome.message == "1 tables in memory.shop, Trino 476"
    assert outcome.probe.known_as == "reader"
    assert outcome.probe.facts["active_nodes"] == 1
    assert outcome.probe.facts["tls_version"].startswith("TLS")


def test_a_token_logs_in_too(login: Login, trino_server: TrinoServer) -> None:
    outcome = login.check("reader", password=None, token=trino_server.token("reader"))
    assert (outcome.status, outcome.probe.known_as) == ("ok", "reader")


def test_a_server_without_authentication_takes_the_user_at_his_word(
    run_check: RunCheck, trino_server: TrinoServer
) -> None:
    outcome = run_check(
        "trino", host="127.0.0.1", port=trino_server.port, user="reader", catalog=CATALOG, schema=SCHEMA
    )
    assert (outcome.status, outcome.probe.known_as) == ("ok", "reader")


def test_writing_makes_fills_reads_and_drops_a_table(login: Login, trino_server: TrinoServer) -> None:
    outcome = login.check("writer", write=True)
    assert outcome.status == "ok"
    steps = [step.name for step in outcome.probe.steps]
    assert steps[-5:] == ["operate.sweep", "operate.create", "operate.write", "operate.read", "operate.delete"]
    assert trino_server.tables() == TABLES


def test_leftovers_of_a_crashed_run_are_dropped_and_nothing_else(login: Login, trino_server: TrinoServer) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    stale, foreign = (canary.name("0badcafe", purpose, long_ago) for purpose in ("stale", "foreign"))
    fresh = canary.name("0badcafe", "fresh")
    for name, comment in [
        (stale, canary.signature("0badcafe")),
        (fresh, canary.signature("0badcafe")),
        (foreign, "mine"),
    ]:
        trino_server.run(f"""CREATE TABLE {CATALOG}.{SCHEMA}."{name}" (id integer) COMMENT '{comment}'""")
    try:
        outcome = login.check("writer", write=True)
        assert (outcome.status, outcome.probe.swept) == ("ok", [stale])
        assert trino_server.tables() == TABLES | {fresh, foreign}
    finally:
        for name in (fresh, foreign):
            trino_server.run(f'DROP TABLE {CATALOG}.{SCHEMA}."{name}"')


def test_a_leftover_that_may_not_be_dropped_is_no_fault_of_this_run(login: Login, trino_server: TrinoServer) -> None:
    guarded, stale = (
        canary.name("0badcafe", one, datetime.now(UTC) - timedelta(hours=2)) for one in ("guarded", "old")
    )
    for name in (guarded, stale):
        comment = canary.signature("0badcafe")
        trino_server.run(f"""CREATE TABLE {CATALOG}.{SCHEMA}."{name}" (id integer) COMMENT '{comment}'""")
    try:
        outcome = login.check("neighbour", write=True)
        assert (outcome.status, outcome.probe.swept) == ("ok", [stale])
        assert list(outcome.probe.not_swept) == [f'"{CATALOG}"."{SCHEMA}"."{guarded}"']
    finally:
        trino_server.run(f'DROP TABLE {CATALOG}.{SCHEMA}."{guarded}"')


@pytest.mark.parametrize("write", [False, True], ids=["reading", "writing"])
def test_reading_is_not_verified_by_seeing_no_table(login: Login, write: bool) -> None:
    outcome = login.check("newcomer", write=write)
    assert outcome.status == "ok"
    assert outcome.message == "0 tables visible in memory.shop, and reading was not verified, Trino 476"
    assert outcome.probe.facts["not_verified"] == ['read: no table of "memory"."shop" is visible']
    assert "authorize.read" not in [step.name for step in outcome.probe.steps]


@pytest.mark.parametrize("given", [{"schema": None}, {"schema": None, "catalog": None}], ids=["schema", "catalog"])
def test_without_a_schema_it_is_only_a_warning(login: Login, given: dict[str, None]) -> None:
    outcome = login.check("reader", **given)
    assert (outcome.status, outcome.cause) == ("warning", "config.object_not_given")


# Who one is


@pytest.mark.parametrize(
    "credential",
    [{"password": "wrong-password"}, {"password": None, "token": "not.a.token"}],
    ids=["wrong password", "wrong token"],
)
def test_credentials_that_are_refused(login: Login, credential: dict[str, str | None]) -> None:
    outcome = login.check("reader", **credential)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authenticate.rejected", "authenticate")
    assert outcome.subject == f"user reader at https://localhost:{login.server.tls_port}"


def test_no_credentials_where_some_are_asked_for(login: Login) -> None:
    outcome = login.check("reader", password=None, scheme="https")
    assert (outcome.cause, outcome.step) == ("config.missing_credentials", "authenticate")
    assert outcome.subject == "trino.password or trino.token"


def test_an_expired_token_is_refused(login: Login, trino_server: TrinoServer) -> None:
    outcome = login.check("reader", password=None, token=trino_server.token("reader", lifetime=-60))
    assert (outcome.cause, outcome.step) == ("authenticate.rejected", "authenticate")


# What one may do


def test_a_user_who_may_not_run_queries(login: Login) -> None:
    outcome = login.check("silenced")
    assert (outcome.cause, outcome.step) == ("authorize.denied", "authenticate")
    assert "PERMISSION_DENIED" in outcome.message


@pytest.mark.parametrize(
    ("user", "step", "grant"),
    [
        ("outsider", "authorize.catalog", 'access to catalog "memory"'),
        ("onlooker", "authorize.read", 'select from tables of "memory"."shop"'),
    ],
)
def test_a_missing_grant_to_read(login: Login, user: str, step: str, grant: str) -> None:
    outcome = login.check(user)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.read_denied", step)
    assert outcome.subject == f"{grant} to user {user}"


@pytest.mark.parametrize(
    ("user", "step", "verb"), [("reader", "operate.create", "create"), ("creator", "operate.write", "insert into")]
)
def test_a_missing_grant_to_write(login: Login, trino_server: TrinoServer, user: str, step: str, verb: str) -> None:
    outcome = login.check(user, write=True)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.write_denied", step)
    assert outcome.subject == f'{verb} tables of "memory"."shop" to user {user}'
    assert outcome.left == []
    assert trino_server.tables() == TABLES


def test_one_table_that_may_not_be_read_does_not_hide_the_others(login: Login, trino_server: TrinoServer) -> None:
    trino_server.run(f"CREATE TABLE {CATALOG}.{SCHEMA}.hidden (id integer)")
    try:
        assert login.check("reader").status == "ok"
    finally:
        trino_server.run(f"DROP TABLE {CATALOG}.{SCHEMA}.hidden")


def test_a_stale_view_does_not_hide_the_tables(login: Login, trino_server: TrinoServer) -> None:
    trino_server.run(f"CREATE TABLE {CATALOG}.{SCHEMA}.base (gone integer)")
    trino_server.run(f"CREATE VIEW {CATALOG}.{SCHEMA}.a_view AS SELECT gone FROM {CATALOG}.{SCHEMA}.base")
    trino_server.run(f"DROP TABLE {CATALOG}.{SCHEMA}.base")
    try:
        outcome = login.check("reader")
        assert (outcome.status, outcome.message) == ("ok", "2 tables in memory.shop, Trino 476")
    finally:
        trino_server.run(f"DROP VIEW {CATALOG}.{SCHEMA}.a_view")


@pytest.mark.parametrize("what", ["TABLE it (id integer)", "VIEW it AS SELECT 1 AS id"], ids=["empty table", "view"])
def test_reading_is_not_verified_without_a_row(login: Login, trino_server: TrinoServer, what: str) -> None:
    trino_server.run(f"CREATE SCHEMA {CATALOG}.rowless")
    trino_server.run(f"CREATE {what}".replace(" it ", f" {CATALOG}.rowless.it "))
    try:
        outcome = login.check("reader", schema="Rowless")
        assert outcome.status == "ok"
        assert outcome.message == "1 tables visible in memory.Rowless, and reading was not verified, Trino 476"
        assert outcome.probe.facts["not_verified"][0].startswith('read: no row of "memory"."Rowless" was read')
    finally:
        trino_server.run(f"DROP SCHEMA {CATALOG}.rowless CASCADE")


def test_a_table_that_asks_for_a_filter_is_not_read(run_check: RunCheck, trino_server: TrinoServer) -> None:
    told = {"errorName": "QUERY_REJECTED", "errorType": "USER_ERROR", "message": "Filter required for shop.orders on …"}
    answer = Answer(200, {"id": "1", "infoUri": "", "stats": {"state": "FAILED"}, "error": told})
    tamper = Tamper("POST", "/v1/statement", answer, body=b"LIMIT 1")
    with FaultyServer(relay(f"http://127.0.0.1:{trino_server.port}", tamper)) as path:
        outcome = run_check("trino", host=path.host, port=path.port, user="reader", catalog=CATALOG, schema=SCHEMA)
    assert outcome.status == "ok"
    assert outcome.probe.facts["not_verified"][0].endswith("are empty, views, or read with a filter only")


# What is there


@pytest.mark.parametrize(
    ("key", "step", "error"),
    [("catalog", "authorize.catalog", "CATALOG_NOT_FOUND"), ("schema", "authorize.schema", "SCHEMA_NOT_FOUND")],
)
def test_what_is_not_there(login: Login, key: str, step: str, error: str) -> None:
    outcome = login.check("writer", **{key: "nowhere"})
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_found", step)
    assert error in outcome.message
    assert '"nowhere"' in str(outcome.subject)


def test_a_catalog_that_takes_no_tables(login: Login) -> None:
    outcome = login.check("writer", catalog="tpch", schema="tiny", write=True)
    assert (outcome.cause, outcome.step) == ("operate.read_only", "operate.create")


# Whether it works


def test_without_workers_it_is_not_ready(run_check: RunCheck, trino_without_workers: TrinoServer) -> None:
    began = time.monotonic()
    outcome = run_check("trino", host="127.0.0.1", port=trino_without_workers.port, user="writer", within=4)
    assert (outcome.status, outcome.cause) == ("error", "operate.not_ready")
    assert "no worker is active" in outcome.message
    assert time.monotonic() - began < 5


def test_a_coordinator_that_starts_is_not_ready(run_check: RunCheck) -> None:
    with FaultyServer(http(Answer(200, {"starting": True}))) as server:
        outcome = run_check("trino", host=server.host, port=server.port)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_ready", "operate.ready")
    assert outcome.message == "the coordinator is still starting"


def test_workers_that_are_lost_are_found_by_a_query(run_check: RunCheck) -> None:
    error = {"errorName": "NO_NODES_AVAILABLE", "errorType": "INSUFFICIENT_RESOURCES", "message": "No nodes available"}
    logged_in, nodes = rows(["me", "476"]), rows([True])
    with FaultyServer(http(logged_in, nodes, rows(error=error), routes=READY)) as server:
        outcome = run_check("trino", host=server.host, port=server.port)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_ready", "operate.query")


def test_a_count_that_is_wrong_is_no_answer(run_check: RunCheck) -> None:
    with FaultyServer(http(rows(["me", "476"]), rows([True]), rows([999]), routes=READY)) as server:
        outcome = run_check("trino", host=server.host, port=server.port)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.unexpected_response", "operate.query")


def test_who_may_not_know_the_nodes_may_still_query(run_check: RunCheck) -> None:
    error = {"errorName": "PERMISSION_DENIED", "errorType": "USER_ERROR", "message": "Access Denied"}
    with FaultyServer(http(rows(["me", "476"]), rows(error=error), rows([1000]), routes=READY)) as server:
        outcome = run_check("trino", host=server.host, port=server.port)
    assert (outcome.cause, outcome.step) == ("config.object_not_given", "operate.query")


def rows(*data: list[object], error: dict[str, str] | None = None) -> Answer:
    """Answer a statement as Trino does, in one page."""
    kinds = ["bigint" if isinstance(value, int) else "varchar" for value in (data[0] if data else ())]
    columns = [{"name": k, "type": k, "typeSignature": {"rawType": k, "arguments": []}} for k in kinds]
    told = {"id": "1", "infoUri": "", "stats": {"state": "FINISHED"}, "columns": columns, "data": list(data)}
    return Answer(200, told | ({"error": error} if error else {}))


@pytest.mark.parametrize("answers_info", [False, True], ids=["at once", "after telling that it is ready"])
def test_a_server_that_never_answers(run_check: RunCheck, answers_info: bool) -> None:
    script = http(Answer(after=60), routes=READY) if answers_info else hang
    began = time.monotonic()
    with FaultyServer(script) as server:
        outcome = run_check("trino", host=server.host, port=server.port, within=2)
    assert (outcome.status, outcome.cause) == ("error", "timeout")
    assert outcome.step == ("authenticate" if answers_info else "operate.ready")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(200, "<html>log in</html>"), "operate.unexpected_response"),
        (Answer(200, {"hello": "world"}), "operate.unexpected_response"),
        (Answer(301, headers={"Location": "https://login.example/"}), "operate.unexpected_response"),
        (Answer(403), "authorize.denied"),
        (Answer(429), "operate.not_ready"),
        (Answer(500), "operate.server_error"),
        (Answer(503), "operate.not_ready"),
    ],
    ids=["html", "json", "redirect", "403", "429", "500", "503"],
)
@pytest.mark.parametrize("answers_info", [False, True], ids=["info", "statement"])
def test_what_is_not_an_answer_of_trino(run_check: RunCheck, answer: Answer, cause: str, answers_info: bool) -> None:
    routes = READY if answers_info else {}
    with FaultyServer(http(answer, routes=routes)) as server:
        outcome = run_check("trino", host=server.host, port=server.port)
    assert (outcome.status, outcome.cause) == ("error", cause)


def test_a_certificate_of_an_unknown_authority(run_check: RunCheck, certificates: Certificates) -> None:
    with FaultyServer(tls(certificates.of_unknown_authority), hang) as server:
        outcome = run_check("trino", host="localhost", port=server.port, ca_file=certificates.ca_file, within=5)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "tls.untrusted", "tls")


def test_a_refused_connection(run_check: RunCheck) -> None:
    with FaultyServer() as server:
        closed = server.port
    outcome = run_check("trino", host="127.0.0.1", port=closed)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "connect.refused", "connect")


def test_a_missing_driver_is_named_with_the_command(run_check: RunCheck, uninstall: Callable[[str], None]) -> None:
    uninstall("trino")
    with FaultyServer(hang) as server:
        outcome = run_check("trino", host=server.host, port=server.port)
    assert (outcome.cause, outcome.subject) == ("config.missing_driver", "pip install 'pytest-floe[trino]'")


# How it is configured


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://t:8080"),
        ({"port": 8443}, "https://t:8443"),
        ({"port": 443}, "https://t:443"),
        ({"port": 8080, "password": "secret-word"}, "https://t:8080"),
        ({"token": "secret-token"}, "https://t:443"),
        ({"ca_file": "/ca.pem", "port": 7000}, "https://t:7000"),
        ({"port": 8443, "scheme": "http"}, "http://t:8443"),
    ],
)
def test_the_scheme_follows_from_what_is_given(given: dict[str, object], url: str) -> None:
    assert TrinoSettings(host="t", **given).url == url


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"scheme": "http", "password": "secret-word"}, "set scheme to https"),
        ({"scheme": "http", "token": "secret-token"}, "set scheme to https"),
        ({"password": "secret-word", "token": "secret-token"}, "keep one"),
        ({"schema": "shop"}, "set catalog"),
    ],
)
def test_settings_that_contradict_each_other(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint) as caught:
        TrinoSettings(host="t", **given)
    assert "secret" not in str(caught.value)


def test_the_plan_names_what_would_be_touched() -> None:
    planned = plan(TrinoSettings(host="t", port=8443, user="floe", catalog="lake", schema="shop", write=True))
    assert planned.endpoint == "t:8443/lake/shop"
    assert planned.connects == ("https://t:8443",)
    assert planned.creates == ('TABLE "lake"."shop"."floe-preflight-*"',)
    assert planned.principal == "floe"
    assert 'insert into tables of "lake"."shop" to user floe' in planned.needs
