"""The embedded S3 and its IAM, through boto3."""

from __future__ import annotations

from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pytest_floe.local.configs import S3Config, S3User
from pytest_floe.local.launch import running
from pytest_floe.local.platform import LocalPlatform
from pytest_floe.local.policies import administrator, read_write


def client(url: str, key: str, secret: str, service: str = "s3") -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    code: str = refused.value.response["Error"]["Code"]
    return code


@pytest.fixture
def workload(environment: dict[str, Any]) -> Any:
    section = environment["s3"]
    return client(section["endpoint"], section["access_key_id"], section["secret_access_key"].get_secret_value())


@pytest.fixture
def bucket(environment: dict[str, Any]) -> str:
    name: str = environment["storage_bucket"]
    return name


def test_the_workload_lists_writes_reads_and_deletes(workload: Any, bucket: str) -> None:
    workload.put_object(Bucket=bucket, Key="floe/orders", Body=b"7")
    assert [found["Key"] for found in workload.list_objects_v2(Bucket=bucket, Prefix="floe/")["Contents"]] == [
        "floe/orders"
    ]
    assert workload.get_object(Bucket=bucket, Key="floe/orders")["Body"].read() == b"7"
    workload.delete_object(Bucket=bucket, Key="floe/orders")
    assert "Contents" not in workload.list_objects_v2(Bucket=bucket, Prefix="floe/")


def test_the_workload_may_look_at_what_would_keep_its_objects(workload: Any, bucket: str) -> None:
    assert "Status" not in workload.get_bucket_versioning(Bucket=bucket)
    assert "Versions" not in workload.list_object_versions(Bucket=bucket, Prefix="no-such-folder/")
    assert workload.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_the_workload_may_do_nothing_outside_its_bucket(platform: LocalPlatform, workload: Any) -> None:
    given = platform.credentials
    secret = given.admin_s3_secret_access_key.get_secret_value()
    admin = client(workload.meta.endpoint_url, given.admin_s3_access_key_id, secret)
    admin.create_bucket(Bucket="somebody-elses")
    assert refusal(workload.put_object, Bucket="somebody-elses", Key="orders", Body=b"7") == "AccessDenied"
    assert refusal(workload.list_objects_v2, Bucket="somebody-elses") == "AccessDenied"
    assert refusal(workload.create_bucket, Bucket="one-of-my-own") == "AccessDenied"
    assert refusal(workload.delete_bucket, Bucket="somebody-elses") == "AccessDenied"


def test_the_workload_may_not_change_grants(environment: dict[str, Any]) -> None:
    section = environment["s3"]
    key, secret = section["access_key_id"], section["secret_access_key"].get_secret_value()
    iam = client(section["endpoint"], key, secret, "iam")
    assert refusal(iam.create_user, UserName="accomplice") == "AccessDenied"


def test_wrong_keys_are_rejected(environment: dict[str, Any], bucket: str) -> None:
    section = environment["s3"]
    wrong_secret = client(section["endpoint"], section["access_key_id"], "not-it")
    assert refusal(wrong_secret.list_objects_v2, Bucket=bucket) == "SignatureDoesNotMatch"
    unknown_key = client(section["endpoint"], "AKIAUNKNOWNUNKNOWN77", "not-it")
    assert refusal(unknown_key.list_objects_v2, Bucket=bucket) == "InvalidAccessKeyId"


@pytest.mark.parametrize("path", ["/floe-local", "/moto-api/data.json", "/latest/meta-data/"])
def test_an_unsigned_request_gets_nowhere(environment: dict[str, Any], path: str) -> None:
    answer = httpx.get(environment["s3"]["endpoint"] + path)
    assert answer.status_code == 403
    assert "AccessDenied" in answer.text


def test_iam_cannot_be_switched_off_from_outside(environment: dict[str, Any], bucket: str) -> None:
    endpoint = environment["s3"]["endpoint"]
    httpx.post(f"{endpoint}/moto-api/reset-auth", content="1000", headers={"Authorization": "anything"})
    assert refusal(client(endpoint, "AKIAUNKNOWNUNKNOWN77", "x").list_objects_v2, Bucket=bucket) == "InvalidAccessKeyId"


def test_a_policy_can_end_at_a_prefix() -> None:
    users = [
        S3User("narrow", "AKIANARROWNARROW7777", "narrow-secret", read_write("lake", "warehouse/")),
        S3User("admin", "AKIAADMINADMINAD7777", "admin-secret", administrator()),
    ]
    with running(S3Config("lake", users)) as server:
        narrow = client(f"http://127.0.0.1:{server.port}", "AKIANARROWNARROW7777", "narrow-secret")
        narrow.put_object(Bucket="lake", Key="warehouse/orders", Body=b"7")
        assert refusal(narrow.put_object, Bucket="lake", Key="elsewhere/orders", Body=b"7") == "AccessDenied"
