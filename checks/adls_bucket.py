"""One container of a flat account through azure-storage-blob.

Protocol: https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api; errors: blob-service-error-codes
there.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from pytest_floe import Finding

from . import object_storage
from .object_storage import Bucket, Entry, Explain, Kept, Refusal, Verb

T = TypeVar("T")

#: What is not known if blobs may not be listed together with these.
_UNKNOWN = {
    "versions": "whether versions are kept: they may not be listed",
    "deleted": "whether soft delete keeps the canary: soft-deleted blobs may not be listed",
}
_CAUSES = {
    **dict.fromkeys(
        ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation",
         "PublicAccessNotPermitted"),
        "authenticate.rejected",
    ),
    "KeyBasedAuthenticationNotPermitted": "authenticate.not_admitted",
    **dict.fromkeys(("ContainerBeingDeleted", "FilesystemBeingDeleted", "AccountIsDisabled", "ServerBusy"),
                    "operate.not_ready"),
    **dict.fromkeys(("BlobImmutableDueToPolicy", "ContainerImmutableDueToPolicy", "PathImmutableDueToPolicy"),
                    "operate.retained"),
    "InvalidResourceName": "operate.not_found",
    "OperationTimedOut": "timeout",
}  # fmt: skip

#: What a signature lacks, whatever permissions it has.
_LACKING = {
    "AuthorizationServiceMismatch": "the blob service (ss=b)",
    "AuthorizationResourceTypeMismatch": "containers and objects (srt=co)",
    "AuthorizationProtocolMismatch": "https (spr=https)",
    "AuthorizationSourceIPMismatch": "the address of this machine (sip)",
}


def refusal_of(error: Exception) -> Refusal | None:
    """Return what the service answered; None if ``error`` is no answer of it."""
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return None
    code = getattr(error, "error_code", None) or ""
    text = str(getattr(error, "message", error)).partition("RequestId:")[0]
    return Refusal(status, str(getattr(code, "value", code)), text)


def explained(
    refusal: Refusal | None, verb: Verb, *, grant: str, who: str, url: str, asked: str | None = None
) -> Finding | None:
    """Return the finding for what the service answered."""
    if refusal is None:
        return None
    causes = dict(_CAUSES)
    if lacking := _LACKING.get(refusal.code):
        causes[refusal.code] = "authorize.denied"
        grant = f"{lacking} to the {who}"
    if refusal.code == "AuthorizationFailure":  # so it says both without the permission and behind the firewall
        grant = f"{grant}, and admit this machine in the network rules of the storage account"
    if "failed to authenticate" in refusal.text:
        skewed = "date header" in refusal.text.lower()
        causes[refusal.code] = "authenticate.clock_skew" if skewed else "authenticate.rejected"
    rejected = causes.get(refusal.code) == "authenticate.rejected" or refusal.status == HTTPStatus.UNAUTHORIZED
    subject = who if rejected else url
    if causes.get(refusal.code) == "authenticate.not_admitted":
        subject = f"the {who} (allow shared key access there), or log in through Entra"
    return object_storage.finding(refusal, verb, causes=causes, grant=grant, subject=subject, asked=asked)


def soft_deleted(copy: Any) -> Kept:
    """Say what soft delete keeps of a blob or path, and for how long."""
    return Kept(f"a soft-deleted copy ({copy.remaining_retention_days} days)", expires=True)


class Container(Bucket):
    """What both kinds of account share; ``client`` is the SDK's client of the container or file system."""

    def __init__(self, client: Any, *, url: str, grant: Callable[[Verb], str], who: str) -> None:
        self.url = url
        self._client = client
        self._grant = grant
        self._who = who

    def refusal(self, error: Exception) -> Refusal | None:
        """Read the errors of the Azure SDK."""
        return refusal_of(error)

    def explain(self, verb: Verb) -> Explain:
        """Map the errors of the Azure SDK."""
        return lambda error: explained(refusal_of(error), verb, grant=self._grant(verb), who=self._who, url=self.url)

    def retention_of(self, properties: Any) -> str | None:
        """Say what of a container's properties keeps objects from being deleted."""
        if properties and properties.has_immutability_policy:
            return "the container has an immutability policy"
        if properties and properties.has_legal_hold:
            return "the container is under legal hold"
        return None

    def unless_missing(self, ask: Callable[[], T]) -> T | None:
        """Ask; None if the service says that there is no such object."""
        try:
            return ask()
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None or refusal.status != HTTPStatus.NOT_FOUND or refusal.code.startswith(("Cont", "Files")):
                raise
            return None


class BlobContainer(Container):
    """The container as the blob endpoint shows it."""

    def objects(self, prefix: str) -> list[Entry]:
        """Return the first page."""
        return [Entry(blob.name, blob.size or 0, archived=blob.blob_tier == "Archive") for blob in self._page(prefix)]

    def retention(self) -> str | None:
        """Look at immutability policy and legal hold, if the principal may know them."""
        return self.retention_of(self.look(self._client.get_container_properties))

    def write(self, key: str, body: bytes, made: Callable[[], None]) -> None:
        """Upload the blob."""
        self._client.upload_blob(key, body, overwrite=False)
        made()

    def read(self, key: str) -> bytes:
        """Download the blob."""
        body: bytes = self._client.download_blob(key).readall()
        return body

    def read_byte(self, key: str) -> None:
        """Download the first byte."""
        self._client.download_blob(key, offset=0, length=1).readall()

    def delete(self, key: str) -> None:
        """Delete as a workload does; where versions are kept, the blob becomes one."""
        self.unless_missing(lambda: self._client.delete_blob(key))

    def purge(self, key: str) -> list[Kept]:
        """Delete versions; return those that may not be deleted, and what soft delete keeps."""
        versions = [blob.version_id for blob in self._kept(key, "versions") if blob.version_id]
        stuck = [version for version in versions if not self._deleted(key, version)]
        kept = [Kept(f"version {version} (may not be deleted)") for version in stuck]
        deleted = [blob for blob in self._kept(key, "deleted") if blob.deleted]
        return kept + [soft_deleted(blob) for blob in deleted]

    def _deleted(self, key: str, version: str) -> bool:
        return self.look(lambda: self._client.delete_blob(key, version_id=version) or True) is not None

    def _kept(self, key: str, what: str) -> list[Any]:
        found = self.look(lambda: self._page(key, include=[what]), _UNKNOWN[what]) or []
        return [blob for blob in found if blob.name == key]

    def _page(self, prefix: str, **which: Any) -> list[Any]:
        pages = self._client.list_blobs(name_starts_with=prefix or None, **which).by_page()
        page = list(next(pages))
        if not pages.service_endpoint:
            raise Finding("operate.unexpected_response", "the answer to a listing is no list of blobs")
        return page
