"""One S3 bucket through boto3.

Protocol: https://docs.aws.amazon.com/AmazonS3/latest/API/; its error codes: ErrorResponses.html there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pytest_floe import Finding

from . import object_storage
from .object_storage import Bucket, Entry, Explain, Kept, Refusal, Verb

CAUSES = {
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "ExpiredTokenException",
         "TokenRefreshRequired", "InvalidSecurity", "InvalidClientTokenId", "UnrecognizedClientException",
         "AuthorizationHeaderMalformed", "NotSignedUp", "MissingSecurityHeader"),
        "authenticate.rejected",
    ),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), "authenticate.clock_skew"),
    **dict.fromkeys(("NoSuchBucket", "NoSuchKey"), "operate.not_found"),
    **dict.fromkeys(("PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException"),
                    "operate.wrong_region"),
    **dict.fromkeys(("SlowDown", "ServiceUnavailable", "Throttling", "XMinioServerNotInitialized"),
                    "operate.not_ready"),
    **dict.fromkeys(("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded"), "operate.out_of_space"),
    "RequestTimeout": "timeout",
}  # fmt: skip
#: AWS names the action and object it refused: docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_REFUSED = re.compile(r"not authorized to perform: (\S+) on resource: \"?([^\s\"]+)")


def refusal_of(error: Exception) -> Refusal | None:
    response = getattr(error, "response", None)
    if not isinstance(response, dict) or "Error" not in response:
        return None
    told = response["Error"]
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return Refusal(status, str(told.get("Code", "")), str(told.get("Message", "")))


class S3Bucket(Bucket):
    """The bucket ``name`` through ``client``.

    ``grant`` names the permission of a verb, ``put`` holds further arguments of PutObject (encryption), ``who`` says
    whose credentials these are.
    """

    def __init__(
        self, client: Any, name: str, *, grant: Callable[[Verb], str], put: Mapping[str, str], who: str
    ) -> None:
        self.url = f"s3://{name}/"
        self.region: str = client.meta.region_name
        self.versioning = "unknown"
        self._client = client
        self._name = name
        self._grant = grant
        self._put = put
        self._who = who
        self._versions: dict[str, set[str]] = {}
        # botocore follows the store to the right region by itself; other clients of the workload do not.
        client.meta.events.register("needs-retry.s3", self._notice_region)

    def objects(self, prefix: str) -> list[Entry]:
        """Return the first page; raises Finding if the bucket is in another region than configured."""
        # HeadBucket would not do: its errors have no body, so a wrong key and a missing grant look alike.
        answer = self._client.list_objects_v2(Bucket=self._name, Prefix=prefix)
        if "Name" not in answer:
            raise Finding("operate.unexpected_response", "the answer to ListObjectsV2 names no bucket", self.url)
        self._compare_region(answer)
        return [Entry(found["Key"], found["Size"]) for found in answer.get("Contents", ())]

    def retention(self) -> str | None:
        """Look at versioning and at object lock's default, which would hold the canary."""
        versioning = self._look(self._client.get_bucket_versioning)
        if versioning is not None:
            self.versioning = versioning.get("Status", "Disabled")
        lock = (self._look(self._client.get_object_lock_configuration) or {}).get("ObjectLockConfiguration", {})
        rule = lock.get("Rule", {}).get("DefaultRetention", {})
        if not rule.get("Mode"):
            return None
        period = f"{rule['Days']} days" if rule.get("Days") else f"{rule.get('Years')} years"
        return f"object lock keeps every new object of {self._name} for {period} ({rule['Mode']})"

    def write(self, key: str, body: bytes, made: Callable[[], None]) -> None:
        """Put the object, and remember the version it became."""
        self._remember(key, self._client.put_object(Bucket=self._name, Key=key, Body=body, **self._put))
        made()

    def read(self, key: str) -> bytes:
        """Get the object."""
        body: bytes = self._client.get_object(Bucket=self._name, Key=key)["Body"].read()
        return body

    def read_byte(self, key: str) -> None:
        """Get the first byte of the object."""
        self._client.get_object(Bucket=self._name, Key=key, Range="bytes=0-0")["Body"].read()

    def delete(self, key: str) -> None:
        """Delete as a workload does; in a versioned bucket that adds a delete marker, which is remembered."""
        self._remember(key, self._client.delete_object(Bucket=self._name, Key=key))

    def purge(self, key: str) -> list[Kept]:
        """Delete every version and marker by its id, which takes a permission that few workloads have."""
        kept = []
        for version in sorted(self._versions.pop(key, set()) | self._listed_versions(key)):
            try:
                self._client.delete_object(Bucket=self._name, Key=key, VersionId=version)
            except Exception as error:
                refusal = refusal_of(error)
                if refusal is None:
                    raise
                kept.append(Kept(f"version {version} ({refusal.code} for s3:DeleteObjectVersion)"))
        return kept

    def explain(self, verb: Verb) -> Explain:
        """Map botocore's errors."""
        return lambda error: self._explain(error, verb)

    def _explain(self, error: Exception, verb: Verb) -> Finding | None:
        refusal = refusal_of(error)
        if refusal is None:
            return None
        if self.region != self._client.meta.region_name:
            return self._wrong_region()
        named = _REFUSED.search(refusal.text)
        grant = f"{named[1]} on {named[2]}" if named else self._grant(verb)
        rejected = CAUSES.get(refusal.code) == "authenticate.rejected"
        return object_storage.finding(
            refusal, verb, causes=CAUSES, grant=grant, subject=self._who if rejected else self.url
        )

    def _remember(self, key: str, answer: dict[str, Any]) -> None:
        if version := answer.get("VersionId"):
            self._versions.setdefault(key, set()).add(version)

    def _listed_versions(self, key: str) -> set[str]:
        listed = self._look(self._client.list_object_versions, Prefix=key) or {}
        found = [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]
        return {entry["VersionId"] for entry in found if entry["Key"] == key}

    def _look(self, ask: Callable[..., dict[str, Any]], **arguments: str) -> dict[str, Any] | None:
        """Ask for what a workload's role often may not know, and some stores do not implement."""
        try:
            return ask(Bucket=self._name, **arguments)
        except Exception as error:
            if refusal_of(error) is None:
                raise
            return None

    def _notice_region(self, response: tuple[Any, dict[str, Any]] | None = None, **_: Any) -> None:
        """Note where the store says the bucket is; even refusals carry it."""
        answer = response[1] if response else {}
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        self.region = answer.get("Error", {}).get("Region") or headers.get("x-amz-bucket-region") or self.region

    def _compare_region(self, answer: dict[str, Any]) -> None:
        if "x-amz-bucket-region" not in answer["ResponseMetadata"]["HTTPHeaders"]:
            self._look(self._client.head_bucket)
        if self.region != self._client.meta.region_name:
            raise self._wrong_region()

    def _wrong_region(self) -> Finding:
        told = self._client.meta.region_name
        message = f"bucket {self._name} is in {self.region}, not in {told}"
        return Finding("operate.wrong_region", message, f"region: {self.region}")
