"""Amazon's S3 protocol with real users and policies: MinIO.

Given: ``FLOE_TEST_MINIO=http://user:secret@host:port`` (and ``FLOE_TEST_MINIO_TLS=https://…?ca_file=…``), credentials
of an administrator. In a container: ``minio/minio``. Native: built from its Go module, five minutes at first.
"""

from __future__ import annotations

import json
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from minio import MinioAdmin
from minio.credentials import StaticProvider

from tests.faults.certificates import Certificates, Pem
from tests.servers import containers, programs
from tests.servers.processes import Process, free_port, healthy, started
from tests.servers.providers import first_that_serves, given
from tests.servers.s3 import REGION, Keys, S3Server, allow

IMAGE = "minio/minio:latest"
ROOT = Keys("floe-root", "floe-root-s3cret")

_LIST, _READ, _WRITE, _DELETE = "ListBucket", "GetObject", "PutObject", "DeleteObject"
#: What each principal of ``MinioServer.principal`` may do in its bucket.
PRINCIPALS = {
    "full": (_LIST, _READ, _WRITE, _DELETE),
    "no_list": (_READ, _WRITE, _DELETE),
    "no_read": (_LIST, _WRITE, _DELETE),
    "no_write": (_LIST, _READ, _DELETE),
    "no_delete": (_LIST, _READ, _WRITE),
}


@dataclass
class MinioServer(S3Server):
    """A running MinIO; ``admin`` may do everything.

    >>> bucket = minio.bucket("lake")                       # its name is made unique
    >>> minio.principal("no_write", bucket).settings        # {"access_key_id": …, "secret_access_key": …}
    >>> keys = minio.user(allow(bucket, "ListBucket"))      # any other policy
    >>> minio.grant(keys, allow(bucket, "ListBucket", "GetObject"))   # another policy for the same user
    >>> minio.disable(keys)                                 # its owner is locked out
    """

    _made: list[str] = field(default_factory=list)
    _users: list[str] = field(default_factory=list)

    def bucket(self, name: str, **options: Any) -> str:
        """Create an empty bucket, and return the name that it got."""
        self._made.append(super().bucket(f"{name}-{secrets.token_hex(4)}", **options))
        return self._made[-1]

    def user(self, *statements: dict[str, Any]) -> Keys:
        """Create a user who may do what the IAM ``statements`` say."""
        keys = Keys(f"user-{secrets.token_hex(4)}", secrets.token_hex(16))
        self._admin().user_add(keys.access_key_id, keys.secret_access_key)
        self._users.append(keys.access_key_id)
        if statements:
            self.grant(keys, *statements)
        return keys

    def principal(self, name: str, bucket: str) -> Keys:
        """Create a user who has the rights in ``bucket`` that ``PRINCIPALS`` lists under ``name``."""
        return self.user(*rights(bucket, *PRINCIPALS[name]))

    def grant(self, keys: Keys, *statements: dict[str, Any]) -> None:
        """Let a user do what the IAM ``statements`` say, and nothing else from now on."""
        name = f"of-{keys.access_key_id}"
        self._admin().policy_add(name, policy={"Version": "2012-10-17", "Statement": list(statements)})
        self._admin().policy_set(name, user=keys.access_key_id)

    def limit(self, bucket: str, size: int) -> None:
        """Let a bucket hold no more than ``size`` bytes."""
        self._admin().bucket_quota_set(bucket, size)

    def disable(self, keys: Keys) -> None:
        """Lock a user out."""
        self._admin().user_disable(keys.access_key_id)

    def clear(self) -> None:
        """Remove the buckets and users that were made through this object."""
        for bucket in self._made:
            self._empty(bucket)
            self.client().delete_bucket(Bucket=bucket)
        for user in self._users:
            self._admin().user_remove(user)
            if f"of-{user}" in json.loads(self._admin().policy_list()):
                self._admin().policy_remove(f"of-{user}")

    def _empty(self, bucket: str) -> None:
        listed = self.client().list_object_versions(Bucket=bucket)
        for entry in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
            self.client().delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])

    def _admin(self) -> MinioAdmin:
        admin = self.admin or ROOT
        login = StaticProvider(admin.access_key_id, admin.secret_access_key)
        trust = ssl.create_default_context(cafile=str(self.ca_file)) if self.ca_file else None
        where = urlsplit(self.url)
        pool = urllib3.PoolManager(ssl_context=trust, retries=False)
        return MinioAdmin(endpoint=where.netloc, credentials=login, secure=where.scheme == "https", http_client=pool)


