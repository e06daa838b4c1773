"""Logging in to Google Cloud Storage: a key, a workload identity, or application default credentials."""

from __future__ import annotations

import functools
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_floe import Finding, Probe

if TYPE_CHECKING:
    from .gcs import GcsSettings

_SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)
_WAYS_TO_LOG_IN = "credentials_file, credentials_json, or a service account of this machine or pod"
_CLOCK = ("short-lived token", "Token used too early", "iat")


def logged_in(settings: GcsSettings, probe: Probe) -> Any:
    """Return credentials that hold a token."""
    with probe.step("authenticate", lambda error: _explain(error, settings)):
        credentials = _declared(settings)
        if not settings.anonymous:
            issuer = _part("requests").Session()
            if not settings.endpoint:
                _trust(issuer, settings.ca_file)
            # Left alone, the SDK gives the issuer two minutes.
            ask = _part("google.auth.transport.requests").Request(issuer)
            credentials.refresh(functools.partial(ask, timeout=probe.remaining()))
            probe.secret(credentials.token)
            probe.principal(getattr(credentials, "service_account_email", None) or settings.login)
    return credentials


def client(settings: GcsSettings, credentials: Any) -> Any:
    """Return the SDK's client."""
    session = _part("google.auth.transport.requests").AuthorizedSession(credentials)
    _trust(session, settings.ca_file)
    return _part("google.cloud.storage").Client(
        project=settings.project,
        credentials=credentials,
        _http=session,
        client_options={"api_endpoint": settings.address},
    )


def _trust(session: Any, ca_file: Path | None) -> None:
    if ca_file:
        # REQUESTS_CA_BUNDLE would outrank session.verify, but not the argument of a request.
        session.request = functools.partial(session.request, verify=str(ca_file))


def _part(name: str) -> Any:
    """Return a module of the driver, which is imported only where a target needs it."""
    return importlib.import_module(name)


def _declared(settings: GcsSettings) -> Any:
    if settings.anonymous:
        return _part("google.auth.credentials").AnonymousCredentials()
    if settings.credentials_json:
        told = json.loads(settings.credentials_json.get_secret_value())
    elif settings.credentials_file:
        told = json.loads(settings.credentials_file.read_text())
    else:
        return _part("google.auth").default(scopes=_SCOPES)[0]
    if told.get("type") == "service_account":
        return _part("google.oauth2.service_account").Credentials.from_service_account_info(told, scopes=_SCOPES)
    return _part("google.auth").load_credentials_from_dict(told, scopes=_SCOPES)[0]


def _explain(error: Exception, settings: GcsSettings) -> Finding | None:
    names = {cls.__name__ for cls in type(error).__mro__}
    text = " ".join(str(error).split())[:250]
    if "DefaultCredentialsError" in names:
        return Finding("config.missing_credentials", text, _WAYS_TO_LOG_IN)
    if names & {"FileNotFoundError", "JSONDecodeError", "MalformedError", "ValueError"}:
        return Finding("config.missing_credentials", f"{settings.login} is no key: {text}", _WAYS_TO_LOG_IN)
    if "RefreshError" in names:
        return _explain_refusal(error, text, settings)
    return None


def _explain_refusal(error: Exception, text: str, settings: GcsSettings) -> Finding:
    if getattr(error, "retryable", False):
        return Finding("operate.not_ready", f"the token issuer answered: {text}", "the token issuer")
    cause = "authenticate.clock_skew" if any(hint in text for hint in _CLOCK) else "authenticate.rejected"
    return Finding(cause, f"the token issuer answered: {text}", settings.login)
