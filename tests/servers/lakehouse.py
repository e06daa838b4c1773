"""A whole lakehouse: Trino computes, Nessie keeps the catalog and asks Keycloak who comes, MinIO stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers.minio import PRINCIPALS as MINIO_RIGHTS
from tests.servers.minio import MinioServer, rights
from tests.servers.nessie import PRINCIPALS as NESSIE_RIGHTS
from tests.servers.nessie import WAREHOUSE, NessieServer
from tests.servers.s3 import Keys
from tests.servers.trino import LAKE, PASSWORDS, SCHEMA, TrinoServer

#: The Keycloak client as which Trino comes to Nessie.
CLIENT = "trino"


@dataclass(frozen=True)
class Lakehouse:
    """The servers, and Trino's catalog ``lake`` on them, with an empty schema ``shop``.

    >>> lakehouse.compute("writer")        # settings of the Trino check; its users are those of trino_config.py
    >>> lakehouse.minio.grant(lakehouse.keys, …)                    # what Trino itself may do in the storage
    >>> lakehouse.nessie.keycloak.revoke("trino", "create_table")   # and in the catalog, from its next token on
    """

    trino: TrinoServer
    nessie: NessieServer
    minio: MinioServer
    keys: Keys

    def compute(self, user: str = "writer") -> dict[str, Any]:
        """Return the settings with which the check logs in as ``user`` and finds the schema."""
        where = {"host": "localhost", "port": self.trino.tls_port, "ca_file": self.trino.ca_file}
        return {**where, "user": user, "password": PASSWORDS[user], "catalog": LAKE, "schema": SCHEMA}


@pytest.fixture(scope="session")
def lakehouse(trino_server: TrinoServer, nessie: NessieServer) -> Iterator[Lakehouse]:
    minio = nessie.minio
    keys = minio.user(*rights(nessie.bucket, *MINIO_RIGHTS["full"]))
    login = nessie.keycloak.client(CLIENT, *NESSIE_RIGHTS["full"])
    properties = {
        "iceberg.catalog.type": "rest",
        "iceberg.rest-catalog.uri": nessie.uri,
        "iceberg.rest-catalog.warehouse": WAREHOUSE,
        "iceberg.rest-catalog.security": "OAUTH2",
        "iceberg.rest-catalog.oauth2.server-uri": nessie.keycloak.token_endpoint,
        "iceberg.rest-catalog.oauth2.credential": "{client_id}:{client_secret}".format(**login),
        "iceberg.rest-catalog.oauth2.scope": "profile",
        "fs.native-s3.enabled": "true",
        "s3.endpoint": minio.url,
        "s3.region": minio.region,
        "s3.path-style-access": "true",
        "s3.aws-access-key": keys.access_key_id,
        "s3.aws-secret-key": keys.secret_access_key,
    }
    told = ", ".join(f"\"{name}\" = '{value}'" for name, value in properties.items())
    trino_server.run(f"CREATE CATALOG {LAKE} USING iceberg WITH ({told})")
    trino_server.run(f"CREATE SCHEMA IF NOT EXISTS {LAKE}.{SCHEMA}")
    _warm_up(trino_server)
    yield Lakehouse(trino_server, nessie, minio, keys)
    trino_server.run(f"DROP CATALOG {LAKE}")


def _warm_up(server: TrinoServer) -> None:
    """Write once: the first time takes longer than a check may."""
    server.run(f"CREATE TABLE {LAKE}.{SCHEMA}.first (id integer)")
    server.run(f"INSERT INTO {LAKE}.{SCHEMA}.first VALUES 1")
    server.run(f"DROP TABLE {LAKE}.{SCHEMA}.first")
