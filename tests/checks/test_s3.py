"""The S3 check against moto's server, which enforces keys, signatures and policies."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from pytest_floe.checks import s3

from pytest_floe import canary
from pytest_floe.registry import find
from tests.checks.conftest import Outcome, RunCheck
from tests.faults.server import Answer, FaultyServer, hang, http
from tests.servers.moto_s3 import LosesAnswers
from tests.servers.s3 import S3Server, allow, policy

_NUMBERS = itertools.count()
_BODY = canary.signature("0badcafe")


@pytest.fixture(autouse=True)
def _no_aws_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Neither variables, nor files, nor the role of the machine that runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def bucket(moto_s3: S3Server) -> str:
    return moto_s3.bucket(f"lake-{next(_NUMBERS)}")


@pytest.fixture
def versioned(moto_s3: S3Server, bucket: str) -> str:
    moto_s3.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


class Lake:
    """Runs the check on one bucket of the server, as a user with the given grants."""

    def __init__(self, run_check: RunCheck, server: S3Server) -> None:
        self._run = run_check
        self._server = server

    def check(self, bucket: str | None, *statements: dict[str, object], **settings: object) -> Outcome:
        keys = self._server.user(*statements).settings
        defaults = {"bucket": bucket, "prefix": "wh", "endpoint": self._server.url, "region": "us-east-1"}
        return self._run("s3", **(defaults | keys | settings))


@pytest.fixture
def lake(run_check: RunCheck, moto_s3: S3Server) -> Lake:
    return Lake(run_check, moto_s3)


def workload(bucket: str, *objects: str) -> tuple[dict[str, object], ...]:
    """The least a workload is given: its own folder, and no look at the bucket's configuration."""
    return allow(bucket, "ListBucket"), allow(
        f"{bucket}/wh/*", *(objects or ("GetObject", "PutObject", "DeleteObject"))
    )


# What a workload may do


def test_the_least_a_workload_is_granted_is_enough(lake: Lake, moto_s3: S3Server, bucket: str) -> None:
    outcome = lake.check(bucket, *workload(bucket))

    assert (outcome.status, outcome.left) == ("ok", [])
    assert outcome.message == f"listed, wrote, read back and deleted under s3://{bucket}/wh/"
    assert [step.name for step in outcome.probe.steps if step.name.startswith(("auth", "operate"))] == [
        "authenticate",
        "authorize.list",
        "operate.retention",
        "operate.sweep",
        "operate.write",
        "operate.read",
        "operate.delete",
    ]
    assert moto_s3.everything_in(bucket) == []


def test_the_principal_is_the_access_key_where_no_token_service_is_known(lake: Lake, bucket: str) -> None:
    outcome = lake.check(bucket, *workload(bucket))

    assert outcome.probe.known_as is not None
    assert outcome.probe.known_as.startswith("access key AKIA")


def test_the_principal_is_what_the_token_service_says(lake: Lake, moto_s3: S3Server, bucket: str) -> None:
    outcome = lake.check(
        bucket, *workload(bucket), {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}, sts_endpoint=moto_s3.url
    )

    assert outcome.status == "ok"
    assert outcome.probe.known_as is not None
    assert ":user/user-" in outcome.probe.known_as


def test_a_token_service_that_is_down_does_not_fail_the_check(lake: Lake, bucket: str) -> None:
    with FaultyServer(hang) as silent:
        outcome = lake.check(bucket, *workload(bucket), sts_endpoint=silent.url)

    assert outcome.status == "ok"


def test_the_whole_bucket_is_the_default_prefix(lake: Lake, moto_s3: S3Server, bucket: str) -> None:
    everywhere = allow(f"{bucket}/*", "GetObject", "PutObject", "DeleteObject")

    outcome = lake.check(bucket, allow(bucket, "ListBucket"), everywhere, prefix=None)

    assert outcome.status == "ok"
    assert moto_s3.everything_in(bucket) == []


# What is missing is told apart


def test_list_denied(lake: Lake, bucket: str) -> None:
    outcome = lake.check(bucket, allow(f"{bucket}/wh/*", "GetObject", "PutObject", "DeleteObject"))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.list_denied", "authorize.list")
    assert outcome.subject == f"s3:ListBucket on arn:aws:s3:::{bucket}"


