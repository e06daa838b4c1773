"""Cloud Storage: fake-gcs-server behind a gateway that asks for tokens and permissions.

Given: ``FLOE_TEST_GCS=http://host:port`` of an emulator that asks for nothing. In a container:
``fsouza/fake-gcs-server``. Native: built from its Go module, three minutes at first.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from gcp_storage_emulator.server import create_server

from tests.servers import containers, programs
from tests.servers.google_gateway import GoogleGateway
from tests.servers.processes import free_port, healthy, started
from tests.servers.providers import first_that_serves, given

IMAGE = "fsouza/fake-gcs-server:1.56.1"
_OPTIONS = ("-scheme", "http", "-backend", "memory", "-location", "US")
_HEALTH = "/_internal/healthcheck"

_OBJECTS = {
    "GET": "storage.objects.get",
    "DELETE": "storage.objects.delete",
    "PATCH": "storage.objects.update",
    "POST": "storage.objects.create",
}
_SOFT_DELETE_OFF = {"retentionDurationSeconds": "0"}


@dataclass
class GcsServer:
    """``gateway`` is what a client sees; the emulator behind it takes everything."""

    gateway: GoogleGateway
    _emulator: str

    @property
    def url(self) -> str:
        return self.gateway.url

    def bucket(self, name: str, **settings: Any) -> str:
        """Create an empty bucket; without soft delete unless told."""
        told = {"name": name, "softDeletePolicy": _SOFT_DELETE_OFF, **settings}
        self._ask("POST", "/storage/v1/b?project=demo", {"name": name})
        self._ask("PATCH", f"/storage/v1/b/{name}", told)
        return name

    def put(self, bucket: str, key: str, body: str) -> None:
        self._ask("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={key}", body)

    def everything_in(self, bucket: str) -> list[str]:
        """Every object the bucket lists."""
        return [found["name"] for found in self._ask("GET", f"/storage/v1/b/{bucket}/o").get("items", ())]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body else None
        headers = {"Content-Type": "text/plain" if isinstance(body, str) else "application/json"}
        request = urllib.request.Request(self._emulator + path, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    """A project ``demo`` without buckets, at ``url``.

    >>> bucket = gcs_server.bucket("lake")                 # versioning={"enabled": True} and the like
    >>> account = gcs_server.gateway.account("storage.objects.list", "storage.objects.get")   # any of Google's
    >>> json.dumps(account.key_file)                       # for credentials_json
    """
    with (
        first_that_serves("fake-gcs-server", endpoint=at_endpoint, container=in_container, native=natively) as emulator,
        GoogleGateway(emulator, _permission_of) as gateway,
    ):
        yield GcsServer(gateway, emulator)


@pytest.fixture(scope="session")
def gcs_soft_delete() -> Iterator[GcsServer]:
    """A project ``demo`` on gcp-storage-emulator: it knows soft delete, and does not heed generations."""
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    port = free_port()
    emulator = f"http://127.0.0.1:{port}"
    with create_server("127.0.0.1", port, in_memory=True), GoogleGateway(emulator, _permission_of) as gateway:
        yield GcsServer(gateway, emulator)


@contextmanager
def at_endpoint() -> Iterator[str]:
    """Use an emulator that runs already, and leave it as it was found."""
    yield given("FLOE_TEST_GCS").url


@contextmanager
def in_container() -> Iterator[str]:
    """Run the official image."""
    command = " ".join(_OPTIONS)
    with containers.running(IMAGE, ports=[4443], command=command) as container:
        emulator = f"http://{containers.address(container, 4443)}"
        containers.wait_until(lambda: healthy(emulator + _HEALTH), container)
        yield emulator


@contextmanager
def natively() -> Iterator[str]:
    """Run a server of our own."""
    port = free_port()
    emulator = f"http://127.0.0.1:{port}"
    with started([programs.fake_gcs_server(), *_OPTIONS, "-host", "127.0.0.1", "-port", str(port)]) as process:
        process.wait_until(lambda: healthy(emulator + _HEALTH))
        yield emulator


def _permission_of(method: str, url: str, _body: bytes) -> str:
    """Return what a call needs: https://cloud.google.com/storage/docs/access-control/iam-json."""
    path = url.partition("?")[0]
    if path.startswith("/upload/"):
        return "storage.objects.create"
    if "/o/" in path:
        return _OBJECTS[method]
    if path.endswith("/o"):
        return "storage.objects.list"
    return "storage.buckets.get"
