"""Cloud Storage: gcp-storage-emulator behind a gateway that asks for tokens and permissions."""

from __future__ import annotations

import json
import logging
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from gcp_storage_emulator.server import create_server

from tests.servers.google_gateway import GoogleGateway

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
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with create_server("127.0.0.1", port, in_memory=True), GoogleGateway(port, _permission_of) as gateway:
        yield GcsServer(gateway, f"http://127.0.0.1:{port}")


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
