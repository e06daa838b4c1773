"""The Cloud Storage check against an emulator behind a gateway that verifies keys, tokens and permissions."""

from __future__ import annotations

import itertools
import json
import time
from datetime import UTC, datetime, timedelta

import certifi
import pytest
from google.auth.credentials import AnonymousCredentials
from pydantic import ValidationError
from pytest_floe.checks import gcs, gcs_session
from pytest_floe.checks.gcs_bucket import GcsBucket

from pytest_floe import Probe, canary
from pytest_floe.registry import find
from tests.checks.conftest import Outcome, RunCheck
from tests.faults.certificates import Certificates
from tests.faults.server import Answer, FaultyServer, hang, http, tls
from tests.servers.gcs import GcsServer
from tests.servers.google_gateway import key_pair

LIST, GET, CREATE, DELETE = (f"storage.objects.{action}" for action in ("list", "get", "create", "delete"))
WORKLOAD = (LIST, GET, CREATE, DELETE)
NO_OBJECTS = Answer(200, {"kind": "storage#objects"})
UNAVAILABLE = Answer(503, {"error": {"code": 503, "message": "later", "errors": [{"reason": "backendError"}]}})
_NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def _no_google_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Neither variables, nor files, nor the service account of the machine that runs the tests."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture
def bucket(gcs_server: GcsServer) -> str:
    return gcs_server.bucket(f"lake-{next(_NUMBERS)}")


class Lake:
    """Runs the check on one bucket of the server, as a service account with the given permissions."""

    def __init__(self, run_check: RunCheck, server: GcsServer) -> None:
        self._run = run_check
        self._server = server

    def check(self, bucket: str | None, *permissions: str, **settings: object) -> Outcome:
        key = json.dumps(self._server.gateway.account(*permissions).key_file)
        defaults = {"bucket": bucket, "prefix": "wh", "endpoint": self._server.url, "credentials_json": key}
        return self._run("gcs", **(defaults | settings))


@pytest.fixture
def lake(run_check: RunCheck, gcs_server: GcsServer) -> Lake:
    return Lake(run_check, gcs_server)


# What a workload may do


def test_the_least_a_workload_is_granted_is_enough(lake: Lake, gcs_server: GcsServer, bucket: str) -> None:
    outcome = lake.check(bucket, *WORKLOAD)

    assert (outcome.status, outcome.left) == ("ok", [])
    assert outcome.message == f"listed, wrote, read back and deleted under gs://{bucket}/wh/"
    assert outcome.probe.known_as is not None
    assert outcome.probe.known_as.endswith("@demo.iam.gserviceaccount.com")
    assert outcome.probe._scrubber.leaks(f"Bearer {[*gcs_server.gateway.tokens][-1]}")
    assert gcs_server.everything_in(bucket) == []


