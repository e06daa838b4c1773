"""The embedded platform as an environment of floe.yaml, so that a test can change it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
from pydantic import SecretStr

from pytest_floe.local import policies
from pytest_floe.local.platform import BUCKET, REGION, USER, LocalPlatform

ALL_GRANTS = policies.read_write(BUCKET)


def configured(folder: Path, platform: LocalPlatform, **changes: Any) -> dict[str, str]:
    """Write a floe.yaml with the environment ``lake`` for the running platform, with ``changes`` of its keys.

    Return the variables that its references need.
    """
    secrets: dict[str, str] = {}

    def refer(secret: SecretStr) -> str:
        secrets[f"FLOE_{len(secrets)}"] = secret.get_secret_value()
        return f"${{env:FLOE_{len(secrets) - 1}}}"

    environment = json.dumps(platform.environment() | changes, default=refer)
    (folder / "floe.yaml").write_text(json.dumps({"environments": {"lake": json.loads(environment)}}))
    return secrets


def allow(platform: LocalPlatform, policy: dict[str, Any]) -> None:
    """Replace what the workload may do in the storage."""
    document = json.dumps(policy)
    admin(platform, "iam").put_user_policy(UserName=USER, PolicyName=f"{USER}-policy", PolicyDocument=document)


def files(platform: LocalPlatform) -> list[str]:
    """Return the keys of all objects of the storage."""
    found = admin(platform, "s3").list_objects_v2(Bucket=BUCKET)
    return [entry["Key"] for entry in found.get("Contents", ())]


def admin(platform: LocalPlatform, service: str) -> Any:
    """Return a client that may do everything."""
    given = platform.credentials
    return boto3.client(
        service,
        endpoint_url=platform.environment()["s3"]["endpoint"],
        region_name=REGION,
        aws_access_key_id=given.admin_s3_access_key_id,
        aws_secret_access_key=given.admin_s3_secret_access_key.get_secret_value(),
    )
