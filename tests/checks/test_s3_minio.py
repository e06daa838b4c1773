"""The S3 check against MinIO, whose users and policies are real."""

from __future__ import annotations

import itertools
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from pytest_floe import canary
from tests.checks.conftest import Outcome, RunCheck
from tests.faults.path import Tamper, ask, late, relay
from tests.faults.server import FaultyServer, answering
from tests.servers.minio import ROOT, MinioServer, natively
from tests.servers.s3 import Keys


@pytest.fixture(autouse=True)
def _no_aws_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def check(run_check: RunCheck, server: MinioServer, bucket: str, keys: Keys, **settings: object) -> Outcome:
    given = {"bucket": bucket, "prefix": "wh", "endpoint": server.url, "region": "us-east-1", "ca_file": server.ca_file}
    return run_check("s3", **(given | keys.settings | settings))


def test_full_rights_are_enough(run_check: RunCheck, minio: MinioServer) -> None:
    bucket = minio.bucket("lake")

    outcome = check(run_check, minio, bucket, minio.principal("full", bucket))

    assert (outcome.status, outcome.left, minio.everything_in(bucket)) == ("ok", [], [])


@pytest.mark.parametrize(
    ("principal", "cause", "step", "grant"),
    [
        ("no_list", "authorize.list_denied", "authorize.list", "s3:ListBucket on arn:aws:s3:::{bucket}"),
        ("no_read", "authorize.read_denied", "operate.read", "s3:GetObject on arn:aws:s3:::{bucket}/wh/*"),
        ("no_write", "authorize.write_denied", "operate.write", "s3:PutObject on arn:aws:s3:::{bucket}/wh/*"),
        ("no_delete", "authorize.delete_denied", "operate.delete", "s3:DeleteObject on arn:aws:s3:::{bucket}/wh/*"),
    ],
)
def test_a_missing_right_is_named(
    run_check: RunCheck, minio: MinioServer, principal: str, cause: str, step: str, grant: str
) -> None:
    bucket = minio.bucket("lake")

    outcome = check(run_check, minio, bucket, minio.principal(principal, bucket))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, step)
    assert outcome.subject == grant.format(bucket=bucket)
    assert len(minio.everything_in(bucket)) == len(outcome.left) == (principal == "no_delete")


def test_a_bucket_that_is_not_there(run_check: RunCheck, minio: MinioServer) -> None:
    outcome = check(run_check, minio, "nowhere-at-all", minio.admin)

    assert (outcome.cause, outcome.step) == ("operate.not_found", "authorize.list")


@pytest.mark.parametrize("secret", ["wrong", "disabled", "unknown"])
def test_credentials_that_are_not_accepted(run_check: RunCheck, minio: MinioServer, secret: str) -> None:
    bucket = minio.bucket("lake")
    keys = minio.principal("full", bucket)
    if secret == "disabled":
        minio.disable(keys)
    login = {"wrong": Keys(keys.access_key_id, "not-the-secret"), "unknown": Keys("nobody-we-know", "s3cret-key")}

    outcome = check(run_check, minio, bucket, login.get(secret, keys))

    assert (outcome.status, outcome.cause) == ("error", "authenticate.rejected")


def test_servers_behind_one_address_that_share_nothing(run_check: RunCheck, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(natively(tmp_path / name)) for name in ("one", "other")]
        for server in servers:
            server.client().create_bucket(Bucket="lake")
        turns = itertools.cycle(servers)
        balancer = stack.enter_context(FaultyServer(answering(lambda request: ask(next(turns).url, request))))
        outcome = run_check("s3", bucket="lake", endpoint=balancer.url, region="us-east-1", **ROOT.settings)
        stayed = [key for server in servers for key in server.everything_in("lake")]

    assert (outcome.cause, outcome.step, outcome.subject) == ("operate.wrong_content", "operate.read", "s3://lake/")
    assert "look for it on every server behind this address" in outcome.left[0]
    assert all(f"s3://lake/{key}" in outcome.left[0] for key in stayed)


def test_sweeping_leaves_time_for_the_check(run_check: RunCheck, minio: MinioServer) -> None:
    bucket, count = minio.bucket("lake"), 20
    for number in range(count):
        key = f"floe-preflight-20250101t000000z-0badcafe-{number:x}"
        minio.client().put_object(Bucket=bucket, Key=key, Body=canary.signature("0badcafe").encode())
    with FaultyServer(relay(minio.url, Tamper("", "", late(0.1)))) as far:
        where = {"bucket": bucket, "endpoint": far.url, "region": "us-east-1"}
        outcome = run_check("s3", within=6.0, **where, **minio.principal("full", bucket).settings)

    swept = len(outcome.probe.swept)
    assert outcome.status == "ok"
    assert 0 < swept < count
    assert len(minio.everything_in(bucket)) == count - swept
    assert outcome.probe.facts["sweep"] == f"not finished: {count - swept} left for the next run"


def test_over_tls(run_check: RunCheck, minio_tls: MinioServer) -> None:
    bucket = minio_tls.bucket("lake")

    outcome = check(run_check, minio_tls, bucket, minio_tls.principal("full", bucket))

    assert outcome.status == "ok"


def test_an_authority_that_is_not_trusted(run_check: RunCheck, minio_tls: MinioServer) -> None:
    bucket = minio_tls.bucket("lake")

    outcome = check(run_check, minio_tls, bucket, minio_tls.admin, ca_file=None)

    assert (outcome.status, outcome.cause) == ("error", "tls.untrusted")
