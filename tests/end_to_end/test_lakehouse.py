"""A lakehouse beside the four services that it is made of."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.conftest import run
from tests.end_to_end.lake import ALL_GRANTS, allow, configured, files

TARGETS = [{"service": "lakehouse", "kind": "lakehouse", "write": True}]
PATIENT = ("--floe-env=lake", "--floe-timeout=120")  # importing all drivers takes long on a busy machine
WAYS = pytest.mark.parametrize("way", [(), ("-n4",)], ids=["alone", "with workers"])


@WAYS
def test_a_lakehouse_is_verified_after_what_it_is_made_of(tmp_path, platform, way):
    done = run(tmp_path, *PATIENT, *way, **configured(tmp_path, platform, targets=TARGETS))

    assert done.status == 0, done.output
    assert [check["service"] for check in done.report["checks"]][-1] == "lakehouse"
    assert done.checks["lakehouse"]["message"] == "100 rows written and read through polaris > s3 > duckdb, and dropped"
    assert files(platform) == []


@WAYS
def test_a_lakehouse_alone_has_the_settings_of_what_it_joins_and_keeps_their_secrets(tmp_path, platform, way):
    secrets = configured(tmp_path, platform, targets=TARGETS)
    done = run(tmp_path, *PATIENT, "--floe-check=lakehouse", *way, **secrets)

    assert done.status == 0, done.output
    assert list(done.checks) == ["lakehouse"]
    written = done.output + "".join(path.read_text() for path in done.folder.iterdir() if path.is_file())
    assert not [secret for secret in secrets.values() if secret in written]


@WAYS
def test_a_revoked_grant_blocks_the_lakehouse_too(tmp_path, platform, way):
    allow(platform, {**ALL_GRANTS, "Statement": ALL_GRANTS["Statement"][:1]})
    done = run(tmp_path, *PATIENT, *way, **configured(tmp_path, platform, targets=TARGETS))
    allow(platform, ALL_GRANTS)

    assert done.status == 1
    blocked = done.checks["lakehouse"]["details"]
    assert (blocked["cause"], blocked["blocked_by"]) == ("blocked", ["lake-storage-s3"])
    assert files(platform) == []


def test_the_plan_names_what_all_three_are_touched_for(tmp_path, platform):
    done = run(tmp_path, *PATIENT, "--floe-plan", **configured(tmp_path, platform, targets=TARGETS))

    told = done.output.partition("lake-lakehouse-lakehouse")[2]
    assert "creates and removes  table floe-preflight-*.floe-preflight-* of warehouse floe of http://" in told
    assert "waits for            lake-catalog-polaris" in told
    assert json.dumps(platform.environment()["s3"]["endpoint"])[1:-1] in told
