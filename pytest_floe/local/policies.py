"""IAM policy documents of the users of the embedded S3."""

from __future__ import annotations

from typing import Any

# moto asks for s3:HeadBucket where AWS asks for s3:ListBucket.
_BUCKET_ACTIONS = [
    "s3:ListBucket",
    "s3:HeadBucket",
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
    "s3:GetBucketObjectLockConfiguration",
    "s3:ListBucketVersions",
    "s3:ListBucketMultipartUploads",
]
_OBJECT_ACTIONS = [
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
]


def administrator() -> dict[str, Any]:
    """Return the policy that allows everything."""
    return _document({"Effect": "Allow", "Action": "*", "Resource": "*"})


def read_write(bucket: str, prefix: str = "") -> dict[str, Any]:
    """Return the policy of a workload: it lists the bucket, and writes, reads and deletes objects under ``prefix``."""
    arn = f"arn:aws:s3:::{bucket}"
    return _document(
        {"Effect": "Allow", "Action": _BUCKET_ACTIONS, "Resource": arn},
        {"Effect": "Allow", "Action": _OBJECT_ACTIONS, "Resource": f"{arn}/{prefix}*"},
    )


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
