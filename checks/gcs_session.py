"""The client of Google Cloud Storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import google_login

if TYPE_CHECKING:
    from pytest_floe import Probe

    from .gcs import GcsSettings

SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)


def client(settings: GcsSettings, probe: Probe, credentials: Any) -> Any:
    """Return the SDK's client."""
    made = google_login.part("google.cloud.storage").Client(
        project=settings.project,
        credentials=credentials,
        _http=google_login.session(settings, probe, credentials, refresh_status_codes=()),
        client_options={"api_endpoint": settings.address},
    )
    # For its own telemetry, the SDK would read the bucket in a thread that no deadline ends.
    made._bucket_metadata_cache = None  # noqa: SLF001
    return made
