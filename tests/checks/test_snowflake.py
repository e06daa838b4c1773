"""The Snowflake check against fakesnow, behind a front with logins, roles, refusals and warehouses."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from pytest_floe.checks.snowflake import SnowflakeSettings, plan

from pytest_floe import canary
from tests.checks.conftest import Outcome, RunCheck
from tests.faults.certificates import Certificates
from tests.faults.server import Answer, FaultyServer, hang, http, tls
from tests.servers.snowflake import DATABASE, PASSWORDS, SCHEMA, SnowflakeServer

TABLES = {"ORDERS"}
GRANTED = 'SCHEMA "LAKE"."SHOP" to role LOADER'


@pytest.fixture(autouse=True)
def _no_snowflake_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Neither variables nor files of the machine that runs the tests."""
    for name in [name for name in os.environ if name.startswith("SNOWFLAKE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


class Account:
    """Runs the check as one of the account's users."""

    def __init__(self, run_check: RunCheck, server: SnowflakeServer) -> None:
        self.run = run_check
        self.server = server

    def check(self, user: str, **settings: object) -> Outcome:
        where = {"account": "test", "host": "127.0.0.1", "port": self.server.port, "protocol": "http"}
        work = {"role": "loader", "warehouse": "compute", "database": "lake", "schema": "shop"}
        return self.run("snowflake", **(where | work | {"user": user, "password": PASSWORDS.get(user)} | settings))


@pytest.fixture
def account(run_check: RunCheck, snowflake_server: SnowflakeServer) -> Account:
    return Account(run_check, snowflake_server)


# What is green


def test_reading_takes_the_role_and_runs_on_the_warehouse(account: Account) -> None:
    outcome = account.check("reader")
    assert (outcome.status, outcome.message) == ("ok", '1 tables in "LAKE"."SHOP", warehouse compute, role LOADER')
    assert outcome.probe.known_as == "reader as LOADER"
    assert outcome.probe.facts["warehouse_state"] == "STARTED"


def test_writing_makes_fills_reads_and_drops_a_table(account: Account) -> None:
    outcome = account.check("writer", write=True)
    assert (outcome.status, outcome.left) == ("ok", [])
    steps = [step.name for step in outcome.probe.steps]
    assert steps[-5:] == ["operate.sweep", "operate.create", "operate.write", "operate.read", "operate.delete"]
    assert account.server.tables() == TABLES


def test_leftovers_of_a_crashed_run_are_dropped_and_nothing_else(account: Account) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    stale, foreign = (canary.name("0badcafe", purpose, long_ago) for purpose in ("stale", "foreign"))
    for name, comment in ((stale, canary.signature("0badcafe")), (foreign, "mine")):
        account.server.run(f"""CREATE TABLE {DATABASE}.{SCHEMA}."{name}" (id INTEGER) COMMENT = '{comment}'""")
    try:
        outcome = account.check("writer", write=True)
        assert (outcome.status, outcome.probe.swept) == ("ok", [stale])
        assert account.server.tables() == TABLES | {foreign}
    finally:
        account.server.run(f'DROP TABLE {DATABASE}.{SCHEMA}."{foreign}"')


def test_a_leftover_that_may_not_be_dropped_is_no_fault_of_this_run(account: Account) -> None:
    guarded = canary.name("0badcafe", "guarded", datetime.now(UTC) - timedelta(hours=2))
    comment = canary.signature("0badcafe")
    account.server.run(f"""CREATE TABLE {DATABASE}.{SCHEMA}."{guarded}" (id INTEGER) COMMENT = '{comment}'""")
    try:
        outcome = account.check("neighbour", write=True)
        assert (outcome.status, outcome.probe.swept) == ("ok", [])
        assert list(outcome.probe.not_swept) == [f'"{DATABASE}"."{SCHEMA}"."{guarded}"']
    finally:
        account.server.run(f'DROP TABLE {DATABASE}.{SCHEMA}."{guarded}"')


def test_reading_is_not_verified_by_an_empty_table(account: Account) -> None:
    account.server.run(
        f"CREATE SCHEMA IF NOT EXISTS {DATABASE}.EMPTY", f"CREATE TABLE {DATABASE}.EMPTY.NOTHING_SOLD (id INTEGER)"
    )
    try:
        outcome = account.check("reader", schema="empty")
        assert outcome.status == "ok"
        assert outcome.message.startswith('1 tables visible in "LAKE"."EMPTY", and reading was not verified')
        [unread] = outcome.probe.facts["not_verified"]
        assert unread.startswith('read: no row of "LAKE"."EMPTY" was read')
    finally:
        account.server.run(f"DROP TABLE {DATABASE}.EMPTY.NOTHING_SOLD")


@pytest.mark.parametrize("write", [False, True], ids=["reading", "writing"])
def test_reading_is_not_verified_by_seeing_no_table(account: Account, write: bool) -> None:
    outcome = account.check("writer", schema="empty", write=write)
    assert outcome.status == "ok"
    assert outcome.message.startswith('0 tables visible in "LAKE"."EMPTY", and reading was not verified')
    assert outcome.probe.facts["not_verified"] == ['read: no table of "LAKE"."EMPTY" is visible']
    assert "authorize.read" not in [step.name for step in outcome.probe.steps]


@pytest.mark.parametrize("missing", ["warehouse", "schema"])
def test_without_warehouse_or_schema_it_is_only_a_warning(account: Account, missing: str) -> None:
    outcome = account.check("reader", **{missing: None})
    assert (outcome.status, outcome.cause) == ("warning", "config.object_not_given")
    assert missing in str(outcome.subject)


# A warehouse that costs when it is used


@pytest.mark.parametrize("write", [False, True], ids=["reading", "writing"])
def test_a_suspended_warehouse_stays_suspended(account: Account, write: bool) -> None:
    outcome = account.check("writer", warehouse="SLEEPER", write=write)
    assert (outcome.status, outcome.cause) == ("warning", "operate.suspended")
    assert outcome.message == "warehouse SLEEPER is suspended, so no query was run on it"
    assert account.server.state("SLEEPER") == "SUSPENDED"
    assert outcome.probe.current_step == "authorize.list"
    assert outcome.probe.facts["scope"] == "read-only"
    assert outcome.probe.facts["not_verified"] == ["query, read and write: the warehouse is suspended"]


@pytest.mark.parametrize("warehouse", ["SLEEPER", "DEEP_SLEEPER"], ids=["by a query", "by a statement"])
def test_a_suspended_warehouse_is_resumed_if_that_is_allowed(account: Account, warehouse: str) -> None:
    try:
        assert account.check("reader", warehouse=warehouse, resume_warehouse=True).status == "ok"
        assert account.server.state(warehouse) == "STARTED"
    finally:
        account.server.run(f"ALTER WAREHOUSE {warehouse} SUSPEND")


def test_a_warehouse_whose_credits_are_spent(account: Account) -> None:
    outcome = account.check("spender")
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.exhausted", "operate.query")
    assert outcome.subject == "WAREHOUSE COMPUTE"


# Who one is


@pytest.mark.parametrize("user", ["reader", "nobody"])
def test_credentials_that_are_refused(account: Account, user: str) -> None:
    outcome = account.check(user, password="wrong-password")
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authenticate.rejected", "authenticate")
    assert outcome.subject == f"user {user} as loader at http://127.0.0.1:{account.server.port}"


def test_no_credentials_at_all(account: Account) -> None:
    outcome = account.check("reader", password=None)
    assert (outcome.status, outcome.cause) == ("error", "config.missing_credentials")


def test_a_role_that_is_not_granted(account: Account) -> None:
    outcome = account.check("reader", role="ACCOUNTADMIN")
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.denied", "authenticate")
    assert "ACCOUNTADMIN" in outcome.message


# What one may do


@pytest.mark.parametrize(
    ("user", "cause", "step", "subject"),
    [
        ("idler", "authorize.denied", "authorize.warehouse", "USAGE on WAREHOUSE COMPUTE to role LOADER"),
        ("outsider", "operate.not_found", "authorize.database", 'DATABASE "LAKE", or USAGE on it for role LOADER'),
        (
            "onlooker",
            "authorize.read_denied",
            "authorize.read",
            f"SELECT on tables of {GRANTED}",
        ),
        ("reader", "authorize.write_denied", "operate.create", f"CREATE TABLE on {GRANTED}"),
        ("creator", "authorize.write_denied", "operate.write", f"INSERT on FUTURE TABLES in {GRANTED}"),
    ],
)
def test_a_missing_grant_is_named(account: Account, user: str, cause: str, step: str, subject: str) -> None:
    outcome = account.check(user, write=True)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, step)
    assert outcome.subject == subject
    assert outcome.left == []
    assert account.server.tables() == TABLES


def test_what_may_not_be_dropped_is_reported_by_name(account: Account) -> None:
    outcome = account.check("hoarder", write=True)
    [left] = account.server.tables() - TABLES
    account.server.run(f'DROP TABLE {DATABASE}.{SCHEMA}."{left}"')
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.delete_denied", "operate.delete")
    assert outcome.subject == f"OWNERSHIP on FUTURE TABLES in {GRANTED}"
    assert [name.split()[0] for name in outcome.left] == [f'"{DATABASE}"."{SCHEMA}"."{left}"']


# What is there


@pytest.mark.parametrize(
    ("key", "step"),
    [("warehouse", "authorize.warehouse"), ("database", "authorize.database"), ("schema", "authorize.schema")],
)
def test_what_is_not_there(account: Account, key: str, step: str) -> None:
    outcome = account.check("writer", **{key: "nowhere"})
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_found", step)
    assert "NOWHERE" in str(outcome.subject)


# Whether it works

FAULTY = {"account": "test", "protocol": "http", "user": "reader", "password": "reader-password"}


def test_a_server_that_never_answers(run_check: RunCheck) -> None:
    began = time.monotonic()
    with FaultyServer(hang) as server:
        outcome = run_check("snowflake", host=server.host, port=server.port, within=2, **FAULTY)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "timeout", "authenticate")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(200, "<html>log in</html>"), "operate.unexpected_response"),
        (Answer(200, {"hello": "world"}), "operate.unexpected_response"),
        (Answer(403), "authorize.denied"),
        (Answer(404), "operate.not_found"),
        (Answer(500), "operate.server_error"),
        (Answer(503), "operate.not_ready"),
    ],
    ids=["html", "json", "403", "404", "500", "503"],
)
def test_what_is_not_an_answer_of_snowflake(run_check: RunCheck, answer: Answer, cause: str) -> None:
    with FaultyServer(http(answer)) as server:
        outcome = run_check("snowflake", host=server.host, port=server.port, within=10, **FAULTY)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, "authenticate")