def test_write_denied(lake: Lake, moto_s3: S3Server, bucket: str) -> None:
    outcome = lake.check(bucket, *workload(bucket, "GetObject", "DeleteObject"))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.write_denied", "operate.write")
    assert outcome.subject == f"s3:PutObject on arn:aws:s3:::{bucket}/wh/*"
    assert outcome.left == []
    assert moto_s3.everything_in(bucket) == []


def test_read_denied_still_removes_the_canary(lake: Lake, moto_s3: S3Server, bucket: str) -> None:
    outcome = lake.check(bucket, *workload(bucket, "PutObject", "DeleteObject"))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.read_denied", "operate.read")
    assert outcome.subject == f"s3:GetObject on arn:aws:s3:::{bucket}/wh/*"
    assert moto_s3.everything_in(bucket) == []


def test_delete_denied_names_what_stays(lake: Lake, moto_s3: S3Server, bucket: str) -> None:
    outcome = lake.check(bucket, *workload(bucket, "GetObject", "PutObject"))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.delete_denied", "operate.delete")
    assert outcome.subject == f"s3:DeleteObject on arn:aws:s3:::{bucket}/wh/*"
    [key] = moto_s3.everything_in(bucket)
    [named] = outcome.left
    assert named.startswith(f"s3://{bucket}/{key} ")


def test_a_grant_outside_the_prefix_does_not_count(lake: Lake, bucket: str) -> None:
    outcome = lake.check(bucket, *workload(bucket), prefix="other")

    assert outcome.cause == "authorize.write_denied"
    assert outcome.subject == f"s3:PutObject on arn:aws:s3:::{bucket}/other/*"


def test_the_key_of_an_encryption_is_the_subject_when_aws_names_it(run_check: RunCheck) -> None:
    key = "arn:aws:kms:eu-west-1:1:key/k"
    text = f"User: arn:aws:iam::1:user/u is not authorized to perform: kms:GenerateDataKey on resource: {key} because"
    listing = Answer(200, "<ListBucketResult><Name>lake</Name></ListBucketResult>")
    with FaultyServer(http(s3_error(403, "AccessDenied", text), routes=routes(listing))) as server:
        outcome = run_check("s3", bucket="lake", endpoint=server.url, **MADE_UP)

    assert (outcome.cause, outcome.subject) == ("authorize.write_denied", f"kms:GenerateDataKey on {key}")


# Without writing


def test_read_only_reads_an_object_that_is_there(lake: Lake, moto_s3: S3Server, bucket: str) -> None:
    moto_s3.client().put_object(Bucket=bucket, Key="wh/part-0", Body=b"data")

    granted = lake.check(bucket, *workload(bucket, "GetObject"), write=False)
    refused = lake.check(bucket, allow(bucket, "ListBucket"), write=False)

    assert (granted.status, granted.message) == ("ok", f"listed s3://{bucket}/wh/ and read from wh/part-0")
    assert (refused.status, refused.cause) == ("error", "authorize.read_denied")
    assert moto_s3.everything_in(bucket) == ["wh/part-0"]


def test_read_only_says_that_there_was_nothing_to_read(lake: Lake, bucket: str) -> None:
    outcome = lake.check(bucket, *workload(bucket, "GetObject"), write=False)

    assert outcome.status == "ok"
    assert outcome.probe.facts["not_verified"] == [f"read: there is no object under s3://{bucket}/wh/"]


# Credentials


def test_unknown_key(lake: Lake, bucket: str) -> None:
    outcome = lake.check(bucket, access_key_id="AKIAUNKNOWN", secret_access_key="sentinel-of-a-secret")

    assert (outcome.status, outcome.cause, outcome.subject) == (
        "error",
        "authenticate.rejected",
        "access key AKIAUNKNOWN",
    )
    assert "InvalidAccessKeyId" in outcome.message


