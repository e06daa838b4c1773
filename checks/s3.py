"""Is the S3 bucket there, and may this principal list, write, read and delete in it?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import field_validator, model_validator

from pytest_floe import Plan, Probe, Secret, Settings, Url, check, setting

from . import object_storage, s3_session
from .object_storage import Verb
from .plain_text import refuse_plain_text
from .s3_bucket import S3Bucket

_ACTIONS = {"list": "ListBucket", "read": "GetObject", "write": "PutObject", "delete": "DeleteObject"}
#: A name, or the ARN of an access point, which stands for one.
_NAME = re.compile(r"[\w.-]{1,255}|arn:[\w-]+:s3[\w-]*:[\w-]*:\d{12}:.+")


class S3Settings(Settings):
    """Settings of an Amazon S3 bucket, or of a store that speaks its protocol."""

    flat: ClassVar[dict[str, str]] = {"storage_bucket": "bucket"}

    bucket: str | None = setting(None, "Name of the bucket.")
    prefix: str | None = setting(None, "Folder that the workload writes to; canaries are written there.")
    region: str | None = setting(None, "Region of the bucket.", env=("AWS_REGION", "AWS_DEFAULT_REGION"))
    endpoint: Url | None = setting(
        None, "Address of a store other than Amazon's.", env=("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    )
    sts_endpoint: Url | None = setting(
        None, "Address of the token service; a store's own endpoint serves it too.", env=("AWS_ENDPOINT_URL_STS",)
    )
    path_style: bool | None = setting(None, "Name the bucket in the path rather than in the host name.")
    access_key_id: str | None = setting(None, "Access key; the SDK's chain if not given.", env=("AWS_ACCESS_KEY_ID",))
    secret_access_key: Secret | None = setting(None, "Secret of the access key.", env=("AWS_SECRET_ACCESS_KEY",))
    session_token: Secret | None = setting(None, "Token of temporary credentials.", env=("AWS_SESSION_TOKEN",))
    profile: str | None = setting(None, "Profile of the AWS configuration files.", env=("AWS_PROFILE",))
    role_arn: str | None = setting(None, "Role to assume with these credentials.")
    external_id: str | None = setting(None, "External id that the role's trust policy asks for.")
    encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = setting(
        None, "Server-side encryption to ask for, where the bucket's policy demands that."
    )
    kms_key_id: str | None = setting(None, "Key of that encryption.")
    ca_file: Path | None = setting(
        None,
        "PEM file of the authorities to trust, instead of the system's.",
        env=("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
    )
    write: bool = setting(True, "Write a canary object, read it back and delete it.")

    @field_validator("bucket")
    @classmethod
    def _is_a_name(cls, bucket: str | None) -> str | None:
        if bucket and not _NAME.fullmatch(bucket):
            raise ValueError(
                "is no name of a bucket: write the name alone, or an access point's ARN; folders go to prefix"
            )
        return bucket

    @model_validator(mode="after")
    def _keys_come_in_pairs(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together: give both or neither")
        return self

    @model_validator(mode="after")
    def _session_tokens_travel_encrypted(self) -> Self:
        # A secret key signs (Signature Version 4) and stays here, so stores inside a cluster may do without TLS; a
        # session token travels with every request, and with a role its secret key comes by the network as well.
        if self.session_token or self.role_arn:
            refuse_plain_text({"endpoint": self.endpoint, "sts_endpoint": self.sts_endpoint})
        return self

    @property
    def folder(self) -> str:
        """Prefix of every key."""
        return object_storage.folder(self.prefix)

    @property
    def arn(self) -> str:
        """Amazon resource name of the bucket, or of its access point."""
        if self.bucket and self.bucket.startswith("arn:"):
            return self.bucket
        region = self.region or ""
        partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
        return f"arn:{partition}:s3:::{self.bucket}"

    @property
    def store_address(self) -> str:
        """Address of the store, as far as the settings tell."""
        return object_storage.address(self.endpoint or self._amazon("s3"))

    @property
    def sts_address(self) -> str | None:
        """Address of the token service, if it is asked."""
        if self.role_arn or self.sts_endpoint or not self.endpoint:
            return object_storage.address(self.sts_endpoint or self.endpoint or self._amazon("sts"))
        return None

    @property
    def login(self) -> str:
        """Whose credentials are used, for a reader."""
        key = self.access_key_id
        return f"access key {key}" if key else f"profile {self.profile}" if self.profile else "the AWS credential chain"

    @property
    def put_arguments(self) -> dict[str, str]:
        """Further arguments of PutObject."""
        arguments = {"ServerSideEncryption": self.encryption, "SSEKMSKeyId": self.kms_key_id}
        return {name: value for name, value in arguments.items() if value}

    def grant(self, verb: Verb) -> str:
        """Return the permission that ``verb`` needs."""
        resource = self.arn if verb == "list" else f"{self.arn}/{self.folder}*"
        return f"s3:{_ACTIONS[verb]} on {resource}"

    def _amazon(self, service: str) -> str:
        region = self.region or "us-east-1"
        return f"https://{service}.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def plan(settings: S3Settings) -> Plan:
    """Say what the check would touch."""
    address = settings.store_address
    return object_storage.plan(
        f"s3://{settings.bucket}/{settings.folder}" if settings.bucket else None,
        account=address.partition("://")[2],
        connects=tuple(dict.fromkeys(filter(None, (address, settings.sts_address)))),
        principal=settings.role_arn or settings.login,
        grant=settings.grant,
        write=settings.write,
    )


@check("storage", "s3", settings=S3Settings, plan=plan)
def verify(settings: S3Settings, probe: Probe) -> None:
    """Reach the store, find credentials, then list, write, read back and delete under the prefix."""
    probe.driver("boto3", "s3")
    session, address = s3_session.declared(settings, probe)
    probe.reach_url(address, ca_file=settings.ca_file)
    session = s3_session.logged_in(session, settings, probe)
    s3_session.note_principal(session, settings, probe)
    if not settings.bucket:
        message = "the store was reached and credentials were found; no bucket was verified"
        probe.warn("config.object_not_given", message, "bucket (storage_bucket)")
        return
    bucket = S3Bucket(
        s3_session.client(session, "s3", settings, probe.remaining),
        settings.bucket,
        grant=settings.grant,
        put=settings.put_arguments,
        who=settings.login,
    )
    object_storage.verify(probe, bucket, settings.folder)
    probe.fact(region=bucket.region, versioning=bucket.versioning)
