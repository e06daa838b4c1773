"""What tests do with any S3 server: buckets, users with policies, and a look at what is left."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

REGION = "us-east-1"


@dataclass(frozen=True)
class Keys:
    """Credentials of one user, named as the check's settings name them."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @property
    def settings(self) -> dict[str, str]:
        return {"access_key_id": self.access_key_id, "secret_access_key": self.secret_access_key}


@dataclass
class S3Server(ABC):
    """The running server; ``admin`` may do everything, every other user only what its policy allows."""

    url: str
    ca_file: Path | None = None
    admin: Keys | None = None
    region: str = REGION

    def client(self, service: str = "s3", keys: Keys | None = None) -> Any:
        keys = keys or self.admin or Keys("setup", "setup")
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            verify=str(self.ca_file) if self.ca_file else None,
            config=Config(retries={"total_max_attempts": 1}),
        )

    @abstractmethod
    def user(self, *statements: dict[str, Any]) -> Keys:
        """Create a user who may do what the IAM ``statements`` say."""

    def bucket(self, name: str, *, region: str | None = None, **options: Any) -> str:
        """Create an empty bucket, in the server's own region unless told."""
        wanted = region or self.region
        place = {} if wanted == REGION else {"CreateBucketConfiguration": {"LocationConstraint": wanted}}
        self.client().create_bucket(Bucket=name, **place, **options)
        return name

    def shown_in(self, bucket: str) -> list[str]:
        """Every object that the bucket lists."""
        return [entry["Key"] for entry in self.client().list_objects_v2(Bucket=bucket).get("Contents", ())]

    def everything_in(self, bucket: str) -> list[str]:
        """Every version and delete marker that the bucket holds."""
        listed = self.client().list_object_versions(Bucket=bucket)
        return [entry["Key"] for kind in ("Versions", "DeleteMarkers") for entry in listed.get(kind, ())]


def allow(resource: str, *actions: str) -> dict[str, Any]:
    """Return the IAM statement that allows ``actions`` on ``resource`` (a bucket, or a bucket and a key)."""
    return {
        "Effect": "Allow",
        "Action": [f"s3:{action}" for action in actions],
        "Resource": f"arn:aws:s3:::{resource}",
    }


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
