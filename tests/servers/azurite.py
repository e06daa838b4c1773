"""Azure Blob Storage: Azurite, Microsoft's emulator.

It verifies shared keys and signatures; of a bearer token it verifies the claims only. It has no DFS endpoint.

Given: ``FLOE_TEST_AZURITE=https://lake:key@host:port?ca_file=…``, an Azurite with the account ``lake``. In a container:
``azure-storage/azurite``. Native: from npm.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
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
from tests.servers import containers, programs
from tests.servers.processes import answers, free_port, started
from tests.servers.providers import first_that_serves, given

IMAGE = f"mcr.microsoft.com/azure-storage/azurite:{programs.AZURITE}"
ACCOUNT = "lake"
KEY = base64.b64encode(b"shared key of the tests' account" * 2).decode()
_ACCOUNTS = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}


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

    def archive(self, container: str, key: str) -> None:
        """Have a blob restored before it can be read again."""
        self._service().get_blob_client(container, key).set_standard_blob_tier("Archive")

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
    with first_that_serves(
        "Azurite",
        endpoint=at_endpoint,
        container=lambda: in_container(certificates),
        native=lambda: natively(tmp_path_factory.mktemp("azurite"), certificates),
    ) as server:
        yield server


@contextmanager
def at_endpoint() -> Iterator[Azurite]:
    """Use an Azurite that runs already."""
    there = given("FLOE_TEST_AZURITE")
    yield Azurite(f"{there.url}/{ACCOUNT}", Path(there.options["ca_file"]), there.password)


@contextmanager
def in_container(certificates: Certificates) -> Iterator[Azurite]:
    """Run the official image."""
    pem = certificates.pem()
    files = [(pem.key.encode(), "/tmp/key.pem"), (pem.chain.encode(), "/tmp/certificate.pem")]
    command = ["azurite-blob", "--blobHost", "0.0.0.0", *_options(Path("/tmp"))]
    told = {"ports": [10000], "command": command, "env": _ACCOUNTS, "transferables": files}
    with containers.running(IMAGE, **told) as container:
        url = f"https://{containers.address(container, 10000)}"
        containers.wait_until(lambda: answers(url), container)
        yield Azurite(f"{url}/{ACCOUNT}", certificates.ca_file)


@contextmanager
def natively(folder: Path, certificates: Certificates) -> Iterator[Azurite]:
    """Run an Azurite of our own, whose data lies in ``folder``."""
    pem, port = certificates.pem(), free_port()
    (folder / "key.pem").write_text(pem.key)
    (folder / "certificate.pem").write_text(pem.chain)
    command = ["node", programs.azurite(), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    url = f"https://127.0.0.1:{port}"
    with started([*command, "-l", folder / "data", *_options(folder)], os.environ | _ACCOUNTS) as process:
        process.wait_until(lambda: answers(url))
        yield Azurite(f"{url}/{ACCOUNT}", certificates.ca_file)


def _options(folder: Path) -> list[str]:
    files = ["--cert", f"{folder}/certificate.pem", "--key", f"{folder}/key.pem"]
    return [*files, "--oauth", "basic", "--silent", "--loose", "--skipApiVersionCheck", "--disableTelemetry"]
