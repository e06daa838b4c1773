"""One Cloud Storage bucket through google-cloud-storage.

Protocol: https://cloud.google.com/storage/docs/json_api; its errors: .../json_api/v1/status-codes there.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from pytest_floe import Finding

from . import google_refusals, object_storage
from .object_storage import Bucket, Entry, Explain, Kept, Refusal, Verb

_CAUSES = {
    "authError": "authenticate.rejected",
    "accountDisabled": "operate.exhausted",
    "billingNotEnabled": "operate.exhausted",
    "rateLimitExceeded": "operate.not_ready",
    "userRateLimitExceeded": "operate.not_ready",
    "retentionPolicyNotMet": "operate.retained",
    "objectUnderActiveHold": "operate.retained",
}

_UNPAID = "no user project provided"

_SOFT_DELETED_UNKNOWN = "whether soft delete keeps the canary: soft-deleted objects may not be listed"


class GcsBucket(Bucket):
    """The bucket ``name`` through ``client``.

    ``grant`` names the permission of a verb, ``who`` says whose credentials these are and ``scope`` what they must be
    for, ``remaining`` the seconds left.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        grant: Callable[[Verb], str],
        scope: str,
        who: str,
        remaining: Callable[[], float],
    ) -> None:
        self.url = f"gs://{name}/"
        self._client = client
        self._bucket = client.bucket(name)
        self._grant = grant
        self._scope = scope
        self._who = who
        self._remaining = remaining

    @property
    def _once(self) -> dict[str, Any]:
        """Try once, for as long as there is time, so that a fault shows as itself."""
        return {"retry": None, "timeout": self._remaining()}

    def objects(self, prefix: str) -> list[Entry]:
        """Return the first page."""
        return [Entry(blob.name, blob.size or 0) for blob in self._page(prefix=prefix)]

    def location(self) -> str | None:
        """Return where the bucket is; None if the principal may not know."""
        return self._bucket.location if self.look(self._reload) else None

    def retention(self) -> str | None:
        """Look at retention policy and default hold, if the principal may know them."""
        if self.look(self._reload):
            if self._bucket.retention_period:
                return f"the bucket's retention policy keeps every object for {self._bucket.retention_period} s"
            if self._bucket.default_event_based_hold:
                return "the bucket puts a hold on every new object"
        return None

    def write(self, key: str, body: bytes, made: Callable[[], None]) -> None:
        """Upload the object."""
        self._bucket.blob(key).upload_from_string(body, content_type="text/plain", **self._once)
        made()

    def read(self, key: str) -> bytes:
        """Download the object."""
        body: bytes = self._bucket.blob(key).download_as_bytes(**self._once)
        return body

    def read_byte(self, key: str) -> None:
        """Download the first byte, as it is stored."""
        self._bucket.blob(key).download_as_bytes(start=0, end=0, raw_download=True, checksum=None, **self._once)

    def delete(self, key: str) -> None:
        """Delete as a workload does; in a versioned bucket the object becomes a noncurrent generation."""
        self._delete(key)

    def purge(self, key: str) -> list[Kept]:
        """Delete noncurrent generations; return those that soft delete keeps."""
        for blob in self._page(prefix=key, versions=True):
            if blob.name == key:
                self._delete(key, generation=blob.generation)
        kept = self.look(lambda: self._page(prefix=key, soft_deleted=True), _SOFT_DELETED_UNKNOWN) or []
        return [Kept(f"generation {blob.generation} (soft delete)", expires=True) for blob in kept if blob.name == key]

    def refusal(self, error: Exception) -> Refusal | None:
        """Read the errors of google-cloud-storage."""
        return _refusal(error)

    def explain(self, verb: Verb) -> Explain:
        """Map the errors of google-cloud-storage."""
        return lambda error: self._explain(error, verb)

    def _explain(self, error: Exception, verb: Verb) -> Finding | None:
        refusal = _refusal(error)
        if refusal is None:
            return None
        if hindrance := self._hindrance(refusal):
            causes, grant = {refusal.code: "authorize.denied"}, hindrance
            return object_storage.finding(refusal, verb, causes=causes, grant=grant, subject=self.url)
        subject = self._who if refusal.status == HTTPStatus.UNAUTHORIZED else self.url
        if _CAUSES.get(refusal.code) == "operate.exhausted":
            subject = f"billing of the project that has {self.url}"
        return object_storage.finding(refusal, verb, causes=_CAUSES, grant=self._grant(verb), subject=subject)

    def _hindrance(self, refusal: Refusal) -> str | None:
        """Return what is to be granted where it is no permission; None if it is one, or something else is wrong."""
        if _UNPAID in refusal.text:
            end = f"gcloud storage buckets update {self.url} --no-requester-pays"
            return f"requests without a project that pays for them: {end}"
        return google_refusals.hindrance(
            refusal.code,
            refusal.text,
            scope=self._scope,
            login=self._who,
            api=f"Cloud Storage API in the project of {self._who}",
            enable="storage.googleapis.com",
            prohibited=f"access to {self.url} from here (VPC Service Controls)",
        )

    def _delete(self, key: str, **which: Any) -> None:
        try:
            self._bucket.blob(key, **which).delete(**self._once)
        except Exception as error:
            if (refusal := _refusal(error)) is None or refusal.status != HTTPStatus.NOT_FOUND:
                raise

    def _reload(self) -> bool:
        self._bucket.reload(**self._once)
        return True

    def _page(self, **which: Any) -> list[Any]:
        page = next(self._client.list_blobs(self._bucket, **which, **self._once).pages)
        if page.raw_page.get("kind") != "storage#objects":
            raise Finding("operate.unexpected_response", "the answer to a listing is no list of objects")
        return list(page)


def _refusal(error: Exception) -> Refusal | None:
    code, errors = getattr(error, "code", None), getattr(error, "errors", None)
    if not isinstance(code, int) or errors is None:
        return None
    told: dict[str, Any] = next((one for one in errors if isinstance(one, dict)), {})
    # The exception's own message begins with the address that was asked, which may be longer than all it says.
    return Refusal(int(code), str(told.get("reason", "")), str(told.get("message") or getattr(error, "message", "")))
