"""What Polaris adds to an Iceberg REST catalog: realms, and a token endpoint of its own.

A strict fake of these two stands before Nessie and Keycloak, which do the rest. It follows Polaris' protocol
(https://polaris.apache.org/releases/1.0.0/): the header ``Polaris-Realm`` names the realm, and
``POST {uri}/v1/oauth/tokens`` takes only the grant ``client_credentials`` with a scope of principal roles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.faults.path import ask
from tests.faults.server import Answer, FaultyServer, Request, answering
from tests.servers.keycloak import SCOPE
from tests.servers.nessie import NessieServer

REALM = "SHOP"
_BASE = "/api/catalog"
_ISSUED = "urn:ietf:params:oauth:token-type:access_token"


@dataclass(frozen=True)
class PolarisServer:
    """The running catalog; its principals are those of ``nessie``."""

    uri: str
    nessie: NessieServer

    def principal(self, name: str) -> dict[str, Any]:
        """Return the settings with which the check logs in as ``name`` of nessie.PRINCIPALS."""
        settings = self.nessie.principal(name)
        del settings["oauth2_server_uri"]
        return settings | {"uri": self.uri, "realm": REALM}


@pytest.fixture(scope="session")
def polaris(nessie: NessieServer) -> Iterator[PolarisServer]:
    with FaultyServer(answering(lambda request: _answer(request, nessie))) as front:
        yield PolarisServer(f"{front.url}{_BASE}", nessie)


def _answer(request: Request, nessie: NessieServer) -> Answer:
    if request.headers.get("polaris-realm") != REALM:
        return _error(404, "MissingOrInvalidRealm", "Missing or invalid realm")
    if (request.method, request.path) == ("POST", f"{_BASE}/v1/oauth/tokens"):
        return _token(dict(parse_qsl(request.body.decode())), nessie)
    if not request.path.startswith(f"{_BASE}/v1/"):
        return _error(404, "NotFoundException", f"Unable to find {request.path}")
    path = request.path.replace(_BASE, httpx.URL(nessie.uri).path, 1)
    return ask(nessie.uri, replace(request, path=path))


def _token(form: dict[str, str], nessie: NessieServer) -> Answer:
    """Have Keycloak issue the token, and answer as Polaris does."""
    if form.get("grant_type") != "client_credentials":
        return _refusal(400, "unsupported_grant_type", "The grant type is invalid, or missing.")
    if form.get("scope") != SCOPE:
        return _refusal(400, "invalid_scope", "The scope is invalid.")
    issued = httpx.post(nessie.keycloak.token_endpoint, data=form, timeout=60)
    if not issued.is_success:
        return _refusal(401, "unauthorized_client", "The client is not authorized.")
    told = issued.json()
    kept = {"access_token": told["access_token"], "expires_in": told["expires_in"], "scope": SCOPE}
    return Answer(200, {**kept, "token_type": "bearer", "issued_token_type": _ISSUED})


def _refusal(status: int, error: str, description: str) -> Answer:
    return Answer(status, {"error": error, "error_description": description})


def _error(status: int, kind: str, message: str) -> Answer:
    return Answer(status, {"error": {"message": message, "type": kind, "code": status}})