def test_a_key_file_and_application_default_credentials_log_in_as_well(
    lake: Lake, gcs_server: GcsServer, bucket: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file = tmp_path / "key.json"
    key_file.write_text(json.dumps(gcs_server.gateway.account(*WORKLOAD).key_file))

    by_file = lake.check(bucket, credentials_json=None, credentials_file=key_file)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
    by_default = lake.check(bucket, credentials_json=None)

    assert (by_file.status, by_default.status) == ("ok", "ok")


# What is missing is told apart


@pytest.mark.parametrize(
    ("missing", "verb", "step"),
    [
        (LIST, "list", "authorize.list"),
        (CREATE, "write", "operate.write"),
        (GET, "read", "operate.read"),
    ],
)
def test_a_missing_permission_is_named(
    lake: Lake, gcs_server: GcsServer, bucket: str, missing: str, verb: str, step: str
) -> None:
    outcome = lake.check(bucket, *(permission for permission in WORKLOAD if permission != missing))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", f"authorize.{verb}_denied", step)
    assert outcome.subject is not None
    assert outcome.subject.startswith(f"{missing} on gs://{bucket}/")
    assert gcs_server.everything_in(bucket) == []


def test_delete_denied_names_what_stays(lake: Lake, gcs_server: GcsServer, bucket: str) -> None:
    outcome = lake.check(bucket, LIST, GET, CREATE)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.delete_denied", "operate.delete")
    assert outcome.subject == f"{DELETE} on gs://{bucket}/wh/"
    [key] = gcs_server.everything_in(bucket)
    [named] = outcome.left
    assert named.startswith(f"gs://{bucket}/{key} ")


def test_read_only_reads_an_object_that_is_there(lake: Lake, gcs_server: GcsServer, bucket: str) -> None:
    gcs_server.put(bucket, "wh/part-0", "data")

    granted = lake.check(bucket, LIST, GET, write=False)
    refused = lake.check(bucket, LIST, write=False)

    assert (granted.status, granted.message) == ("ok", f"listed gs://{bucket}/wh/ and read from wh/part-0")
    assert (refused.status, refused.cause) == ("error", "authorize.read_denied")
    assert gcs_server.everything_in(bucket) == ["wh/part-0"]


# Credentials


def test_a_key_that_the_issuer_does_not_know(lake: Lake, gcs_server: GcsServer, bucket: str) -> None:
    forged = gcs_server.gateway.account(*WORKLOAD).key_file | {"private_key": key_pair()[0]}

    outcome = lake.check(bucket, credentials_json=json.dumps(forged))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authenticate.rejected", "authenticate")
    assert "Invalid JWT Signature" in outcome.message


def test_a_token_that_the_service_refuses(run_check: RunCheck, gcs_server: GcsServer) -> None:
    key = json.dumps(gcs_server.gateway.account(*WORKLOAD).key_file)
    refusal = Answer(
        401, {"error": {"code": 401, "message": "Invalid Credentials", "errors": [{"reason": "authError"}]}}
    )
    with FaultyServer(http(refusal)) as server:
        outcome = run_check("gcs", bucket="lake", endpoint=server.url, credentials_json=key)

    assert (outcome.status, outcome.cause, outcome.subject) == ("error", "authenticate.rejected", "credentials_json")


def test_a_clock_that_is_wrong(run_check: RunCheck, gcs_server: GcsServer) -> None:
    text = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    refusal = Answer(400, {"error": "invalid_grant", "error_description": text})
    with FaultyServer(http(refusal)) as issuer:
        key = gcs_server.gateway.account().key_file | {"token_uri": f"{issuer.url}/token"}
        outcome = run_check("gcs", bucket="lake", endpoint=gcs_server.url, credentials_json=json.dumps(key))

    assert (outcome.status, outcome.cause) == ("error", "authenticate.clock_skew")


@pytest.mark.parametrize(
    "settings", [{}, {"credentials_file": "/no/such/key.json"}, {"credentials_json": "sentinel, and no JSON"}]
)
def test_no_credentials(run_check: RunCheck, gcs_server: GcsServer, settings: dict[str, str]) -> None:
    outcome = run_check("gcs", bucket="lake", endpoint=gcs_server.url, **settings)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "config.missing_credentials", "authenticate")
    assert "sentinel" not in outcome.message


@pytest.mark.parametrize(
    ("status", "reason", "cause"),
    [
        (429, "rateLimitExceeded", "operate.not_ready"),
        (503, "backendError", "operate.not_ready"),
        (500, "internalError", "operate.server_error"),
    ],
)
def test_what_no_emulator_answers_on_demand(run_check: RunCheck, status: int, reason: str, cause: str) -> None:
    told = {"error": {"code": status, "message": "no", "errors": [{"reason": reason}]}}
    with FaultyServer(http(Answer(status, told))) as server:
        outcome = run_check("gcs", bucket="lake", endpoint=server.url, anonymous=True, within=5)

        assert len(server.requests) == 1
    assert (outcome.status, outcome.cause, outcome.left) == ("error", cause, [])


# The bucket


def test_missing_bucket(lake: Lake) -> None:
    outcome = lake.check("no-such-bucket", *WORKLOAD)

    assert (outcome.status, outcome.cause, outcome.subject) == ("error", "operate.not_found", "gs://no-such-bucket/")


def test_no_bucket_given_is_never_ok(lake: Lake) -> None:
    outcome = lake.check(None)

    assert (outcome.status, outcome.cause) == ("warning", "config.object_not_given")


def test_the_location_is_compared(lake: Lake, bucket: str) -> None:
    right = lake.check(bucket, *WORKLOAD, "storage.buckets.get", location="us")
    wrong = lake.check(bucket, *WORKLOAD, "storage.buckets.get", location="EUROPE-WEST3")
    unknown = lake.check(bucket, *WORKLOAD, location="us")

    assert right.status == "ok"
    assert (wrong.status, wrong.cause, wrong.subject) == ("error", "operate.wrong_region", "location: US")
    assert (unknown.status, unknown.cause) == ("warning", "authorize.read_denied")


# Nothing is left


def test_what_soft_delete_keeps_is_said(run_check: RunCheck, gcs_soft_delete: GcsServer) -> None:
    careful = gcs_soft_delete.bucket("lake-soft", softDeletePolicy={"retentionDurationSeconds": "604800"})

    outcome = Lake(run_check, gcs_soft_delete).check(careful, *WORKLOAD)

    assert (outcome.status, outcome.cause) == ("warning", "operate.retained")
    assert "(soft delete)" in outcome.message
    assert gcs_soft_delete.everything_in(careful) == []


