"""OAuth2 client credentials (RFC 6749, 4.4): clients, tokens, and what a token allows."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from pytest_floe.local.catalog_errors import CatalogError, OAuthError
from pytest_floe.local.configs import Principal


@dataclass(frozen=True)
class Grant:
    """What one token allows to one client, until ``expires`` (monotonic clock)."""

    client_id: str
    actions: frozenset[str]
    expires: float

    def demand(self, action: str) -> None:
        """Raise CatalogError 403 unless the token allows ``action``."""
        if action not in self.actions:
            message = f"Principal '{self.client_id}' is not authorized for op {action.upper()} with this token's scope"
            raise CatalogError(403, "ForbiddenException", message)


class TokenIssuer:
    """Issues opaque bearer tokens that live ``lifetime`` seconds."""

    def __init__(self, principals: list[Principal], lifetime: int) -> None:
        self._principals = {principal.client_id: principal for principal in principals}
        self._lifetime = lifetime
        self._grants: dict[str, Grant] = {}

    def issue(self, body: bytes, authorization: str | None) -> dict[str, Any]:
        """Answer a token request, given its form and Authorization header; raises OAuthError."""
        form = {name: values[-1] for name, values in parse_qs(body.decode(errors="replace")).items()}
        if form.get("grant_type") != "client_credentials":
            raise OAuthError(400, "unsupported_grant_type", "Only client_credentials is supported")
        principal = self._authenticate(*_client(form, authorization))
        scope = form.get("scope", "")
        token = secrets.token_urlsafe(32)
        self._grants[token] = Grant(principal.client_id, _actions(principal, scope), time.monotonic() + self._lifetime)
        return {
            "access_token": token,
            "token_type": "bearer",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "expires_in": self._lifetime,
            "scope": scope,
        }

    def grant(self, authorization: str | None) -> Grant:
        """Return what the bearer token of a request allows; raises CatalogError 401."""
        scheme, _, token = (authorization or "").partition(" ")
        grant = self._grants.get(token) if scheme.lower() == "bearer" else None
        if grant is None:
            raise CatalogError(401, "NotAuthorizedException", "Missing or unknown bearer token")
        if time.monotonic() >= grant.expires:
            raise CatalogError(401, "NotAuthorizedException", "The bearer token has expired")
        return grant

    def _authenticate(self, client_id: str, client_secret: str) -> Principal:
        principal = self._principals.get(client_id)
        expected = principal.client_secret if principal else ""
        matches = secrets.compare_digest(expected.encode(), client_secret.encode())
        if principal is None or not matches:
            raise OAuthError(401, "invalid_client", "The client credentials are not valid")
        return principal


def _client(form: dict[str, str], authorization: str | None) -> tuple[str, str]:
    """Return client id and secret from the Basic header or the form (RFC 6749, 2.3.1)."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OAuthError(400, "invalid_request", "The Basic header is malformed") from error
    return unquote_plus(client_id), unquote_plus(secret)


def _actions(principal: Principal, scope: str) -> frozenset[str]:
    wanted = scope.split()
    unknown = [name for name in wanted if name not in principal.scopes]
    if unknown:
        raise OAuthError(400, "invalid_scope", f"The scope {unknown[0]!r} is unknown or not granted to this client")
    return frozenset(action for name in wanted for action in principal.scopes[name])
