"""One S3 bucket through boto3.

Protocol: https://docs.aws.amazon.com/AmazonS3/latest/API/; its error codes: ErrorResponses.html there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from pytest_floe import Finding, http_cause

from . import object_storage
from .object_storage import Bucket, Entry, Explain, Kept, Refusal, Verb
from .rest import bounded

CAUSES = {
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidTokenId", "ExpiredToken",
         "ExpiredTokenException", "TokenRefreshRequired", "InvalidSecurity", "InvalidClientTokenId",
         "UnrecognizedClientException", "AuthorizationHeaderMalformed", "NotSignedUp", "MissingSecurityHeader"),
        "authenticate.rejected",
    ),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), "authenticate.clock_skew"),
    **dict.fromkeys(("NoSuchBucket", "NoSuchKey"), "operate.not_found"),
    **dict.fromkeys(("PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException"),
                    "operate.wrong_region"),
    **dict.fromkeys(("SlowDown", "ServiceUnavailable", "Throttling", "XMinioServerNotInitialized"),
                    "operate.not_ready"),
    **dict.fromkeys(("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded"), "operate.out_of_space"),
    **dict.fromkeys(("KMS.NotFoundException", "kms:KeyNotFound"), "operate.not_found"),
    **dict.fromkeys(("KMS.DisabledException", "KMS.InvalidStateException", "KMS.KMSInvalidStateException",
                     "KMS.KeyUnavailableException"), "operate.not_ready"),
    "RequestTimeout": "timeout",
}  # fmt: skip
#: AWS names the action and object it refused: docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_DENIED_BY = re.compile(r"with an explicit deny(?: in (an? [\w -]+))?")
_REFUSED = re.compile(r"not authorized to perform: (\S+) on resource: \"?([^\s\"]+)")

#: Storage classes whose objects are restored before they are read.
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_NOT_LISTED = "s3:ListBucketVersions is not granted"
_VERSIONS_UNKNOWN = f"whether versions are kept: {_NOT_LISTED}"


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
        self._markers: dict[str, set[str]] = {}
        # botocore follows the store to the right region by itself; other clients of the workload do not.
        client.meta.events.register("needs-retry.s3", self._notice_region)

    def objects(self, prefix: str) -> list[Entry]:
        """Return the first page; raises Finding if the bucket is in another region than configured."""
        # HeadBucket would not do: its errors have no body, so a wrong key and a missing grant look alike.
        answer = self._client.list_objects_v2(Bucket=self._name, Prefix=prefix)
        if "Name" not in answer:
            raise Finding("operate.unexpected_response", "the answer to ListObjectsV2 names no bucket")
        self._compare_region(answer)
        return [
            Entry(found["Key"], found["Size"], archived=found.get("StorageClass") in _ARCHIVES)
            for found in answer.get("Contents", ())
        ]

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
        answer = self._client.put_object(Bucket=self._name, Key=key, Body=body, **self._put)
        _remember(self._versions, key, answer)
        made()

    def read(self, key: str) -> bytes:
        """Get the object."""
        with closing(self._client.get_object(Bucket=self._name, Key=key)["Body"]) as body:
            return b"".join(bounded(body.iter_chunks(), self.url, math.inf))

    def read_byte(self, key: str) -> None:
        """Get the first byte of the object."""
        with closing(self._client.get_object(Bucket=self._name, Key=key, Range="bytes=0-0")["Body"]) as body:
            body.read(1)

    def delete(self, key: str) -> None:
        """Delete as a workload does; in a versioned bucket that adds a delete marker, which is remembered."""
        _remember(self._markers, key, self._client.delete_object(Bucket=self._name, Key=key))

    def purge(self, key: str) -> list[Kept]:
        """Delete every version by its id, then the markers, which takes a permission that few workloads have."""
        listed = self._look(self._client.list_object_versions, Prefix=key)
        versions = self._versions.get(key, set()) | _ids(listed, "Versions", key)
        markers = self._markers.get(key, set()) | _ids(listed, "DeleteMarkers", key)
        if listed is None and (versions or markers):
            self.not_verified = (_VERSIONS_UNKNOWN,)
        # A marker goes last, and only if nothing is beneath it: else what stays would be the current object again.
        if listed is None and markers and key not in self._versions:
            return [Kept(f"what is beneath its delete marker ({_NOT_LISTED})")]
        kept = self._delete_versions(key, versions - markers)
        if kept:
            return kept + [Kept(f"delete marker {marker}, which hides that") for marker in sorted(markers)]
        kept = self._delete_versions(key, markers)
        self._versions.pop(key, None)
        self._markers.pop(key, None)
        return kept

    def note_version(self, key: str) -> None:
        """See by an object whether versions are kept, where that could not be asked; reading it is enough for that."""
        if self.versioning == "unknown" and (answer := self._look(self._client.head_object, Key=key)):
            self.versioning = "Enabled" if answer.get("VersionId") else "Disabled"

    def purge_under(self, prefix: str, name: str) -> list[Kept]:
        """Purge all that is kept under ``prefix`` of keys with ``name`` in them; return what stays, with its key."""
        listed = self._look(self._client.list_object_versions, Prefix=prefix)
        if listed is None:
            return self._unlisted(prefix)
        keys = sorted({entry["Key"] for kind in ("Versions", "DeleteMarkers") for entry in listed.get(kind, ())})
        kept = [Kept(f"versions of {key}, which does not carry the table's name") for key in keys if name not in key]
        ours = [(key, copy) for key in keys if name in key for copy in self.purge(key)]
        return kept + [Kept(f"{copy.what} of {key}") for key, copy in ours]

    def _unlisted(self, prefix: str) -> list[Kept]:
        if self.versioning == "unknown":
            self.not_verified = (_VERSIONS_UNKNOWN,)
        if self.versioning in ("unknown", "Disabled"):
            return []
        return [Kept(f"versions of what lay under {prefix} ({_NOT_LISTED})")]

    def refusal(self, error: Exception) -> Refusal | None:
        """Read botocore's errors."""
        return refusal_of(error)

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
        if denied := _DENIED_BY.search(refusal.text):
            policy = denied[1] or "a policy of the bucket or the account"
            grant = f"{grant} (an explicit deny in {policy} forbids it: end that deny)"
        rejected = "authenticate.rejected" in (CAUSES.get(refusal.code), http_cause(refusal.status))
        subject = self._who if rejected else self._key if refusal.code.lower().startswith("kms") else self.url
        return object_storage.finding(refusal, verb, causes=CAUSES, grant=grant, subject=subject)

    @property
    def _key(self) -> str:
        """How a remedy calls the key that objects are encrypted with."""
        given = self._put.get("SSEKMSKeyId")
        return f"kms_key_id {given}" if given else f"the key that {self.url} encrypts with by default"

    def _delete_versions(self, key: str, versions: set[str]) -> list[Kept]:
        kept = []
        for version in sorted(versions):
            try:
                self._client.delete_object(Bucket=self._name, Key=key, VersionId=version)
            except Exception as error:
                refusal = refusal_of(error)
                if refusal is None or not refusal.declines:
                    raise
                kept.append(Kept(f"version {version} ({refusal.code} for s3:DeleteObjectVersion)"))
        return kept

    def _look(self, ask: Callable[..., dict[str, Any]], **arguments: str) -> dict[str, Any] | None:
        return self.look(lambda: ask(Bucket=self._name, **arguments))

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


def _remember(ids: dict[str, set[str]], key: str, answer: dict[str, Any]) -> None:
    """Note the version of ``answer``; an answer without one says that there is none to be removed."""
    ids.setdefault(key, set()).update(filter(None, [answer.get("VersionId")]))


def _ids(listed: dict[str, Any] | None, kind: str, key: str) -> set[str]:
    return {entry["VersionId"] for entry in (listed or {}).get(kind, ()) if entry["Key"] == key}