def test_what_soft_delete_keeps_may_be_accepted(run_check: RunCheck, gcs_soft_delete: GcsServer) -> None:
    careful = gcs_soft_delete.bucket("lake-soft-accepted", softDeletePolicy={"retentionDurationSeconds": "604800"})

    outcome = Lake(run_check, gcs_soft_delete).check(careful, *WORKLOAD, accept_soft_delete=True)

    assert outcome.status == "ok"
    [kept] = outcome.probe.facts["soft_deleted"]
    assert kept.endswith("(soft delete)")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"retentionPolicy": {"retentionPeriod": "86400"}}, "86400 s"),
        ({"defaultEventBasedHold": True}, "hold"),
    ],
)
def test_nothing_is_written_where_it_could_not_be_removed(
    run_check: RunCheck, settings: dict[str, object], reason: str
) -> None:
    known = {"GET /storage/v1/b/lake": Answer(200, {"kind": "storage#bucket", "name": "lake", **settings})}
    with FaultyServer(http(Answer(500), routes={"GET /storage/v1/b/lake/o": NO_OBJECTS, **known})) as server:
        outcome = run_check("gcs", bucket="lake", endpoint=server.url, anonymous=True)

        assert (outcome.status, outcome.cause) == ("warning", "operate.retained")
        assert reason in outcome.message
        assert {request.method for request in server.requests} == {"GET"}


def test_a_retention_that_could_not_be_known_beforehand(run_check: RunCheck) -> None:
    body = canary.signature("00000000")
    kept = Answer(403, {"error": {"code": 403, "message": "held", "errors": [{"reason": "retentionPolicyNotMet"}]}})
    known = {"GET /storage/v1/b/lake/o": NO_OBJECTS, "GET /storage/v1/b/lake": Answer(403, {"error": {}})}
    with FaultyServer(http(Answer(200, {"name": "x"}), Answer(200, body), kept, routes=known)) as server:
        outcome = run_check("gcs", bucket="lake", endpoint=server.url, anonymous=True)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.retained", "operate.delete")
    assert outcome.subject == "use a bucket that lets go of what is deleted, or set write: false"
    assert outcome.left[0].startswith("gs://lake/floe-preflight-")


def test_nothing_is_written_while_retention_can_not_be_asked_for(run_check: RunCheck) -> None:
    asked = {"GET /storage/v1/b/lake/o": NO_OBJECTS, "GET /storage/v1/b/lake": UNAVAILABLE}
    with FaultyServer(http(Answer(500), routes=asked)) as server:
        outcome = run_check("gcs", bucket="lake", endpoint=server.url, anonymous=True)

        assert {request.method for request in server.requests} == {"GET"}
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_ready", "operate.retention")


def test_soft_deleted_copies_that_could_not_be_looked_for_are_not_taken_for_none(run_check: RunCheck) -> None:
    outcome = _check_with_soft_deleted(run_check, UNAVAILABLE)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_ready", "operate.delete")
    assert outcome.left[0].startswith("gs://lake/floe-preflight-")


def test_soft_deleted_copies_that_may_not_be_looked_for_are_said_to_be_unknown(run_check: RunCheck) -> None:
    outcome = _check_with_soft_deleted(run_check, Answer(403, {"error": {}}))

    assert (outcome.status, outcome.left) == ("ok", [])
    assert outcome.probe.facts["not_verified"] == [
        "whether soft delete keeps the canary: soft-deleted objects may not be listed"
    ]


def _check_with_soft_deleted(run_check: RunCheck, told: Answer) -> Outcome:
    """The fourth listing, after those for list, sweep and noncurrent generations, asks for soft-deleted objects."""
    listings = [NO_OBJECTS, NO_OBJECTS, NO_OBJECTS, told, NO_OBJECTS if told.status == 403 else told]
    asked = {"GET /storage/v1/b/lake/o": listings, "GET /storage/v1/b/lake": Answer(403, {"error": {}})}
    round_trip = (Answer(200, {"name": "x"}), Answer(200, canary.signature("00000000")), Answer(204))
    with FaultyServer(http(*round_trip, routes=asked)) as server:
        return run_check("gcs", bucket="lake", endpoint=server.url, anonymous=True)


def test_noncurrent_generations_are_deleted() -> None:
    """The emulator keeps no versions, so the answers are played."""
    noncurrent = {"name": "wh/canary", "bucket": "lake", "generation": "17"}
    listings = [Answer(200, {"kind": "storage#objects", "items": [noncurrent]}), NO_OBJECTS]
    with FaultyServer(http(Answer(204), routes={"GET /storage/v1/b/lake/o": listings})) as server:
        settings = gcs.GcsSettings(bucket="lake", endpoint=server.url, anonymous=True)
        client = gcs_session.client(settings, Probe(endpoint="test"), AnonymousCredentials())
        kept = GcsBucket(client, "lake", grant=settings.grant, scope="", who="", remaining=lambda: 5.0).purge(
            "wh/canary"
        )

        deleted = [request.path for request in server.requests if request.method == "DELETE"]
    assert kept == []
    assert [path.partition("?")[0] for path in deleted] == ["/storage/v1/b/lake/o/wh%2Fcanary"]
    assert "generation=17" in deleted[0]


