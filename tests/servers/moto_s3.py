"""An S3 server with IAM enforced: moto's, in a process of its own."""

from __future__ import annotations

import http.client
import os
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.faults.certificates import Certificates
from tests.servers.http_server import HttpServer
from tests.servers.processes import answers, free_port, started
from tests.servers.s3 import Keys, S3Server, policy

_EVERYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


@dataclass
class MotoS3(S3Server):
    """moto, told to enforce IAM once there is an ``admin``."""

    _users: int = 0

    def user(self, *statements: dict[str, Any]) -> Keys:
        """Create a user who may do what the IAM ``statements`` say."""
        self._users += 1
        name, iam = f"user-{self._users}", self.client("iam")
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="grants", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Keys(key["AccessKeyId"], key["SecretAccessKey"])

    def enforce_iam(self) -> None:
        """From here on every request needs credentials and a policy that allows it."""
        self.admin = self.user(*_EVERYTHING)
        request = urllib.request.Request(
            f"{self.url}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
        )
        _open(request, self.ca_file).close()


class LosesAnswers(HttpServer):
    """Stands before a server, passes every request on, and cuts the connection instead of answering ``method``."""

    def __init__(self, upstream: str, method: str) -> None:
        self.upstream = upstream.removeprefix("http://")
        self.method = method
        super().__init__(_Passing)


class _Passing(BaseHTTPRequestHandler):
    owner: LosesAnswers

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = http.client.HTTPConnection(self.owner.upstream)
        # With the host that was signed.
        upstream.request(self.command, self.path, body, dict(self.headers.items()))
        told = upstream.getresponse()
        content = told.read()
        upstream.close()
        if self.command != self.owner.method:
            self.send_response(told.status)
            for name, value in told.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = answer  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Plain HTTP."""
    yield from _serve(tmp_path_factory)


@pytest.fixture(scope="session")
def moto_s3_tls(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[S3Server]:
    """HTTPS with a certificate of a private authority."""
    yield from _serve(tmp_path_factory, certificates)


def _serve(folders: pytest.TempPathFactory, certificates: Certificates | None = None) -> Iterator[S3Server]:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = MotoS3(f"http://127.0.0.1:{port}")
    if certificates:
        server = MotoS3(f"https://127.0.0.1:{port}", certificates.ca_file)
        command += _certificate_options(certificates, folders.mktemp("moto"))
    with started([*command], _quiet()) as process:
        process.wait_until(lambda: answers(f"{server.url}/moto-api/"))
        server.enforce_iam()
        yield server


def _certificate_options(certificates: Certificates, folder: Path) -> list[str]:
    issued = certificates.issue()
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    return ["-c", str(folder / "certificate.pem"), "-k", str(folder / "key.pem")]


def _quiet() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}


def _open(request: urllib.request.Request, ca_file: Path | None) -> Any:
    import ssl

    context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
    return urllib.request.urlopen(request, timeout=5, context=context)
