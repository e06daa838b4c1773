"""A stand-in for Entra's token endpoint, which issues what it is told; Azurite looks at the claims of its tokens."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from tests.faults.certificates import Certificates
from tests.faults.server import Answer, Connection, FaultyServer, http, tls

CLIENT_SECRET = "sentinel-of-a-secret"


def unsigned_token(**changes: Any) -> str:
    """Return a token for storage, with other claims where ``changes`` says so; nobody looks at its signature."""
    now = int(time.time())
    claims = {
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
        "nbf": now - 60,
        "iat": now - 60,
        "exp": now + 86_400,
        "appid": "floe-app",
        "oid": "floe-object",
        **changes,
    }
    parts = [{"alg": "RS256", "typ": "JWT"}, claims, {"not": "signed"}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)


def entra(certificates: Certificates, answer: Answer | None = None, token: str | None = None) -> FaultyServer:
    """An issuer that answers every application with ``token``, or with ``answer``."""
    server: FaultyServer

    def play(connection: Connection) -> None:
        here = f"{server.https_url}/tenant"
        metadata = {
            "issuer": f"{here}/v2.0",
            "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
            "token_endpoint": f"{here}/oauth2/v2.0/token",
        }
        granted = Answer(200, {"access_token": token or unsigned_token(), "expires_in": 599, "token_type": "Bearer"})
        routes = {
            "GET /tenant/v2.0/.well-known/openid-configuration": Answer(200, metadata),
            "POST /tenant/oauth2/v2.0/token": answer or granted,
        }
        http(Answer(404), routes=routes)(connection)

    server = FaultyServer(tls(certificates.valid), play)
    return server


def application(issuer: FaultyServer) -> dict[str, object]:
    """Return the settings of an application that logs in at ``issuer``."""
    login = {"tenant_id": "tenant", "client_id": "floe-app", "client_secret": CLIENT_SECRET}
    return {"authority": issuer.https_url.replace("127.0.0.1", "localhost"), **login}