def test_a_certificate_of_an_unknown_authority(run_check: RunCheck, certificates: Certificates) -> None:
    where = {"host": "localhost", "ca_file": certificates.ca_file}
    with FaultyServer(tls(certificates.of_unknown_authority), hang) as server:
        outcome = run_check("snowflake", **(FAULTY | where | {"port": server.port, "protocol": "https"}))
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "tls.untrusted", "tls")


def test_the_ca_file_is_what_is_trusted(run_check: RunCheck, certificates: Certificates) -> None:
    where = {"host": "localhost", "ca_file": certificates.ca_file}
    with FaultyServer(tls(certificates.valid), http(Answer(503))) as server:
        outcome = run_check("snowflake", **(FAULTY | where | {"port": server.port, "protocol": "https"}))
    assert (outcome.cause, outcome.step) == ("operate.not_ready", "authenticate")


def test_a_missing_driver_is_named_with_the_command(run_check: RunCheck, uninstall: Callable[[str], None]) -> None:
    uninstall("snowflake.connector")
    outcome = run_check("snowflake", account="test")
    assert (outcome.cause, outcome.subject) == ("config.missing_driver", "pip install 'pytest-floe[snowflake]'")


# How it is configured


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"protocol": "http", "host": "snowflake.example"}, "set protocol to https"),
        ({"authenticator": "externalbrowser"}, "needs a person"),
        ({"schema": "shop"}, "set database"),
    ],
)
def test_settings_that_can_not_be(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        SnowflakeSettings(account="test", **given)


def test_the_plan_names_what_would_be_touched() -> None:
    told = {"user": "floe", "role": "LOADER", "warehouse": "WH", "database": "lake", "schema": '"shop"', "write": True}
    planned = plan(SnowflakeSettings(account="My_Org-Account", **told))
    assert planned.connects == ("https://my-org-account.snowflakecomputing.com:443",)
    assert planned.creates == ('TABLE "LAKE"."shop"."floe-preflight-*"',)
    assert planned.principal == "floe as LOADER"
    assert 'CREATE TABLE on SCHEMA "LAKE"."shop" to role LOADER' in planned.needs
