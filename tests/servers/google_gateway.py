"""What Google puts in front of its services: an OAuth2 token issuer, bearer tokens, and a permission for each call.

It stands before an emulator that knows nothing of credentials. The issuer verifies the signature of the assertion
(RFC 7523, 2.1), as https://developers.google.com/identity/protocols/oauth2/service-account describes.
"""

from __future__ import annotations

import http.client
import json
import secrets
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.auth.exceptions import InvalidValue

from tests.servers.http_server import HttpServer

CLOCK_TOLERANCE = 300.0  # seconds
AUDIENCE = "https://oauth2.googleapis.com/token"
#: What Google says where iat or exp do not fit its own clock.
_OUT_OF_TIME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)
_NOT_PASSED_ON = {"transfer-encoding", "connection", "content-length", "server", "date"}

#: From method, path and body to the permission that the call needs; None where it needs none.
PermissionOf = Callable[[str, str, bytes], str | None]


@dataclass
class Account:
    """A service account; ``key_file`` is what Google lets its owner download.

    ``refused`` maps a permission to status, reason and message of what hinders a call that needs it. ``clock_ahead`` is
    by how many seconds the issuer's clock is ahead of the machine's. The issuer gives a ``disabled`` account no token.
    """

    email: str
    public_key: str
    permissions: frozenset[str]
    key_file: dict[str, str] = field(repr=False)
    refused: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    clock_ahead: float = 0.0
    disabled: bool = False


class GoogleGateway(HttpServer):
    """Listens on a free port of 127.0.0.1 while its ``with`` block runs."""

    def __init__(self, upstream: str, permission_of: PermissionOf) -> None:
        self.upstream = upstream.removeprefix("http://")
        self.permission_of = permission_of
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, Account] = {}
        super().__init__(_Handler)

    @contextmanager
    def forgetting_tokens(self) -> Iterator[None]:
        """Know no token any more that is issued in the block."""
        kept, self.tokens = self.tokens, _Forgetting()
        try:
            yield
        finally:
            self.tokens = kept

    def account(self, *permissions: str) -> Account:
        """Create a service account that has these permissions, on everything."""
        email = f"account-{len(self.accounts)}@demo.iam.gserviceaccount.com"
        private, public = key_pair()
        key_file = {
            "type": "service_account",
            "project_id": "demo",
            "private_key_id": secrets.token_hex(4),
            "private_key": private,
            "client_email": email,
            "token_uri": f"{self.url}/token",
        }
        self.accounts[email] = Account(email, public, frozenset(permissions), key_file)
        return self.accounts[email]


class _Forgetting(dict[str, Account]):
    def __setitem__(self, token: str, account: Account) -> None:
        """Forget it."""


def key_pair() -> tuple[str, str]:
    """Return a new private and public key in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: GoogleGateway

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/token":
            self._issue_token(body)
            return
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        account = self.owner.tokens.get(token)
        if account is None:
            self._refuse(401, "authError", "Invalid Credentials")
            return
        needed = self.owner.permission_of(self.command, self.path, body)
        if needed and needed not in account.permissions:
            self._refuse(403, "forbidden", f"{account.email} does not have {needed} access to the resource.")
            return
        if needed in account.refused:
            self._refuse(*account.refused[needed])
            return
        self._pass_on(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = answer  # noqa: N815 - names of http.server

    def _issue_token(self, body: bytes) -> None:
        assertion = urllib.parse.parse_qs(body.decode()).get("assertion", [""])[0]
        try:
            account = self.owner.accounts[jwt.decode(assertion, verify=False)["iss"]]
            claims = jwt.decode(assertion, certs=account.public_key, audience=AUDIENCE)
        except InvalidValue:
            self._refuse_assertion(_OUT_OF_TIME)
            return
        except (ValueError, KeyError):
            self._refuse_assertion("Invalid JWT Signature.")
            return
        if account.disabled:
            self._refuse_assertion("Invalid grant: account not found")
            return
        if abs(time.time() + account.clock_ahead - claims["iat"]) > CLOCK_TOLERANCE:
            self._refuse_assertion(_OUT_OF_TIME)
            return
        token = f"ya29.{secrets.token_hex(8)}"
        self.owner.tokens[token] = account
        self._send(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _refuse_assertion(self, said: str) -> None:
        self._send(400, {"error": "invalid_grant", "error_description": said})

    def _refuse(self, status: int, reason: str, message: str) -> None:
        self._send(status, {"error": {"code": status, "message": message, "errors": [{"reason": reason}]}})

    def _pass_on(self, body: bytes) -> None:
        upstream = http.client.HTTPConnection(self.owner.upstream)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        upstream.request(self.command, self.path, body, headers)
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _NOT_PASSED_ON}
        self._send_bytes(answer.status, content, kept)

    def _send(self, status: int, content: Any) -> None:
        self._send_bytes(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send_bytes(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
