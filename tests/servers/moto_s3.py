"""An S3 server with IAM enforced: moto's, in a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import boto3
import pytest
from botocore.config import Config

from tests.faults.certificates import Certificates

REGION = "us-east-1"
_READY_WITHIN = 60.0
_EVERYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


@dataclass(frozen=True)
class Keys:
    """Credentials of one user, named as the check's settings name them."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @property
    def settings(self) -> dict[str, str]:
        return {"access_key_id": self.access_key_id, "secret_access_key": self.secret_access_key}


@dataclass
class S3Server:
    """The running server; ``admin`` may do everything, every other user only what its policy allows."""

    url: str
    ca_file: Path | None = None
    admin: Keys | None = None
    _users: int = 0

    def client(self, service: str = "s3", keys: Keys | None = None) -> Any:
        keys = keys or self.admin or Keys("setup", "setup")
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            verify=str(self.ca_file) if self.ca_file else None,
            config=Config(retries={"total_max_attempts": 1}),
        )

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

    def bucket(self, name: str, *, region: str = REGION, **options: Any) -> str:
        """Create an empty bucket."""
        place = {} if region == REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self.client().create_bucket(Bucket=name, **place, **options)
        return name

    def shown_in(self, bucket: str) -> list[str]:
        """Every object that the bucket lists."""
        return [entry["Key"] for entry in self.client().list_objects_v2(Bucket=bucket).get("Contents", ())]

    def everything_in(self, bucket: str) -> list[str]:
        """Every version and delete marker that the bucket holds."""
        listed = self.client().list_object_versions(Bucket=bucket)
        return [entry["Key"] for kind in ("Versions", "DeleteMarkers") for entry in listed.get(kind, ())]


class LosesAnswers:
    """Stands before a server, passes every request on, and cuts the connection instead of answering ``method``."""

    def __init__(self, upstream: str, method: str) -> None:
        self.upstream = upstream.removeprefix("http://")
        self.method = method
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Passing,), {"losing": self}))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Passing(BaseHTTPRequestHandler):
    losing: LosesAnswers

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = http.client.HTTPConnection(self.losing.upstream)
        # With the host that was signed.
        upstream.request(self.command, self.path, body, dict(self.headers.items()))
        told = upstream.getresponse()
        content = told.read()
        upstream.close()
        if self.command != self.losing.method:
            self.send_response(told.status)
            for name, value in told.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = answer  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def allow(resource: str, *actions: str) -> dict[str, Any]:
    """Return the IAM statement that allows ``actions`` on ``resource`` (a bucket, or a bucket and a key)."""
    return {
        "Effect": "Allow",
        "Action": [f"s3:{action}" for action in actions],
        "Resource": f"arn:aws:s3:::{resource}",
    }


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Plain HTTP."""
    yield from _serve(tmp_path_factory)


@pytest.fixture(scope="session")
def moto_s3_tls(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[S3Server]:
    """HTTPS with a certificate of a private authority."""
    yield from _serve(tmp_path_factory, certificates)


def _serve(folders: pytest.TempPathFactory, certificates: Certificates | None = None) -> Iterator[S3Server]:
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = S3Server(f"http://127.0.0.1:{port}")
    if certificates:
        server = S3Server(f"https://127.0.0.1:{port}", certificates.ca_file)
        command += _certificate_options(certificates, folders.mktemp("moto"))
    log = folders.mktemp("moto") / "log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=_quiet()) as process:
        try:
            _wait_for(server, process, log)
            server.enforce_iam()
            yield server
        finally:
            process.terminate()


def _certificate_options(certificates: Certificates, folder: Path) -> list[str]:
    issued = certificates.issue()
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    return ["-c", str(folder / "certificate.pem"), "-k", str(folder / "key.pem")]


def _quiet() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            _open(urllib.request.Request(f"{server.url}/moto-api/"), server.ca_file).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"moto did not start: {log.read_text()[-2000:]}")


def _open(request: urllib.request.Request, ca_file: Path | None) -> Any:
    import ssl

    context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
    return urllib.request.urlopen(request, timeout=5, context=context)
