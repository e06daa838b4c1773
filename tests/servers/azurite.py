"""Azure Blob Storage: Azurite, Microsoft's emulator, installed by npm into the user's cache when first needed.

It verifies shared keys and signatures; of a bearer token it verifies the claims only. It has no DFS endpoint.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ContainerSasPermissions,
    ResourceTypes,
    Services,
    generate_account_sas,
    generate_container_sas,
)

from tests.faults.certificates import Certificates
from tests.servers.downloads import CACHE

VERSION = "3.35.0"
ACCOUNT = "lake"
KEY = base64.b64encode(b"shared key of the tests' account" * 2).decode()
_INSTALL_WITHIN, _READY_WITHIN = 300.0, 30.0


@dataclass
class Azurite:
    """The running server; ``account_key`` may do everything."""

    url: str
    ca_file: Path
    account_key: str = KEY

    def container(self, name: str) -> str:
        self._service().create_container(name)
        return name

    def put(self, container: str, key: str, body: str) -> None:
        self._service().get_blob_client(container, key).upload_blob(body)

    def everything_in(self, container: str) -> list[str]:
        listed = (
            self._service().get_container_client(container).list_blobs(include=["deleted", "versions", "snapshots"])
        )
        return [blob.name for blob in listed]

    def empty(self, container: str) -> None:
        """Delete every blob."""
        for name in self.everything_in(container):
            self._service().get_blob_client(container, name).delete_blob()

    def signature(
        self,
        container: str,
        permissions: str | None,
        *,
        hours: float = 1,
        begins: float = -3,
        policy: str | None = None,
    ) -> str:
        """Return a shared access signature for the container: r, c, w, d, l are read, create, write, delete, list.

        It is good from ``begins`` until ``hours`` from now, or as a stored access ``policy`` says.
        """
        now = datetime.now(UTC)
        told = {} if policy else {"start": now + timedelta(hours=begins), "expiry": now + timedelta(hours=hours)}
        return generate_container_sas(
            ACCOUNT,
            container,
            account_key=self.account_key,
            permission=permissions and ContainerSasPermissions.from_string(permissions),
            policy_id=policy,
            **told,
        )

    def account_signature(self, services: str, kinds: str, permissions: str) -> str:
        """Return a shared access signature for services (b, q, f, t) and kinds of resources (s, c, o)."""
        return generate_account_sas(
            ACCOUNT,
            self.account_key,
            resource_types=ResourceTypes.from_string(kinds),
            permission=AccountSasPermissions.from_string(permissions),
            expiry=datetime.now(UTC) + timedelta(hours=1),
            services=Services.from_string(services),
        )

    def _service(self) -> BlobServiceClient:
        return BlobServiceClient(self.url, credential=self.account_key, connection_verify=str(self.ca_file))


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Azurite]:
    """HTTPS, with a certificate of a private authority."""
    program, folder = _installed(), tmp_path_factory.mktemp("azurite")
    issued = certificates.issue()
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    port = _free_port()
    command = [*program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "-l", str(folder / "data")]
    command += ["--cert", str(folder / "certificate.pem"), "--key", str(folder / "key.pem"), "--oauth", "basic"]
    command += ["--silent", "--loose", "--skipApiVersionCheck", "--disableTelemetry"]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    log = folder / "log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=environment) as process:
        try:
            _wait_for(port, process, log)
            yield Azurite(f"https://127.0.0.1:{port}/{ACCOUNT}", certificates.ca_file)
        finally:
            process.terminate()


def _installed() -> list[str]:
    """Return the command that starts the blob service; skips, saying what was tried, where that can't be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip(f"Azurite needs node and npm on the PATH; found node: {node}, npm: {npm}")
    folder = CACHE / f"azurite-{VERSION}"
    main = folder / "node_modules/azurite/dist/src/blob/main.js"
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if not main.exists():
            _install([npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", f"azurite@{VERSION}"])
    return [node, str(main)]


def _install(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_WITHIN, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(command)} failed: {done.stderr[-500:]}")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Several workers of one run must not install at the same time."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"Azurite did not start: {log.read_text()[-2000:]}")
