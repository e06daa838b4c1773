"""One environment made of real servers, each behind a path of its own that can be cut, or spoiled by a certificate."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.end_to_end.conftest import Finished, run
from tests.faults.certificates import Certificates
from tests.faults.path import forward
from tests.faults.server import FaultyServer, Move, hang, hear, say, tls
from tests.servers.azurite import ACCOUNT, Azurite
from tests.servers.gcs import GcsServer
from tests.servers.lakehouse import Lakehouse
from tests.servers.minio import PRINCIPALS as MINIO_RIGHTS
from tests.servers.minio import MinioServer, rights
from tests.servers.nessie import PRINCIPALS as NESSIE_RIGHTS
from tests.servers.nessie import WAREHOUSE
from tests.servers.postgres import PostgresServer

#: The kinds of the six targets; the last two are declared under ``targets``.
TARGETS = ("trino", "s3", "polaris", "postgres", "gcs", "adls")
BEHIND_TLS = ("trino", "s3", "postgres", "adls")
_GCS_RIGHTS = tuple(f"storage.objects.{verb}" for verb in ("list", "get", "create", "delete"))
_SECRETS = ("password", "secret_access_key", "client_secret", "credentials_json", "sas_token")
_NUMBERS = count()


@dataclass(frozen=True)
class Servers:
    """The servers of the session."""

    lakehouse: Lakehouse
    minio: MinioServer
    postgres: PostgresServer
    gcs: GcsServer
    azurite: Azurite
    certificates: Certificates


class RealEnvironment:
    """Principals with just the rights that the checks need, made anew; take one away, and ``run``."""

    def __init__(self, servers: Servers) -> None:
        number = next(_NUMBERS)
        self.servers = servers
        self._bucket = servers.minio.bucket("lake")
        self._keys = servers.minio.user(*rights(self._bucket, *MINIO_RIGHTS["full"]))
        self._client = servers.lakehouse.nessie.keycloak.client(f"loader-{number}", *NESSIE_RIGHTS["full"])
        self._account = servers.gcs.gateway.account(*_GCS_RIGHTS)
        self._archive = servers.gcs.bucket(f"archive-{number}")
        self._container = servers.azurite.container(f"exchange-{number}")
        self._signature = servers.azurite.signature(self._container, "rcdl")
        self._role = f"loader_{number}"
        servers.postgres.run(
            f"CREATE ROLE {self._role} LOGIN PASSWORD 's3cret-of-{self._role}'",
            f"CREATE SCHEMA {self._role}",
            f"GRANT USAGE, CREATE ON SCHEMA {self._role} TO {self._role}",
            database="dagster",
        )

    def revoke_writing(self, target: str) -> None:
        """Take from the target's principal what it needs to write, where the server keeps it."""
        servers, reading = self.servers, ("ListBucket", "GetObject")
        match target:
            case "trino":  # from Trino's own principal in the storage
                lakehouse = servers.lakehouse
                lakehouse.minio.grant(lakehouse.keys, *rights(lakehouse.nessie.bucket, *reading))
            case "s3":
                servers.minio.grant(self._keys, *rights(self._bucket, *reading))
            case "polaris":
                servers.lakehouse.nessie.keycloak.revoke(self._client["client_id"], "create_table")
            case "postgres":
                servers.postgres.run(f"REVOKE CREATE ON SCHEMA {self._role} FROM {self._role}", database="dagster")
            case "gcs":
                self._account.permissions -= {"storage.objects.create"}
            case "adls":  # a signature can't be changed, only replaced
                self._signature = servers.azurite.signature(self._container, "rdl")

    def restore(self) -> None:
        """Give back what others use as well."""
        lakehouse = self.servers.lakehouse
        lakehouse.minio.grant(lakehouse.keys, *rights(lakehouse.nessie.bucket, *MINIO_RIGHTS["full"]))

    def run(self, folder: Path, *, stopped: str | None = None, expired: str | None = None) -> Finished:
        """Run the preflight of the whole; one server may be stopped, or one certificate out of date."""
        ports = {}
        with ExitStack() as paths:
            for target, port in self._ports().items():
                path = FaultyServer(*(self._expired(target) if target == expired else [forward(port)]))
                with ExitStack() as opened:
                    opened.enter_context(path)
                    ports[target] = path.port
                    if target != stopped:
                        paths.push(opened.pop_all())
            secrets = configure(folder, self._document(ports))
            return run(folder, "--floe-env=real", "--floe-timeout=120", **secrets)

    def _ports(self) -> dict[str, int]:
        servers = self.servers
        urls = {"s3": servers.minio.url, "polaris": servers.lakehouse.nessie.uri, "gcs": servers.gcs.url}
        told = {name: urlsplit(url).port or 0 for name, url in {**urls, "adls": servers.azurite.url}.items()}
        return {**told, "trino": servers.lakehouse.trino.tls_port, "postgres": servers.postgres.port}

    def _expired(self, target: str) -> list[Move]:
        negotiated = [hear, say(b"S")] if target == "postgres" else []
        return [*negotiated, tls(self.servers.certificates.expired), hang]

    def _document(self, ports: dict[str, int]) -> dict[str, Any]:
        """Return the environment, as it stands in floe.yaml."""
        servers, here = self.servers, "127.0.0.1"
        compute = servers.lakehouse.compute("writer")
        del compute["host"], compute["port"]
        issuer = servers.lakehouse.nessie.keycloak.token_endpoint
        gcs = {"bucket": self._archive, "credentials_json": json.dumps(self._account.key_file)}
        adls = {"container": self._container, "account": ACCOUNT, "sas_token": self._signature}
        postgres = {"user": self._role, "password": f"s3cret-of-{self._role}", "schema": self._role}
        return {
            "compute_type": "trino",
            "compute_host": here,
            "compute_port": ports["trino"],
            "trino": {**compute, "write": True, "needs": ["catalog"]},
            "storage_type": "s3",
            "storage_bucket": self._bucket,
            "s3": {
                **self._keys.settings,
                "endpoint": f"https://{here}:{ports['s3']}",
                "region": servers.minio.region,
                "ca_file": servers.minio.ca_file,
            },
            "catalog_uri": f"http://{here}:{ports['polaris']}/iceberg",
            "polaris": {**self._client, "warehouse": WAREHOUSE, "oauth2_server_uri": issuer, "write": True},
            "postgres_host": here,
            "postgres_port": ports["postgres"],
            "postgres_database": "dagster",
            "postgres": {**postgres, "sslmode": "verify-full", "ca_file": servers.certificates.ca_file},
            "targets": [
                {"service": "storage", "kind": "gcs", "endpoint": f"http://{here}:{ports['gcs']}", **gcs},
                {
                    "service": "storage",
                    "kind": "adls",
                    "endpoint": f"https://{here}:{ports['adls']}/{ACCOUNT}",
                    "ca_file": servers.azurite.ca_file,
                    **adls,
                },
            ],
        }


def configure(folder: Path, environment: dict[str, Any]) -> dict[str, str]:
    """Write floe.yaml; return the variables that its references to secrets need."""
    secrets: dict[str, str] = {}

    def refer(value: Any) -> Any:
        if isinstance(value, list):
            return [refer(one) for one in value]
        if not isinstance(value, dict):
            return str(value) if isinstance(value, Path) else value
        told = {}
        for key, one in value.items():
            if key in _SECRETS:
                secrets[f"FLOE_SECRET_{len(secrets)}"] = one
                told[key] = f"${{env:FLOE_SECRET_{len(secrets) - 1}}}"
            else:
                told[key] = refer(one)
        return told

    (folder / "floe.yaml").write_text(json.dumps({"environments": {"real": refer(environment)}}))
    return secrets