def test_wrong_secret(lake: Lake, bucket: str) -> None:
    outcome = lake.check(bucket, *workload(bucket), secret_access_key="sentinel-of-a-secret")

    assert (outcome.status, outcome.cause) == ("error", "authenticate.rejected")
    assert "SignatureDoesNotMatch" in outcome.message
    assert "sentinel" not in outcome.message


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (400, "ExpiredToken", "authenticate.rejected"),
        (403, "RequestTimeTooSkewed", "authenticate.clock_skew"),
        (503, "SlowDown", "operate.not_ready"),
        (500, "InternalError", "operate.server_error"),
    ],
)
def test_what_no_emulator_answers_on_demand(run_check: RunCheck, status: int, code: str, cause: str) -> None:
    with FaultyServer(http(s3_error(status, code, "no"))) as server:
        outcome = run_check("s3", bucket="lake", endpoint=server.url, **MADE_UP)

        assert len(server.requests) == 1
    assert (outcome.status, outcome.cause, outcome.left) == ("error", cause, [])


def test_no_credentials_anywhere(run_check: RunCheck, moto_s3: S3Server, bucket: str) -> None:
    outcome = run_check("s3", bucket=bucket, endpoint=moto_s3.url)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "config.missing_credentials", "authenticate")


def test_a_profile_that_does_not_exist(run_check: RunCheck, moto_s3: S3Server, bucket: str) -> None:
    outcome = run_check("s3", bucket=bucket, endpoint=moto_s3.url, profile="nobody")

    assert (outcome.status, outcome.cause) == ("error", "config.missing_credentials")
    assert "nobody" in outcome.message


@pytest.mark.parametrize(
    ("variable", "value"), [("AWS_MAX_ATTEMPTS", "many"), ("AWS_RETRY_MODE", "eager"), ("AWS_CONFIG_FILE", __file__)]
)
def test_a_mistake_in_what_the_sdk_reads_by_itself(
    run_check: RunCheck, moto_s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    outcome = run_check("s3", bucket=bucket, endpoint=moto_s3.url, **MADE_UP)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "config.invalid", "driver")
    assert variable in (outcome.subject or "")


def test_the_sdks_own_chain_is_used(
    run_check: RunCheck, moto_s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = moto_s3.user(*workload(bucket))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)

    outcome = run_check("s3", bucket=bucket, prefix="wh", endpoint=moto_s3.url)

    assert (outcome.status, outcome.probe.known_as) == ("ok", f"access key {keys.access_key_id}")
    assert outcome.probe._scrubber.leaks(f"secret {keys.secret_access_key}")


def test_a_role_is_assumed(lake: Lake, moto_s3: S3Server, bucket: str) -> None:
    role = _role(moto_s3, bucket)
    may_assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}

    outcome = lake.check(bucket, may_assume, role_arn=role)
    refused = lake.check(bucket, *workload(bucket), role_arn=role)

    assert outcome.status == "ok"
    assert outcome.probe.known_as is not None
    assert ":assumed-role/writer-" in outcome.probe.known_as
    assert (refused.status, refused.cause, refused.subject) == (
        "error",
        "authorize.denied",
        f"sts:AssumeRole on {role}",
    )


