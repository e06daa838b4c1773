"""The Iceberg REST catalog of the embedded platform, with clients of different rights; its tables lie in files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_floe.local.configs import ALL_ROLES, DELETE, READ, WRITE, CatalogConfig, Principal
from pytest_floe.local.launch import running
from tests.servers.namespaces import Namespaces

WAREHOUSE = "lake"
REALM = "SHOP"

#: client -> what the scope PRINCIPAL_ROLE:ALL lets it do. Their secrets: ``secret_of``.
RIGHTS = {
    "keeper": [READ, WRITE, DELETE],
    "reader": [READ],
    "hoarder": [READ, WRITE],
    "outsider": [],
}


def secret_of(client: str) -> str:
    return f"s3cret-of-{client}"


@dataclass(frozen=True)
class IcebergRest(Namespaces):
    """A running catalog."""

    uri: str
    warehouse: str = WAREHOUSE
    realm: str = REALM

    def client(self, name: str = "keeper") -> dict[str, Any]:
        """Return the settings with which the check logs in as ``name``."""
        return {
            "uri": self.uri,
            "warehouse": self.warehouse,
            "realm": self.realm,
            "client_id": name,
            "client_secret": secret_of(name),
        }

    def token(self, name: str = "keeper") -> str:
        form = {"client_id": name, "client_secret": secret_of(name), "scope": ALL_ROLES}
        answer = httpx.post(f"{self.uri}/v1/oauth/tokens", data={"grant_type": "client_credentials", **form})
        return str(answer.raise_for_status().json()["access_token"])

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Ask ``path`` below the prefix as the client that may do everything."""
        url = f"{self.uri}/v1/{self.warehouse}{path}"
        with closing(httpx.Client(headers={"Authorization": f"Bearer {self.token()}"})) as client:
            answer = client.request(method, url, **request).raise_for_status()
        return dict(answer.json()) if answer.content else {}


def run_iceberg_rest(folder: Path, **config: Any) -> Any:
    """Return the context of a catalog that keeps its tables in ``folder``."""
    principals = [Principal(name, secret_of(name), {ALL_ROLES: actions}) for name, actions in RIGHTS.items()]
    return running(CatalogConfig(principals, WAREHOUSE, folder.as_uri(), realm=REALM, **config))


@pytest.fixture(scope="session")
def iceberg_rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IcebergRest]:
    with run_iceberg_rest(tmp_path_factory.mktemp("lake")) as server:
        yield IcebergRest(f"http://127.0.0.1:{server.port}")