def test_leftovers_of_a_crashed_run_are_swept(lake: Lake, gcs_server: GcsServer, bucket: str) -> None:
    body, now = canary.signature("0badcafe"), datetime.now(UTC)
    old = canary.name("0badcafe", "x", now - timedelta(hours=2))
    young = canary.name("0badcafe", "x", now - timedelta(minutes=5))
    foreign = canary.name("0badcafe", "y", now - timedelta(hours=2))
    for name, content in {old: body, young: body, foreign: "somebody's data"}.items():
        gcs_server.put(bucket, f"wh/{name}", content)

    outcome = lake.check(bucket, *WORKLOAD)

    assert (outcome.status, outcome.probe.swept) == ("ok", [old])
    assert sorted(gcs_server.everything_in(bucket)) == sorted([f"wh/{young}", f"wh/{foreign}"])


# The way there


def test_a_private_authority_is_trusted_by_ca_file(
    run_check: RunCheck, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with FaultyServer(tls(certificates.valid), http(NO_OBJECTS)) as server:
        target = {"bucket": "lake", "endpoint": server.https_url, "anonymous": True, "write": False}
        trusted = run_check("gcs", **target, ca_file=certificates.ca_file)
        untrusted = run_check("gcs", **target)

    assert trusted.status == "ok"
    assert (untrusted.status, untrusted.cause, untrusted.step) == ("error", "tls.untrusted", "tls")


def test_a_service_that_never_answers_ends_in_time(run_check: RunCheck) -> None:
    with FaultyServer(hang) as server:
        outcome = run_check("gcs", bucket="lake", endpoint=server.url, within=0.5, anonymous=True)

    assert time.monotonic() < outcome.probe.deadline + 1
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "timeout", "authorize.list")


def test_an_issuer_that_never_answers_ends_in_time(run_check: RunCheck, gcs_server: GcsServer) -> None:
    with FaultyServer(hang) as issuer:
        key = gcs_server.gateway.account().key_file | {"token_uri": f"{issuer.url}/token"}
        target = {"bucket": "lake", "endpoint": gcs_server.url, "credentials_json": json.dumps(key)}
        outcome = run_check("gcs", **target, within=0.5)

    assert time.monotonic() < outcome.probe.deadline + 1
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "timeout", "authenticate")


@pytest.mark.parametrize("page", ["", "<html>Please log in</html>", {}, []])
def test_another_service_is_not_taken_for_a_store(run_check: RunCheck, page: object) -> None:
    with FaultyServer(http(Answer(200, page))) as server:
        outcome = run_check("gcs", bucket="lake", endpoint=server.url, write=False, anonymous=True)

    assert (outcome.status, outcome.cause) == ("error", "operate.unexpected_response")


def test_the_plan_names_what_is_touched_and_needed() -> None:
    plan = gcs.plan(gcs.GcsSettings(bucket="lake", prefix="wh", credentials_file="/run/key.json"))

    assert plan.endpoint == "gs://lake/wh"
    assert plan.connects == ("https://storage.googleapis.com:443", "https://oauth2.googleapis.com:443")
    assert plan.principal == "key file /run/key.json"
    assert plan.creates == ("gs://lake/wh/floe-preflight-*",)
    assert plan.needs == (
        "storage.objects.list on gs://lake/",
        "storage.objects.get on gs://lake/wh/",
        "storage.objects.create on gs://lake/wh/",
        "storage.objects.delete on gs://lake/wh/",
    )


@pytest.mark.parametrize("login", [{}, {"credentials_json": "{}"}, {"credentials_file": "key.json"}])
def test_a_token_does_not_travel_in_plain_text(login: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="would travel unencrypted: write https in endpoint, or set anonymous"):
        gcs.GcsSettings(bucket="lake", endpoint="http://gcs:4443", **login)

    gcs.GcsSettings(bucket="lake", endpoint="http://localhost:4443", **login)
    gcs.GcsSettings(bucket="lake", endpoint="http://gcs:4443", anonymous=True)


@pytest.mark.parametrize("name", ["gs://lake", "lake/raw"])
def test_an_address_is_no_name_of_a_bucket(name: str) -> None:
    with pytest.raises(ValidationError, match="write the name alone"):
        find("gcs").settings(bucket=name)
