"""A storage that lets nobody write any more: one finding, and of the catalog only the writing is blocked."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest
from pydantic import SecretStr

from pytest_floe.local import policies
from pytest_floe.local.platform import BUCKET, REGION, USER, LocalPlatform
from tests.end_to_end.conftest import run


def configured(folder: Path, platform: LocalPlatform) -> dict[str, str]:
    """Write a floe.yaml for the running platform; return the variables that its references need."""
    secrets: dict[str, str] = {}

    def refer(secret: SecretStr) -> str:
        secrets[f"FLOE_{len(secrets)}"] = secret.get_secret_value()
        return f"${{env:FLOE_{len(secrets) - 1}}}"

    environment = json.dumps(platform.environment(), default=refer)
    (folder / "floe.yaml").write_text(json.dumps({"environments": {"lake": json.loads(environment)}}))
    return secrets


def allow(platform: LocalPlatform, policy: dict[str, object]) -> None:
    """Replace what the workload may do in the storage."""
    given = platform.credentials
    admin = boto3.client(
        "iam",
        endpoint_url=platform.environment()["s3"]["endpoint"],
        region_name=REGION,
        aws_access_key_id=given.admin_s3_access_key_id,
        aws_secret_access_key=given.admin_s3_secret_access_key.get_secret_value(),
    )
    admin.put_user_policy(UserName=USER, PolicyName=f"{USER}-policy", PolicyDocument=json.dumps(policy))


@pytest.fixture
def read_only(platform):
    whole = policies.read_write(BUCKET)
    allow(platform, {**whole, "Statement": whole["Statement"][:1]})
    yield platform
    allow(platform, whole)


@pytest.mark.parametrize("way", [(), ("-n4",)], ids=["alone", "with workers"])
def test_a_revoked_grant_blocks_exactly_the_writing_of_the_catalog(tmp_path, read_only, way):
    done = run(tmp_path, "--floe-env=lake", *way, **configured(tmp_path, read_only))

    assert done.status == 1, done.output
    assert {name: (check["status"], check["details"]["cause"]) for name, check in done.checks.items()} == {
        "storage": ("error", "authorize.write_denied"),
        "catalog": ("error", "blocked"),
        "compute": ("ok", None),
        "postgres": ("ok", None),
    }
    catalog = done.checks["catalog"]["details"]
    assert catalog["blocked_by"] == ["lake-storage-s3"]
    outcomes = {step["name"]: step["outcome"] for step in catalog["steps"]}
    assert outcomes.pop("wait") == "failed"
    assert {"authenticate", "operate.config", "authorize.list"} <= outcomes.keys()
    assert set(outcomes.values()) == {"ok"}
    assert "NOT READY  2 errors, 2 ok, 1 of them not verified" in done.output
