"""Is the Cloud Storage bucket there, and may this principal list, write, read and delete in it?"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import field_validator, model_validator

from pytest_floe import Plan, Probe, Secret, Settings, Url, check, setting

from . import gcs_session, google_login, object_storage
from .gcs_bucket import GcsBucket
from .object_storage import Verb
from .plain_text import refuse_plain_text

_GOOGLE = "https://storage.googleapis.com"
_PERMISSIONS = {verb: f"storage.objects.{verb}" for verb in ("list", "delete")} | {
    "read": "storage.objects.get",
    "write": "storage.objects.create",
}


class GcsSettings(Settings):
    """Settings of a Google Cloud Storage bucket."""

    flat: ClassVar[dict[str, str]] = {"storage_bucket": "bucket"}

    bucket: str | None = setting(None, "Name of the bucket.")
    prefix: str | None = setting(None, "Folder that the workload writes to; canaries are written there.")
    project: str | None = setting(None, "Project of the bucket.", env=("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"))
    location: str | None = setting(None, "Location the bucket must have; looking takes storage.buckets.get.")
    endpoint: Url | None = setting(
        None, "Address of the service, where it is not Google's public one.", env=("STORAGE_EMULATOR_HOST",)
    )
    credentials_file: Path | None = setting(
        None,
        "JSON file of a service account's key or of a workload identity; application default credentials if not given.",
        env=("GOOGLE_APPLICATION_CREDENTIALS",),
    )
    credentials_json: Secret | None = setting(None, "What such a file holds, by reference.")
    anonymous: bool = setting(False, "Send no credentials, as for public buckets and emulators.")
    ca_file: Path | None = setting(
        None,
        "PEM file of the authorities to trust, instead of the system's; of the endpoint's only, where one is given.",
        env=("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    )
    accept_soft_delete: bool = setting(
        False, "Take it for removed when soft delete keeps the canary restorable for a while; else that is a warning."
    )
    write: bool = setting(True, "Write a canary object, read it back and delete it.")

    @field_validator("bucket")
    @classmethod
    def _is_a_name(cls, bucket: str | None) -> str | None:
        if bucket and "/" in bucket:
            raise ValueError("is no name of a bucket: write the name alone, without gs://; folders go to prefix")
        return bucket

    @model_validator(mode="after")
    def _tokens_travel_encrypted(self) -> Self:
        if not self.anonymous:
            refuse_plain_text({"endpoint": self.endpoint}, ", or set anonymous")
        return self

    @property
    def address(self) -> str:
        """URL of the service."""
        return self.endpoint or _GOOGLE

    @property
    def folder(self) -> str:
        """Prefix of every key."""
        return object_storage.folder(self.prefix)

    @property
    def login(self) -> str:
        """Whose credentials are used, for a reader."""
        if self.anonymous:
            return "anonymous"
        if self.credentials_json:
            return "credentials_json"
        return f"key file {self.credentials_file}" if self.credentials_file else "application default credentials"

    def grant(self, verb: Verb) -> str:
        """Return the permission that ``verb`` needs."""
        return f"{_PERMISSIONS[verb]} on gs://{self.bucket}/{'' if verb == 'list' else self.folder}"


def plan(settings: GcsSettings) -> Plan:
    """Say what the check would touch."""
    address = object_storage.address(settings.address)
    return object_storage.plan(
        f"gs://{settings.bucket}/{settings.folder}" if settings.bucket else None,
        account=address.partition("://")[2],
        connects=(address,) if settings.anonymous else (address, google_login.ISSUER),
        principal=settings.login,
        grant=settings.grant,
        write=settings.write,
    )


@check("storage", "gcs", settings=GcsSettings, plan=plan)
def verify(settings: GcsSettings, probe: Probe) -> None:
    """Reach the service, get a token, then list, write, read back and delete under the prefix."""
    probe.driver("google.cloud.storage", "gcs")
    probe.reach_url(settings.address, ca_file=settings.ca_file)
    client = gcs_session.client(settings, probe, google_login.logged_in(settings, probe, gcs_session.SCOPES))
    if not settings.bucket:
        message = "the service was reached and gave a token; no bucket was verified"
        probe.warn("config.object_not_given", message, "bucket (storage_bucket)")
        return
    bucket = GcsBucket(
        client,
        settings.bucket,
        grant=settings.grant,
        scope=gcs_session.SCOPES[0],
        who=settings.login,
        remaining=probe.remaining,
    )
    bucket.accepts_soft_delete = settings.accept_soft_delete
    object_storage.verify(probe, bucket, settings.folder)
    if settings.location:
        with probe.step("operate.location", bucket.explain("list")):
            _compare_location(probe, bucket, settings.location)


def _compare_location(probe: Probe, bucket: GcsBucket, location: str) -> None:
    found = bucket.location()
    if found is None:
        message = f"the location of {bucket.url} may not be read, so {location} was not verified"
        probe.warn("authorize.read_denied", message, f"storage.buckets.get on {bucket.url}, or leave location out")
    elif found.upper() != location.upper():
        probe.fail("operate.wrong_region", f"{bucket.url} is in {found}, not in {location}", f"location: {found}")
