"""Logging in to Google's services: a key, a workload identity, or application default credentials."""

from __future__ import annotations

import functools
import importlib
import json
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from pytest_floe import Finding, Probe, shortened

from . import guarded_requests

ISSUER = "https://oauth2.googleapis.com:443"
_WAYS_TO_LOG_IN = "credentials_file, credentials_json, or a service account of this machine or pod"
_CLOCK = ("short-lived token", "Token used too early", "iat")


class Login(Protocol):
    """What the settings of a Google service say about logging in."""

    @property
    def endpoint(self) -> str | None:
        """Address of the service, where it is not Google's public one."""

    @property
    def credentials_file(self) -> Path | None:
        """JSON file of a key or of a workload identity."""

    @property
    def credentials_json(self) -> SecretStr | None:
        """What such a file holds."""

    @property
    def anonymous(self) -> bool:
        """Whether to send no credentials."""

    @property
    def ca_file(self) -> Path | None:
        """Authorities to trust."""

    @property
    def login(self) -> str:
        """Whose credentials are used, for a reader."""


def logged_in(settings: Login, probe: Probe, scopes: tuple[str, ...]) -> Any:
    """Return credentials that hold a token for ``scopes``."""
    with probe.step("authenticate", lambda error: _explain(error, settings)):
        credentials = _declared(settings, scopes)
        if not settings.anonymous:
            # A private authority for a private endpoint says nothing about Google's own issuer.
            authorities = None if settings.endpoint else settings.ca_file
            requests = part("requests")
            issuer = guarded_requests.session(
                requests, guarded_requests.adapter(requests, probe.remaining, authorities)
            )
            # Left alone, the SDK gives the issuer two minutes.
            ask = part("google.auth.transport.requests").Request(issuer)
            credentials.refresh(functools.partial(ask, timeout=probe.remaining()))
            probe.secret(credentials.token)
            probe.principal(getattr(credentials, "service_account_email", None) or settings.login)
    return credentials


def session(settings: Login, probe: Probe, credentials: Any, **options: Any) -> Any:
    """Return what the SDKs of Google's services send their requests by."""
    authorized = part("google.auth.transport.requests").AuthorizedSession(credentials, **options)
    guard = guarded_requests.adapter(part("requests"), probe.remaining, settings.ca_file)
    guarded_requests.mount(authorized, guard)
    return authorized


def part(name: str) -> Any:
    """Return a module of the driver, which is imported only where a target needs it."""
    return importlib.import_module(name)


def _declared(settings: Login, scopes: tuple[str, ...]) -> Any:
    if settings.anonymous:
        return part("google.auth.credentials").AnonymousCredentials()
    if settings.credentials_json:
        told = json.loads(settings.credentials_json.get_secret_value())
    elif settings.credentials_file:
        told = json.loads(settings.credentials_file.read_text())
    else:
        return part("google.auth").default(scopes=scopes)[0]
    if told.get("type") == "service_account":
        return part("google.oauth2.service_account").Credentials.from_service_account_info(told, scopes=scopes)
    return part("google.auth").load_credentials_from_dict(told, scopes=scopes)[0]


def _explain(error: Exception, settings: Login) -> Finding | None:
    names = {cls.__name__ for cls in type(error).__mro__}
    text = shortened(str(error), 250)
    if "DefaultCredentialsError" in names:
        return Finding("config.missing_credentials", text, _WAYS_TO_LOG_IN)
    if names & {"FileNotFoundError", "JSONDecodeError", "MalformedError", "ValueError"}:
        return Finding("config.missing_credentials", f"{settings.login} is no key: {text}", _WAYS_TO_LOG_IN)
    if "RefreshError" in names:
        return _explain_refusal(error, text, settings)
    return None


def _explain_refusal(error: Exception, text: str, settings: Login) -> Finding:
    if getattr(error, "retryable", False):
        return Finding("operate.not_ready", f"the token issuer answered: {text}", "the token issuer")
    cause = "authenticate.clock_skew" if any(hint in text for hint in _CLOCK) else "authenticate.rejected"
    return Finding(cause, f"the token issuer answered: {text}", settings.login)