def _role(server: S3Server, bucket: str) -> str:
    iam, name = server.client("iam"), f"writer-{bucket}"
    trust = policy({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="grants", PolicyDocument=policy(*workload(bucket)))
    return role


# The bucket


def test_missing_bucket(lake: Lake) -> None:
    outcome = lake.check("no-such-bucket", *workload("no-such-bucket"))

    assert (outcome.status, outcome.cause, outcome.subject) == ("error", "operate.not_found", "s3://no-such-bucket/")


def test_no_bucket_given_is_never_ok(lake: Lake) -> None:
    outcome = lake.check(None)

    assert (outcome.status, outcome.cause) == ("warning", "config.object_not_given")


def test_wrong_region(lake: Lake, moto_s3: S3Server) -> None:
    far = moto_s3.bucket("lake-far", region="eu-west-1")

    # moto asks for s3:HeadBucket where Amazon asks for s3:ListBucket.
    outcome = lake.check(far, *workload(far), allow(far, "HeadBucket"))

    assert (outcome.status, outcome.cause, outcome.subject) == ("error", "operate.wrong_region", "region: eu-west-1")
    assert outcome.message == "bucket lake-far is in eu-west-1, not in us-east-1"


def test_wrong_region_that_the_sdk_would_follow_silently(run_check: RunCheck) -> None:
    malformed = s3_error(400, "AuthorizationHeaderMalformed", "expecting 'eu-west-1'", "<Region>eu-west-1</Region>")
    with FaultyServer(http(malformed, Answer(200, "<ListBucketResult><Name>lake</Name></ListBucketResult>"))) as server:
        outcome = run_check("s3", bucket="lake", region="us-east-1", endpoint=server.url, **MADE_UP)

    assert (outcome.status, outcome.cause, outcome.subject) == ("error", "operate.wrong_region", "region: eu-west-1")


# Nothing is left


def test_a_versioned_bucket_keeps_neither_version_nor_marker(lake: Lake, moto_s3: S3Server, versioned: str) -> None:
    granted = workload(versioned, "GetObject", "PutObject", "DeleteObject", "DeleteObjectVersion")

    outcome = lake.check(versioned, *granted)

    assert outcome.status == "ok"
    assert outcome.probe.facts["not_verified"] == ["whether versions are kept: s3:ListBucketVersions is not granted"]
    assert moto_s3.everything_in(versioned) == []


def test_a_bucket_without_versions_says_so_by_its_answers(lake: Lake, bucket: str) -> None:
    outcome = lake.check(bucket, *workload(bucket))

    assert "not_verified" not in outcome.probe.facts


@pytest.fixture
def unsteady(moto_s3: S3Server) -> Iterator[LosesAnswers]:
    """What is put arrives, and nobody is told."""
    with LosesAnswers(moto_s3.url, "PUT") as server:
        yield server


def test_an_object_whose_version_is_not_known_stays_hidden(
    lake: Lake, moto_s3: S3Server, versioned: str, unsteady: LosesAnswers
) -> None:
    granted = workload(versioned, "GetObject", "PutObject", "DeleteObject", "DeleteObjectVersion")

    outcome = lake.check(versioned, *granted, endpoint=unsteady.url)

    [warned] = outcome.probe.warnings
    assert (outcome.status, outcome.step, outcome.left) == ("error", "operate.write", [])
    assert warned.cause == "operate.retained"
    assert "s3:ListBucketVersions is not granted" in warned.message
    assert moto_s3.shown_in(versioned) == []
    assert len(moto_s3.everything_in(versioned)) == 2


def test_an_object_whose_versions_may_be_listed_is_removed_nevertheless(
    lake: Lake, moto_s3: S3Server, versioned: str, unsteady: LosesAnswers
) -> None:
    granted = workload(versioned, "GetObject", "PutObject", "DeleteObject", "DeleteObjectVersion")

    outcome = lake.check(versioned, *granted, allow(versioned, "ListBucketVersions"), endpoint=unsteady.url)

    assert (outcome.status, outcome.step, outcome.left) == ("error", "operate.write", [])
    assert moto_s3.everything_in(versioned) == []


def test_nothing_is_written_while_retention_can_not_be_asked_for(run_check: RunCheck) -> None:
    asked = {"GET /lake": [EMPTY, s3_error(503, "SlowDown", "later")]}
    with FaultyServer(http(Answer(200), routes=asked)) as server:
        outcome = run_check("s3", bucket="lake", endpoint=server.url, **MADE_UP)

        assert "PUT" not in {request.method for request in server.requests}
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_ready", "operate.retention")


def test_versions_that_could_not_be_looked_for_are_not_taken_for_none(run_check: RunCheck) -> None:
    unlocked = s3_error(404, "ObjectLockConfigurationNotFoundError", "no")
    unversioned = Answer(200, "<VersioningConfiguration/>")
    asked = {"GET /lake": [EMPTY, unversioned, unlocked, EMPTY, s3_error(503, "SlowDown", "later")]}
    round_trip = (Answer(200), Answer(200, canary.signature("00000000")), Answer(204))
    with FaultyServer(http(*round_trip, routes=asked)) as server:
        outcome = run_check("s3", bucket="lake", endpoint=server.url, **MADE_UP)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_ready", "operate.delete")
    assert outcome.left[0].startswith("s3://lake/floe-preflight-")


def test_a_bucket_whose_versioning_is_suspended_keeps_no_marker(lake: Lake, moto_s3: S3Server, versioned: str) -> None:
    moto_s3.client().put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    granted = workload(versioned, "GetObject", "PutObject", "DeleteObject", "DeleteObjectVersion")

    outcome = lake.check(versioned, *granted, allow(versioned, "GetBucketVersioning"))

    assert (outcome.status, outcome.probe.facts["versioning"]) == ("ok", "Suspended")
    assert moto_s3.everything_in(versioned) == []


def test_versions_that_may_not_be_deleted_are_named(lake: Lake, moto_s3: S3Server, versioned: str) -> None:
    outcome = lake.check(versioned, *workload(versioned))

    assert (outcome.status, outcome.cause) == ("warning", "operate.retained")
    assert outcome.message.count("AccessDenied for s3:DeleteObjectVersion") == 1
    assert "which hides that" in outcome.message
    assert len(moto_s3.everything_in(versioned)) == 2


def test_nothing_is_written_under_object_lock(lake: Lake, moto_s3: S3Server) -> None:
    locked = moto_s3.bucket("lake-locked", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
    moto_s3.client().put_object_lock_configuration(
        Bucket=locked, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )

    outcome = lake.check(locked, *workload(locked))

    assert (outcome.status, outcome.cause) == ("warning", "operate.retained")
    assert "30 days (COMPLIANCE)" in outcome.message
    assert outcome.probe.facts["scope"] == "read-only"
    assert moto_s3.everything_in(locked) == []


def test_leftovers_of_a_crashed_run_are_swept(lake: Lake, moto_s3: S3Server, bucket: str) -> None:
    now = datetime.now(UTC)
    old = canary.name("0badcafe", "x", now - timedelta(hours=2))
    young = canary.name("0badcafe", "x", now - timedelta(minutes=5))
    foreign = canary.name("0badcafe", "y", now - timedelta(hours=2))
    for name, body in {old: _BODY, young: _BODY, foreign: "somebody's data", "orders": _BODY}.items():
        moto_s3.client().put_object(Bucket=bucket, Key=f"wh/{name}", Body=body)

    outcome = lake.check(bucket, *workload(bucket))

    assert (outcome.status, outcome.probe.swept) == ("ok", [old])
    assert sorted(moto_s3.everything_in(bucket)) == sorted([f"wh/{young}", f"wh/{foreign}", "wh/orders"])


# The way there


def test_a_private_authority_is_trusted_by_ca_file(run_check: RunCheck, moto_s3_tls: S3Server) -> None:
    server, name = moto_s3_tls, moto_s3_tls.bucket("lake-tls")
    target = {"bucket": name, "prefix": "wh", "endpoint": server.url} | server.user(*workload(name)).settings

    trusted = run_check("s3", **target, ca_file=server.ca_file)
    untrusted = run_check("s3", **target)

    assert trusted.status == "ok"
    assert (untrusted.status, untrusted.cause, untrusted.step) == ("error", "tls.untrusted", "tls")
    assert server.everything_in(name) == []


def test_a_store_that_never_answers_ends_in_time(run_check: RunCheck) -> None:
    with FaultyServer(hang) as server:
        outcome = run_check("s3", bucket="lake", endpoint=server.url, within=0.5, **MADE_UP)

    assert time.monotonic() < outcome.probe.deadline + 1
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "timeout", "authorize.list")


@pytest.mark.parametrize("page", ["", "<html>Please log in</html>", "<ListBucketResult/>"])
def test_another_service_is_not_taken_for_a_store(run_check: RunCheck, page: str) -> None:
    with FaultyServer(http(Answer(200, page))) as server:
        outcome = run_check("s3", bucket="lake", endpoint=server.url, write=False, **MADE_UP)

    assert (outcome.status, outcome.cause) == ("error", "operate.unexpected_response")


def test_what_is_read_back_is_compared(run_check: RunCheck) -> None:
    stale = routes(Answer(200, "<ListBucketResult><Name>lake</Name></ListBucketResult>"))
    with FaultyServer(http(Answer(200), Answer(200, "another body"), Answer(204), routes=stale)) as server:
        outcome = run_check("s3", bucket="lake", endpoint=server.url, **MADE_UP)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.wrong_content", "operate.read")


# The plan


def test_the_plan_names_what_is_touched_and_needed() -> None:
    settings = s3.S3Settings(bucket="lake", prefix="/wh/", region="eu-west-1", role_arn="arn:aws:iam::1:role/floe")

    plan = s3.plan(settings)

    assert plan.endpoint == "s3://lake/wh"
    assert plan.connects == ("https://s3.eu-west-1.amazonaws.com:443", "https://sts.eu-west-1.amazonaws.com:443")
    assert plan.principal == "arn:aws:iam::1:role/floe"
    assert plan.creates == ("s3://lake/wh/floe-preflight-*",)
    assert plan.needs == (
        "s3:ListBucket on arn:aws:s3:::lake",
        "s3:GetObject on arn:aws:s3:::lake/wh/*",
        "s3:PutObject on arn:aws:s3:::lake/wh/*",
        "s3:DeleteObject on arn:aws:s3:::lake/wh/*",
    )


@pytest.mark.parametrize(
    ("settings", "connects"),
    [
        ({"region": "eu-west-1"}, ("https://s3.eu-west-1.amazonaws.com:443", "https://sts.eu-west-1.amazonaws.com:443")),
        ({"region": "cn-north-1"}, (
            "https://s3.cn-north-1.amazonaws.com.cn:443", "https://sts.cn-north-1.amazonaws.com.cn:443",
        )),
        ({"endpoint": "https://store:9000"}, ("https://store:9000",)),
        ({"endpoint": "https://store:9000", "role_arn": "arn:aws:iam::1:role/floe"}, ("https://store:9000",)),
        ({"endpoint": "https://store:9000", "sts_endpoint": "https://sts"}, ("https://store:9000", "https://sts:443")),
    ],
)  # fmt: skip
def test_the_plan_names_the_token_service_if_it_is_asked(settings: dict[str, str], connects: tuple[str, ...]) -> None:
    assert s3.plan(s3.S3Settings(bucket="lake", **settings)).connects == connects


@pytest.mark.parametrize(
    ("temporary", "key"),
    [
        ({"session_token": "t", "access_key_id": "A", "secret_access_key": "s"}, "endpoint"),
        ({"role_arn": "arn:aws:iam::1:role/floe"}, "endpoint"),
        ({"role_arn": "arn:aws:iam::1:role/floe"}, "sts_endpoint"),
    ],
)
def test_a_session_token_does_not_travel_in_plain_text(temporary: dict[str, str], key: str) -> None:
    with pytest.raises(ValueError, match=f"would travel unencrypted: write https in {key}"):
        s3.S3Settings(bucket="lake", **{key: "http://minio:9000"}, **temporary)

    s3.S3Settings(bucket="lake", **{key: "http://127.0.0.1:9000"}, **temporary)


def test_a_secret_key_signs_and_does_not_travel() -> None:
    s3.S3Settings(bucket="lake", endpoint="http://minio:9000", access_key_id="AKIA", secret_access_key="secret")


def test_half_a_key_pair_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="give both or neither"):
        s3.S3Settings(bucket="lake", access_key_id="AKIA")


MADE_UP = {"access_key_id": "AKIAMADEUP", "secret_access_key": "made-up-secret", "path_style": True}


EMPTY = Answer(
    200, "<ListBucketResult><Name>lake</Name></ListBucketResult>", headers={"x-amz-bucket-region": "us-east-1"}
)


def s3_error(status: int, code: str, message: str, more: str = "") -> Answer:
    return Answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>")


def routes(listing: Answer) -> dict[str, Answer]:
    return {"GET /lake": listing}


@pytest.mark.parametrize("name", ["s3://lake", "lake/raw", "arn:aws:s3:::lake"])
def test_an_address_is_no_name_of_a_bucket(name: str) -> None:
    with pytest.raises(ValidationError, match="write the name alone"):
        find("s3").settings(bucket=name)


def test_an_access_point_stands_for_a_bucket() -> None:
    arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/floe"
    assert "s3:ListBucket on " + arn in find("s3").plan(find("s3").settings(bucket=arn)).needs
