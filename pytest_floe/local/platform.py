"""The embedded platform behind ``pytest --floe-env=local``: DuckDB, PostgreSQL, S3 and an Iceberg REST catalog.

The servers run on free ports of 127.0.0.1, each in a process of its own, and end with this process whichever way it
ends. DuckDB needs no server: it gets a file in the run's folder.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pytest_floe.local import launch, policies, state
from pytest_floe.local.configs import (
    ALL_ROLES,
    DELETE,
    READ,
    WRITE,
    CatalogConfig,
    PostgresConfig,
    Principal,
    S3Config,
    S3User,
)
from pytest_floe.local.credentials import Credentials
from pytest_floe.local.launch import HOST, Server, StartError
from pytest_floe.local.state import StateFolder

__all__ = ["Credentials", "LocalPlatform", "StartError"]

BUCKET = "floe-local"
REGION = "us-east-1"
PREFIX = "floe/"
WAREHOUSE = "floe"
WAREHOUSE_FOLDER = "warehouse/"
REALM = "POLARIS"
DATABASE = USER = "floe"


class LocalPlatform:
    """Starts the servers on entry, and stops them and removes all they kept on exit."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self.credentials = credentials or Credentials()
        self._catalog_storage_user = _catalog_storage_user()
        self._state: StateFolder | None = None
        self._servers: dict[str, Server] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all servers at once and wait until every one serves; raises StartError, and then none is left."""
        try:
            self._state = StateFolder.create()
            self._launch(self._state)
        except OSError as error:
            self.stop()
            raise StartError("platform", str(error), "free space, or set TMPDIR to a folder to write to") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all servers and remove what they kept; may be called at any time, and more than once."""
        launch.stop(list(self._servers.values()))
        self._servers = {}
        if self._state:
            self._state.leave()
            self._state = None

    def environment(self) -> dict[str, Any]:
        """Return an environment as floe.yaml would declare it, with secrets as SecretStr in place of references.

        Raises RuntimeError if the platform does not run.
        """
        if self._state is None:
            raise RuntimeError("the embedded platform does not run: start it first")
        ports = {name: server.port for name, server in self._servers.items()}
        return self._described(self._state.path / "duckdb", ports)

    def outline(self) -> dict[str, Any]:
        """Return what ``environment`` would, without starting anything: folder and ports are usual ones."""
        folder = Path(tempfile.gettempdir(), f"{state.PREFIX}*", "duckdb")
        return self._described(folder, {"s3": 9000, "catalog": 8181, "postgres": 5432})

    def _described(self, duckdb: Path, ports: Mapping[str, int]) -> dict[str, Any]:
        return {
            "compute_type": "duckdb",
            "duckdb": {"path": str(duckdb / "floe.duckdb"), "write": True},
            "storage_type": "s3",
            "storage_bucket": BUCKET,
            "s3": self._s3_section(ports["s3"]),
            "catalog_uri": _address(ports["catalog"]),
            "polaris": self._polaris_section(),
            "postgres_host": HOST,
            "postgres_port": ports["postgres"],
            "postgres_database": DATABASE,
            "postgres": self._postgres_section(),
        }

    def _launch(self, state: StateFolder) -> None:
        (state.path / "duckdb").mkdir(mode=0o700)
        deadline = time.monotonic() + launch.START_WITHIN
        self._servers["s3"] = Server(self._s3_config(), state)
        self._servers["catalog"] = Server(self._catalog_config(), state)
        self._servers["postgres"] = Server(self._postgres_config(), state)
        for server in self._servers.values():
            server.wait_ready(deadline)

    # What the servers are told

    def _s3_config(self) -> S3Config:
        given = self.credentials
        workload = S3User(
            USER, given.s3_access_key_id, given.s3_secret_access_key.get_secret_value(), policies.read_write(BUCKET)
        )
        admin = S3User(
            "admin",
            given.admin_s3_access_key_id,
            given.admin_s3_secret_access_key.get_secret_value(),
            policies.administrator(),
        )
        return S3Config(BUCKET, [workload, admin, self._catalog_storage_user], REGION)

    def _catalog_config(self) -> CatalogConfig:
        given = self.credentials
        everything = {ALL_ROLES: [READ, WRITE, DELETE]}
        workload = Principal(given.catalog_client_id, given.catalog_client_secret.get_secret_value(), everything)
        admin = Principal(
            given.admin_catalog_client_id, given.admin_catalog_client_secret.get_secret_value(), everything
        )
        return CatalogConfig(
            principals=[workload, admin],
            warehouse=WAREHOUSE,
            location=f"s3://{BUCKET}/{WAREHOUSE_FOLDER}".rstrip("/"),
            storage=self._catalog_storage(),
            realm=REALM,
        )

    def _catalog_storage(self) -> dict[str, str]:
        return {
            "py-io-impl": "pytest_floe.local.catalog_storage.S3FileIO",
            "s3.endpoint": _address(self._servers["s3"].port),
            "s3.region": REGION,
            "s3.path-style-access": "true",
            "s3.access-key-id": self._catalog_storage_user.access_key_id,
            "s3.secret-access-key": self._catalog_storage_user.secret_access_key,
        }

    def _postgres_config(self) -> PostgresConfig:
        given = self.credentials
        return PostgresConfig(
            user=USER,
            password=given.postgres_password.get_secret_value(),
            database=DATABASE,
            admin_password=given.admin_postgres_password.get_secret_value(),
        )

    # What the workload is told

    def _s3_section(self, port: int) -> dict[str, Any]:
        return {
            "endpoint": _address(port),
            "region": REGION,
            "path_style": True,
            "prefix": PREFIX,
            "access_key_id": self.credentials.s3_access_key_id,
            "secret_access_key": self.credentials.s3_secret_access_key,
            "write": True,
        }

    def _polaris_section(self) -> dict[str, Any]:
        return {
            "client_id": self.credentials.catalog_client_id,
            "client_secret": self.credentials.catalog_client_secret,
            "warehouse": WAREHOUSE,
            "scope": ALL_ROLES,
            "realm": REALM,
            "write": True,
        }

    def _postgres_section(self) -> dict[str, Any]:
        return {
            "user": USER,
            "password": self.credentials.postgres_password,
            "sslmode": "disable",
            "schema": "public",
            "write": True,
        }


def _address(port: int) -> str:
    return f"http://{HOST}:{port}"


def _catalog_storage_user() -> S3User:
    """Return the user as whom the catalog itself writes metadata, inside the warehouse only."""
    made_up = Credentials()
    return S3User(
        "catalog",
        made_up.s3_access_key_id,
        made_up.s3_secret_access_key.get_secret_value(),
        policies.read_write(BUCKET, WAREHOUSE_FOLDER),
    )
