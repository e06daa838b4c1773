"""The BigQuery check against an emulator behind a gateway, which enforces tokens and permissions."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from pytest_floe.checks.bigquery import BigQuerySettings, plan

from pytest_floe import canary
from tests.checks.conftest import Outcome, RunCheck
from tests.faults.cells.bigquery_partitions import by_day
from tests.faults.certificates import Certificates
from tests.faults.path import Tamper, relay
from tests.faults.server import Answer, FaultyServer, hang, http, tls
from tests.servers.bigquery import READER, WRITER, BigQueryServer
from tests.servers.google_gateway import key_pair

_NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def _no_google_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither variables, nor files, nor the role of the machine that runs the tests."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


class Warehouse:
    """Runs the check on one dataset, as an account with the given permissions."""

    def __init__(self, run_check: RunCheck, server: BigQueryServer) -> None:
        self.run = run_check
        self.server = server

    def check(self, dataset: str | None, permissions: tuple[str, ...], **settings: object) -> Outcome:
        key = json.dumps(self.server.account(*permissions).key_file)
        defaults = {"project": "demo", "dataset": dataset, "endpoint": self.server.url, "credentials_json": key}
        return self.run("bigquery", **(defaults | settings))


@pytest.fixture
def warehouse(run_check: RunCheck, bigquery_server: BigQueryServer) -> Warehouse:
    return Warehouse(run_check, bigquery_server)


@pytest.fixture
def dataset(bigquery_server: BigQueryServer) -> str:
    """A dataset in the EU with one table."""
    return bigquery_server.dataset(f"shop_{next(_NUMBERS)}", "orders")


# What is green


def test_reading_is_verified_without_running_a_query(warehouse: Warehouse, dataset: str) -> None:
    outcome = warehouse.check(dataset, READER, location="eu")
    assert (outcome.status, outcome.message) == ("ok", f"1 tables in demo.{dataset}, EU")
    assert str(outcome.probe.known_as).endswith("@demo.iam.gserviceaccount.com")


def test_writing_makes_fills_reads_and_deletes_a_table(warehouse: Warehouse, dataset: str) -> None:
    outcome = warehouse.check(dataset, WRITER, write=True, maximum_bytes=0)
    assert (outcome.status, outcome.left) == ("ok", [])
    steps = [step.name for step in outcome.probe.steps]
    assert steps[-5:] == ["operate.sweep", "operate.create", "operate.write", "operate.read", "operate.delete"]
    assert warehouse.server.tables(dataset) == {"orders"}


def test_leftovers_of_a_crashed_run_are_deleted_and_nothing_else(warehouse: Warehouse, dataset: str) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    stale, foreign = (canary.name("0badcafe", purpose, long_ago) for purpose in ("stale", "foreign"))
    warehouse.server.table(dataset, stale, canary.signature("0badcafe"))
    warehouse.server.table(dataset, foreign, "mine")
    outcome = warehouse.check(dataset, WRITER, write=True)
    assert (outcome.status, outcome.probe.swept) == ("ok", [stale])
    assert warehouse.server.tables(dataset) == {"orders", foreign}


def test_a_leftover_that_may_not_be_looked_at_is_no_fault_of_this_run(warehouse: Warehouse, dataset: str) -> None:
    stale = canary.name("0badcafe", "stale", datetime.now(UTC) - timedelta(hours=2))
    warehouse.server.table(dataset, stale, canary.signature("0badcafe"))
    held = tuple(one for one in WRITER if one != "bigquery.tables.get")
    outcome = warehouse.check(dataset, held, write=True)
    assert (outcome.status, outcome.probe.swept) == ("ok", [])
    assert outcome.probe.facts["sweep"] == "not finished: Forbidden"


@pytest.mark.parametrize(("permissions", "write"), [(READER, False), (WRITER, True)], ids=["reading", "writing"])
def test_reading_is_not_verified_by_seeing_no_table(
    warehouse: Warehouse, permissions: tuple[str, ...], write: bool
) -> None:
    empty = warehouse.server.dataset(f"empty_{next(_NUMBERS)}")
    outcome = warehouse.check(empty, permissions, write=write)
    assert outcome.status == "ok"
    assert outcome.message == f"0 tables visible in demo.{empty}, and reading was not verified, EU"
    assert outcome.probe.facts["not_verified"] == [f"read: no table of demo.{empty} is visible"]
    assert "authorize.read" not in [step.name for step in outcome.probe.steps]


def test_tables_that_are_all_partitioned_are_read_without_a_query(warehouse: Warehouse, dataset: str) -> None:
    with FaultyServer(relay(warehouse.server.url, Tamper("GET", r"/tables\?", by_day))) as path:
        outcome = warehouse.check(dataset, READER, endpoint=path.url)
    assert (outcome.status, outcome.message) == ("ok", f"1 tables in demo.{dataset}, EU")


def test_the_project_may_be_that_of_the_key(warehouse: Warehouse, dataset: str) -> None:
    assert warehouse.check(dataset, READER, project=None).status == "ok"


def test_without_a_dataset_it_is_only_a_warning(warehouse: Warehouse) -> None:
    outcome = warehouse.check(None, READER)
    assert (outcome.status, outcome.cause) == ("warning", "config.object_not_given")


# Who one is


def test_a_wrong_key_is_refused(warehouse: Warehouse, dataset: str) -> None:
    forged = warehouse.server.account(*READER).key_file | {"private_key": key_pair()[0]}
    outcome = warehouse.check(dataset, READER, credentials_json=json.dumps(forged))
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authenticate.rejected", "authenticate")


def test_no_credentials_at_all(warehouse: Warehouse, dataset: str) -> None:
    outcome = warehouse.check(dataset, READER, credentials_json=None)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "config.missing_credentials", "authenticate")


def test_a_token_that_is_no_longer_valid(warehouse: Warehouse, dataset: str) -> None:
    outcome = warehouse.check(dataset, READER, anonymous=True)
    assert (outcome.status, outcome.cause) == ("error", "authenticate.rejected")


# What one may do


@pytest.mark.parametrize(
    ("permission", "cause", "step"),
    [
        ("bigquery.jobs.create", "authorize.denied", "authorize.query"),
        ("bigquery.datasets.get", "authorize.read_denied", "authorize.dataset"),
        ("bigquery.tables.list", "authorize.list_denied", "authorize.list"),
        ("bigquery.tables.getData", "authorize.read_denied", "authorize.read"),
        ("bigquery.tables.create", "authorize.write_denied", "operate.create"),
        ("bigquery.tables.updateData", "authorize.write_denied", "operate.write"),
    ],
)
def test_a_missing_permission_is_named(
    warehouse: Warehouse, dataset: str, permission: str, cause: str, step: str
) -> None:
    held = tuple(one for one in WRITER if one != permission)
    outcome = warehouse.check(dataset, held, write=True)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, step)
    place = "project demo" if permission == "bigquery.jobs.create" else f"dataset demo.{dataset}"
    assert outcome.subject == f"{permission} on {place}"
    assert outcome.left == []
    assert warehouse.server.tables(dataset) == {"orders"}


def test_what_may_not_be_deleted_is_reported_by_name(warehouse: Warehouse, dataset: str) -> None:
    held = tuple(one for one in WRITER if one != "bigquery.tables.delete")
    outcome = warehouse.check(dataset, held, write=True)
    assert (outcome.cause, outcome.step) == ("authorize.delete_denied", "operate.delete")
    [left] = warehouse.server.tables(dataset) - {"orders"}
    assert [name.split()[0] for name in outcome.left] == [f"demo.{dataset}.{left}"]


# What is there


def test_a_missing_dataset(warehouse: Warehouse) -> None:
    outcome = warehouse.check("nowhere", READER)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_found", "authorize.dataset")
    assert outcome.subject == "dataset demo.nowhere"


def test_a_dataset_in_another_location(warehouse: Warehouse, dataset: str) -> None:
    outcome = warehouse.check(dataset, READER, location="US")
    assert (outcome.status, outcome.cause) == ("error", "operate.wrong_region")
    assert outcome.message == f"dataset demo.{dataset} is in EU, not in US"


# Whether it works


def test_a_server_that_never_answers(run_check: RunCheck) -> None:
    began = time.monotonic()
    with FaultyServer(hang) as server:
        outcome = run_check("bigquery", project="demo", endpoint=server.url, anonymous=True, within=2)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "timeout", "authorize.query")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(200, "<html>log in</html>"), "operate.unexpected_response"),
        (Answer(200, {"hello": "world"}), "operate.unexpected_response"),
        (Answer(403, {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}), "operate.not_ready"),
        (Answer(403, {"error": {"errors": [{"reason": "quotaExceeded"}]}}), "operate.exhausted"),
        (Answer(500), "operate.server_error"),
        (Answer(503), "operate.not_ready"),
    ],
    ids=["html", "json", "rate limit", "quota", "500", "503"],
)
def test_answers_that_are_not_of_this_principal_s_making(run_check: RunCheck, answer: Answer, cause: str) -> None:
    with FaultyServer(http(answer)) as server:
        outcome = run_check("bigquery", project="demo", endpoint=server.url, anonymous=True)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, "authorize.query")


def test_a_certificate_of_an_unknown_authority(run_check: RunCheck, certificates: Certificates) -> None:
    with FaultyServer(tls(certificates.of_unknown_authority), hang) as server:
        where = {"host": "localhost", "port": server.port, "ca_file": certificates.ca_file}
        outcome = run_check("bigquery", project="demo", anonymous=True, **where)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "tls.untrusted", "tls")


def test_the_ca_file_is_what_is_trusted(run_check: RunCheck, certificates: Certificates) -> None:
    with FaultyServer(tls(certificates.valid), http(Answer(503))) as server:
        where = {"host": "localhost", "port": server.port, "ca_file": certificates.ca_file}
        outcome = run_check("bigquery", project="demo", anonymous=True, **where)
    assert (outcome.cause, outcome.step) == ("operate.not_ready", "authorize.query")


def test_a_missing_driver_is_named_with_the_command(run_check: RunCheck, uninstall: Callable[[str], None]) -> None:
    uninstall("google.cloud.bigquery")
    outcome = run_check("bigquery", project="demo")
    assert (outcome.cause, outcome.subject) == ("config.missing_driver", "pip install 'pytest-floe[bigquery]'")


# How it is configured


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"endpoint": "http://bigquery.example"}, "travel unencrypted"),
        ({"endpoint": "https://bigquery.example", "host": "bigquery.example"}, "keep one"),
        ({"maximum_bytes": -1}, "greater than or equal to 0"),
    ],
)
def test_settings_that_can_not_be(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        BigQuerySettings(**given)


def test_the_plan_names_what_would_be_touched() -> None:
    planned = plan(BigQuerySettings(project="demo", dataset="shop", write=True))
    assert planned.endpoint == "demo.shop"
    assert planned.connects == ("https://bigquery.googleapis.com:443", "https://oauth2.googleapis.com:443")
    assert planned.creates == ("demo.shop.floe-preflight-*",)
    assert "bigquery.tables.create" in planned.needs
