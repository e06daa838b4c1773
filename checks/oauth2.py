"""OAuth2 client credentials (RFC 6749, 4.4): from a client's secret to a bearer token."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_floe import Finding, Probe, shortened

from .rest import Json, RefusedError, Rest, shape
from .scratch_table import Explain

_REJECTED = ("invalid_client", "unauthorized_client", "invalid_grant", "access_denied")


@dataclass(frozen=True)
class Client:
    """Who asks for a token, where, and for what scope."""

    endpoint: str
    client_id: str
    secret: str
    scope: str

    def form(self) -> dict[str, str]:
        """Return the fields of the request; the credentials travel in it, as the Iceberg specification shows them."""
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.secret}
        return {**form, "scope": self.scope} if self.scope else form


def fetch_token(probe: Probe, rest: Rest, client: Client, headers: dict[str, str], otherwise: Explain) -> str:
    """Return a bearer token, registered as a secret; its lifetime and scope are noted.

    ``otherwise`` translates the errors that are not OAuth2's.
    """

    def explain(error: Exception) -> Finding | None:
        return (_explained(error, client) if isinstance(error, RefusedError) else None) or otherwise(error)

    with probe.step("authenticate", explain):
        answer = rest.send("POST", client.endpoint, data=client.form(), headers=headers)
        token = probe.secret(shape(answer, "access_token", str, client.endpoint))
        kind = shape(answer, "token_type", str, client.endpoint)
        if not token or kind.lower() != "bearer":
            message = f"expected a bearer token, got one of type {shortened(kind, 40)!r}"
            probe.fail("operate.unexpected_response", message, client.endpoint)
        _note(probe, answer, client.endpoint)
        return token


def _note(probe: Probe, answer: Json, endpoint: str) -> None:
    if "scope" in answer:
        probe.fact(token_scope=shortened(str(answer["scope"]), 200))
    if "expires_in" in answer:
        probe.fact(token_valid_seconds=shape(answer, "expires_in", int, endpoint))


def _explained(error: RefusedError, client: Client) -> Finding | None:
    code = error.body.get("error")
    if code in _REJECTED or error.status == 401:  # noqa: PLR2004 - Unauthorized
        return error.finding("authenticate.rejected", f"client {client.client_id} at {client.endpoint}")
    if code == "invalid_scope":
        return error.finding("authorize.denied", f"scope {client.scope} to client {client.client_id}")
    if code == "unsupported_grant_type":
        return error.finding("authenticate.not_admitted", f"the grant client_credentials at {client.endpoint}")
    return None
