"""The client of Google Cloud Storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .google_login import part, trust

if TYPE_CHECKING:
    from .gcs import GcsSettings

SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)


def client(settings: GcsSettings, credentials: Any) -> Any:
    """Return the SDK's client."""
    session = part("google.auth.transport.requests").AuthorizedSession(credentials)
    trust(session, settings.ca_file)
    return part("google.cloud.storage").Client(
        project=settings.project,
        credentials=credentials,
        _http=session,
        client_options={"api_endpoint": settings.address},
    )
