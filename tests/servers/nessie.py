"""An Iceberg REST catalog that asks for OAuth2 tokens and has rules of its own: Nessie, with Keycloak, over MinIO.

Given: ``FLOE_TEST_NESSIE=http://host:port?bucket=…``, configured like ``options_for`` does it: it trusts the realm of
``FLOE_TEST_KEYCLOAK``, and keeps its tables in a bucket of ``FLOE_TEST_MINIO``. In a container, on the network of this
machine: ``ghcr.io/projectnessie/nessie``. Native: from Maven.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import containers, java, programs
from tests.servers.keycloak import Keycloak
from tests.servers.minio import PRINCIPALS as MINIO_RIGHTS
from tests.servers.minio import MinioServer, rights
from tests.servers.namespaces import Namespaces
from tests.servers.processes import answers, free_port, started
from tests.servers.providers import first_that_serves, given
from tests.servers.s3 import REGION, Keys

IMAGE = f"ghcr.io/projectnessie/nessie:{programs.NESSIE}"
WAREHOUSE = "lake"
STARTS_WITHIN = 180.0
_LOCATIONS = "SMALLRYE_CONFIG_LOCATIONS"

_CREATE, _DROP = ("create_namespace", "create_table"), ("drop_namespace", "drop_table")
#: What each principal may do: the Keycloak roles that ``RULES`` ask for. Nessie reads a table when it creates it, so
#: nobody can be kept from reading only.
PRINCIPALS = {
    "full": ("list", "read", *_CREATE, *_DROP),
    "read_only": ("list", "read"),
    "no_list": ("read", *_CREATE, *_DROP),
    "no_create": ("list", "read", *_DROP),
    "no_create_table": ("list", "read", "create_namespace", *_DROP),
    "no_drop": ("list", "read", *_CREATE),
    "no_drop_namespace": ("list", "read", *_CREATE, "drop_table"),
    "unknown": (),
}
_OF_KIND = "(contentType == 'NAMESPACE' ? '{verb}_namespace' : '{verb}_table') in roles"
#: https://projectnessie.org/nessie-latest/authorization/
RULES = {
    "enter": "op in ['VIEW_REFERENCE', 'COMMIT_CHANGE_AGAINST_REFERENCE'] && size(roles) > 0",
    "list": "op in ['READ_ENTRIES', 'READ_CONTENT_KEY'] && 'list' in roles",
    "read": "op == 'READ_ENTITY_VALUE' && (contentType == 'NAMESPACE' || 'read' in roles)",
    "create": f"op in ['CREATE_ENTITY', 'UPDATE_ENTITY'] && {_OF_KIND.format(verb='create')}",
    "drop": f"op == 'DELETE_ENTITY' && {_OF_KIND.format(verb='drop')}",
}


@dataclass(frozen=True)
class NessieServer(Namespaces):
    """A running catalog with the warehouse ``lake``.

    >>> nessie.principal("no_drop")     # settings of the check, of a client that has the rights of PRINCIPALS
    >>> nessie.keycloak                 # to revoke a role, shorten the life of tokens, disable a client
    >>> nessie.minio, nessie.bucket     # where its tables lie
    """

    uri: str
    keycloak: Keycloak
    minio: MinioServer
    bucket: str

    def principal(self, name: str) -> dict[str, Any]:
        """Return the settings with which the check logs in as ``name`` of PRINCIPALS."""
        client = self.keycloak.client(name, *PRINCIPALS[name])
        return {
            "uri": self.uri,
            "warehouse": WAREHOUSE,
            "oauth2_server_uri": self.keycloak.token_endpoint,
            **client,
        }

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Ask ``path`` below the prefix as the client that may do everything."""
        self.principal("full")
        bearer = {"Authorization": f"Bearer {self.keycloak.token('full')}"}
        answer = httpx.request(method, f"{self.uri}/v1/main{path}", headers=bearer, timeout=60, **request)
        return dict(answer.raise_for_status().json()) if answer.content else {}