def rights(bucket: str, *actions: str) -> list[dict[str, Any]]:
    """Return the IAM statements that allow ``actions`` of ``PRINCIPALS`` in ``bucket``."""
    objects = [action for action in actions if action != _LIST]
    listing = [allow(bucket, _LIST)] if _LIST in actions else []
    return [*listing, *([allow(f"{bucket}/*", *objects)] if objects else [])]


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """MinIO over plain HTTP."""
    with first_that_serves(
        "MinIO",
        endpoint=lambda: at_endpoint("FLOE_TEST_MINIO"),
        container=in_container,
        native=lambda: natively(tmp_path_factory.mktemp("minio")),
    ) as server:
        yield server


@pytest.fixture(scope="session")
def minio_tls(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[MinioServer]:
    """MinIO over HTTPS, with a certificate of the private authority in ``ca_file``."""
    folder = tmp_path_factory.mktemp("minio")
    with first_that_serves(
        "MinIO with TLS",
        endpoint=lambda: at_endpoint("FLOE_TEST_MINIO_TLS"),
        container=lambda: in_container(tls_folder(folder, certificates.pem()), certificates.ca_file),
        native=lambda: natively(folder, tls_folder(folder, certificates.pem()), certificates.ca_file),
    ) as server:
        yield server


@contextmanager
def at_endpoint(variable: str) -> Iterator[MinioServer]:
    """Use what ``variable`` names, and leave it as it was found."""
    there = given(variable)
    server = MinioServer(there.url, there.ca_file, Keys(there.user, there.password))
    yield server
    server.clear()


@contextmanager
def in_container(tls: Path | None = None, ca_file: Path | None = None) -> Iterator[MinioServer]:
    """Run the official image."""
    files = [(path, f"/tls/{path.name}") for path in (tls.iterdir() if tls else ())]
    command = "server /data --certs-dir /tls"
    with containers.running(IMAGE, ports=[9000], command=command, env=_environment(), transferables=files) as container:
        address = containers.address(container, 9000)
        server = MinioServer(f"{'https' if tls else 'http'}://{address}", ca_file, ROOT)
        containers.wait_until(lambda: is_ready(server), container)
        yield server


@contextmanager
def natively(
    folder: Path, tls: Path | None = None, ca_file: Path | None = None, **options: str
) -> Iterator[MinioServer]:
    """Run a MinIO of our own, whose data lies in ``folder``; ``options`` are variables of its environment."""
    with natively_as_process(folder, tls, ca_file, **options) as (server, _):
        yield server


@contextmanager
def natively_as_process(
    folder: Path, tls: Path | None = None, ca_file: Path | None = None, **options: str
) -> Iterator[tuple[MinioServer, Process]]:
    """Run a MinIO like ``natively``, for tests that stop or freeze it."""
    command = [programs.minio(), "server", "--quiet", "--address", f"127.0.0.1:{(port := free_port())}"]
    command += ["--console-address", f"127.0.0.1:{free_port()}", "--certs-dir", tls or folder / "no-tls"]
    server = MinioServer(f"{'https' if tls else 'http'}://127.0.0.1:{port}", ca_file, ROOT)
    server.region = options.get("MINIO_SITE_REGION", REGION)
    drives = options.pop("MINIO_VOLUMES", f"{folder}/data")
    with started([*command, drives], _environment() | {"HOME": str(folder)} | options) as process:
        process.wait_until(lambda: is_ready(server))
        yield server, process


def is_ready(server: MinioServer) -> bool:
    return healthy(f"{server.url}/minio/health/cluster")


def tls_folder(folder: Path, pem: Pem) -> Path:
    """Write certificate and key where MinIO looks for them."""
    tls = folder / "tls"
    tls.mkdir(exist_ok=True)
    (tls / "private.key").write_text(pem.key)
    (tls / "public.crt").write_text(pem.chain)
    return tls


def _environment() -> dict[str, str]:
    login = {"MINIO_ROOT_USER": ROOT.access_key_id, "MINIO_ROOT_PASSWORD": ROOT.secret_access_key}
    return login | {"MINIO_BROWSER": "off", "MINIO_UPDATE": "off", "CI": "true"}