@pytest.fixture(scope="session")
def nessie(keycloak: Keycloak, minio: MinioServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NessieServer]:
    """Nessie that takes Keycloak's tokens, and keeps its tables in a bucket of MinIO."""
    with first_that_serves(
        "Nessie",
        endpoint=at_endpoint,
        container=lambda: in_container(*prepared(keycloak, minio)),
        native=lambda: natively(tmp_path_factory.mktemp("nessie"), *prepared(keycloak, minio)),
    ) as (url, bucket):
        yield NessieServer(f"{url}/iceberg", keycloak, minio, bucket)


def prepared(keycloak: Keycloak, minio: MinioServer) -> tuple[str, dict[str, str]]:
    """Return a bucket for the tables, and the options of a Nessie that uses it as a user of its own."""
    bucket = minio.bucket("warehouse")
    return bucket, options_for(keycloak, minio, bucket, minio.user(*rights(bucket, *MINIO_RIGHTS["full"])))


@contextmanager
def at_endpoint() -> Iterator[tuple[str, str]]:
    """Use a Nessie that runs already."""
    there = given("FLOE_TEST_NESSIE")
    yield there.url, there.options["bucket"]


@contextmanager
def in_container(bucket: str, options: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Run the official image; on this machine's network, as its neighbours may listen on loopback only."""
    url, listening = _listening()
    file, inside = _properties(options | listening).encode(), "/tmp/application.properties"
    settings = {"env": {_LOCATIONS: inside}, "transferables": [(file, inside)], "network_mode": "host"}
    with containers.running(IMAGE, **settings) as container:
        containers.wait_until(lambda: answers(f"{url}/iceberg/v1/config"), container)
        yield url, bucket


@contextmanager
def natively(folder: Path, bucket: str, options: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Run a Nessie of our own, configured in ``folder``."""
    url, listening = _listening()
    file = folder / "application.properties"
    file.write_text(_properties(options | listening))
    environment = java.environment()
    command = ["java", "-Xmx384m", *java.SMALL, "-jar", programs.nessie()]
    with started(command, environment | {_LOCATIONS: str(file)}) as process:
        process.wait_until(lambda: answers(f"{url}/iceberg/v1/config"), STARTS_WITHIN)
        yield url, bucket


def options_for(keycloak: Keycloak, minio: MinioServer, bucket: str, keys: Keys) -> dict[str, str]:
    """Return the configuration: tokens of the realm, ``RULES``, and a warehouse in the bucket."""
    server, s3 = "nessie.server", "nessie.catalog.service.s3.default-options"
    return {
        "nessie.version.store.type": "IN_MEMORY",
        f"{server}.authentication.enabled": "true",
        "quarkus.oidc.tenant-enabled": "true",
        "quarkus.oidc.auth-server-url": keycloak.issuer,
        "quarkus.oidc.client-id": "nessie",
        "quarkus.oidc.roles.role-claim-path": "realm_access/roles",
        f"{server}.authorization.enabled": "true",
        **{f"{server}.authorization.rules.{name}": rule for name, rule in RULES.items()},
        "nessie.catalog.default-warehouse": WAREHOUSE,
        f"nessie.catalog.warehouses.{WAREHOUSE}.location": f"s3://{bucket}/",
        f"{s3}.endpoint": minio.url,
        f"{s3}.region": REGION,
        f"{s3}.path-style-access": "true",
        f"{s3}.access-key": "urn:nessie-secret:quarkus:floe.s3",
        "floe.s3.name": keys.access_key_id,
        "floe.s3.secret": keys.secret_access_key,
    }


def _listening() -> tuple[str, dict[str, str]]:
    port, loopback = free_port(), "127.0.0.1"
    return f"http://{loopback}:{port}", {
        "quarkus.http.host": loopback,
        "quarkus.http.port": str(port),
        "quarkus.management.host": loopback,
        "quarkus.management.port": str(free_port()),
    }


def _properties(options: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in options.items())
