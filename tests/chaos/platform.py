"""The platform under test: the embedded servers, with less trusting grants, and what an administrator sees on them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Self

import boto3
import httpx
import psutil
import psycopg

from pytest_floe.local import policies
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
from pytest_floe.local.launch import Server, running
from tests.chaos.path import HOST, Path

BUCKET, PREFIX, WAREHOUSE, DATABASE, REGION = "floe-chaos", "floe/", "floe", "floe", "us-east-1"
KEY, ADMIN_KEY, STORAGE_KEY = "AKIACHAOSWORKLOAD234", "AKIACHAOSADMIN234567", "AKIACHAOSCATALOG2345"
ADMIN_SECRET = "administrators-own-secret-0123456789"
CANARY = "floe-preflight-"
#: What the workload is told; each is looked for in everything that a run writes.
SENTINELS = {
    "FLOE_PG": 'sentinel-pg "quoted" <b>/+&=%\'1',
    "FLOE_S3": "sentinel/s3+secret/with=base64chars01234",
    "FLOE_CATALOG": "sentinel-catalog-säcret&x=1",
}
WRONG = {name: f"wrong-{secret}" for name, secret in SENTINELS.items()}
#: Clients of the catalog, by what they may do.
PRINCIPALS = {
    "floe": [READ, WRITE, DELETE],
    "reader": [READ],
    "keeper": [READ, WRITE],
    "nobody": [],
}
SERVICES = ("storage", "catalog", "postgres")

_AS_BEFORE = (
    "ALTER ROLE loader LOGIN CONNECTION LIMIT -1 VALID UNTIL 'infinity'",
    "ALTER ROLE loader RESET default_transaction_read_only",
    "GRANT CONNECT ON DATABASE floe TO loader",
    "GRANT USAGE, CREATE ON SCHEMA public TO loader",
)


class Platform:
    """Three servers and the paths to them; the catalog has a path of its own to the storage."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._servers: dict[str, tuple[Server, ExitStack]] = {}
        self._stopped: list[psutil.Process] = []
        self.paths = {service: Path(service, 0) for service in SERVICES}
        self._storage_of_catalog = Path("storage of the catalog", 0)

    def __enter__(self) -> Self:
        for service in SERVICES:
            self.start(service)
        return self

    def __exit__(self, *_: object) -> None:
        self.resume()
        for _, stack in self._servers.values():
            stack.close()
        for path in (*self.paths.values(), self._storage_of_catalog):
            path.close()

    # Servers

    def start(self, service: str) -> None:
        """Start a server, in place of the one before, if there was one."""
        if service in self._servers:
            self._servers.pop(service)[1].close()
        configs = {"storage": self._s3, "catalog": self._catalog, "postgres": self._postgres}
        stack = ExitStack()
        server = stack.enter_context(running(configs[service]()))
        self._servers[service] = server, stack
        self.paths[service].upstream = server.port
        if service == "storage":
            self._storage_of_catalog.upstream = server.port
            self._iam = self._client("iam")
            self._admin_s3 = self._client("s3")
        if service == "postgres":
            self._found_database()

    def replace_dead(self) -> None:
        """Start anew what was killed; a catalog does not outlive the storage that its tables are in."""
        dead = {
            service
            for service, (server, _) in self._servers.items()
            if not psutil.pid_exists(server.pid) or psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE
        }
        if "storage" in dead:
            dead.add("catalog")
        for service in SERVICES:
            if service in dead:
                self.start(service)

    def suspend(self, service: str) -> None:
        """Stop a server as SIGSTOP does, with all its processes."""
        for process in self._processes(service):
            process.suspend()
            self._stopped.append(process)

    def resume(self) -> None:
        """Let what was suspended go on."""
        for process in self._stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()
        self._stopped = []

    def has_answered(self) -> bool:
        """Tell whether no server is still about a request of somebody who has gone."""
        ports = {server.port for server, _ in self._servers.values()}
        open_ones = [one for one in psutil.net_connections("tcp") if one.laddr and one.laddr.port in ports]
        return not any(one.status == psutil.CONN_CLOSE_WAIT for one in open_ones)

    def kill(self, service: str) -> None:
        """Kill a server, and wait until it is dead."""
        processes = self._processes(service)
        processes[0].kill()  # PostgreSQL's supervisor takes its server with it
        psutil.wait_procs(processes[1:], timeout=10)

    def _processes(self, service: str) -> list[psutil.Process]:
        supervisor = psutil.Process(self._servers[service][0].pid)
        return [supervisor, *supervisor.children(recursive=True)]

    # Grants

    def policy(self, without: tuple[str, ...] = ()) -> None:
        """Allow the workload all it needs in the bucket, but for the actions ``without``."""
        document = copy.deepcopy(policies.read_write(BUCKET))
        for statement in document["Statement"]:
            kept = [action for action in statement["Action"] if not action.startswith(without or "-")]
            statement["Action"] = kept or ["s3:ListAllMyBuckets"]  # a statement must have one
        self._iam.put_user_policy(UserName="floe", PolicyName="floe-policy", PolicyDocument=json.dumps(document))

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as PostgreSQL's administrator; return the rows of the last."""
        with psycopg.connect(
            host=HOST, port=self._servers["postgres"][0].port, dbname=DATABASE, user="postgres",
            password=ADMIN_SECRET, autocommit=True, connect_timeout=10,
        ) as connection:  # fmt: skip
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def restore(self) -> None:
        """Undo whatever was done to grants and servers."""
        self.replace_dead()
        self.policy()
        self.sql(*_AS_BEFORE)

    # What is there

    def leftovers(self) -> list[str]:
        """Return the names of all canaries on servers that live."""
        looks: dict[str, Callable[[], Iterator[str]]] = {
            "storage": self._objects, "catalog": self._namespaces, "postgres": self._tables,
        }  # fmt: skip
        return [name for service, look in looks.items() if self._lives(service) for name in look()]

    def _lives(self, service: str) -> bool:
        server = self._servers[service][0]
        return psutil.pid_exists(server.pid) and psutil.Process(server.pid).status() != psutil.STATUS_ZOMBIE

    def _objects(self) -> Iterator[str]:
        for entry in self._admin_s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            if CANARY in entry["Key"] and not entry["Key"].startswith("warehouse/"):
                yield entry["Key"].rpartition("/")[2]

    def _namespaces(self) -> Iterator[str]:
        with self._as_administrator() as catalog:
            for levels in catalog("namespaces")["namespaces"]:
                if CANARY in levels[-1]:
                    yield levels[-1]
                    yield from (
                        table["name"] for table in catalog(f"namespaces/{levels[-1]}/tables").get("identifiers", ())
                    )

    def _tables(self) -> Iterator[str]:
        return (name for (name,) in self.sql(f"SELECT relname FROM pg_class WHERE relname LIKE '{CANARY}%'"))

    @contextmanager
    def _as_administrator(self) -> Iterator[Callable[[str], Any]]:
        address = f"http://{HOST}:{self._servers['catalog'][0].port}/v1"
        form = {
            "grant_type": "client_credentials", "client_id": "admin", "client_secret": ADMIN_SECRET, "scope": ALL_ROLES,
        }  # fmt: skip
        with httpx.Client(trust_env=False, verify=False, timeout=30) as client:  # plain HTTP: authorities cost time
            token = client.post(f"{address}/oauth/tokens", data=form).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            yield lambda path: client.get(f"{address}/{WAREHOUSE}/{path}", headers=headers).json()

    # What everybody is told

    def environment(self, database: str, principal: str) -> dict[str, Any]:
        """Return the environment as floe.yaml declares it; secrets are the variables of SENTINELS."""
        ports = {service: path.port for service, path in self.paths.items()}
        return {
            "compute_type": "duckdb",
            "duckdb": {"path": database, "write": True},
            "storage_type": "s3",
            "storage_bucket": BUCKET,
            "s3": {
                "endpoint": f"http://{HOST}:{ports['storage']}", "region": REGION, "path_style": True,
                "prefix": PREFIX, "access_key_id": KEY, "secret_access_key": "${env:FLOE_S3}",
            },
            "catalog_uri": f"http://{HOST}:{ports['catalog']}",
            "polaris": {
                "client_id": principal, "client_secret": "${env:FLOE_CATALOG}", "warehouse": WAREHOUSE,
                "scope": ALL_ROLES, "realm": "POLARIS", "write": True,
            },
            "postgres_host": HOST,
            "postgres_port": ports["postgres"],
            "postgres_database": DATABASE,
            "postgres": {"user": "loader", "password": "${env:FLOE_PG}", "sslmode": "disable", "schema": "public"},
        }  # fmt: skip

    def _s3(self) -> S3Config:
        users = [
            S3User("floe", KEY, SENTINELS["FLOE_S3"], policies.read_write(BUCKET)),
            S3User("admin", ADMIN_KEY, ADMIN_SECRET, policies.administrator()),
            S3User("catalog", STORAGE_KEY, ADMIN_SECRET, policies.read_write(BUCKET)),
        ]
        return S3Config(BUCKET, users, REGION)

    def _catalog(self) -> CatalogConfig:
        secret = SENTINELS["FLOE_CATALOG"]
        clients = [Principal(name, secret, {ALL_ROLES: actions}) for name, actions in PRINCIPALS.items()]
        storage = {
            "py-io-impl": "pytest_floe.local.catalog_storage.S3FileIO",
            "s3.endpoint": f"http://{HOST}:{self._storage_of_catalog.port}",
            "s3.region": REGION,
            "s3.path-style-access": "true",
            "s3.access-key-id": STORAGE_KEY,
            "s3.secret-access-key": ADMIN_SECRET,
        }
        admin = Principal("admin", ADMIN_SECRET, {ALL_ROLES: [READ, WRITE, DELETE]})
        return CatalogConfig([*clients, admin], WAREHOUSE, f"s3://{BUCKET}/warehouse", storage, realm="POLARIS")

    def _postgres(self) -> PostgresConfig:
        return PostgresConfig("owner", ADMIN_SECRET, DATABASE, ADMIN_SECRET)

    def _found_database(self) -> None:
        password = SENTINELS["FLOE_PG"].replace("'", "''")
        self.sql(
            f"CREATE ROLE loader LOGIN PASSWORD '{password}'",
            "REVOKE ALL ON DATABASE floe FROM PUBLIC",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC",
            *_AS_BEFORE,
        )

    def _client(self, service: str) -> Any:
        return boto3.client(
            service, endpoint_url=f"http://{HOST}:{self._servers['storage'][0].port}", region_name=REGION,
            aws_access_key_id=ADMIN_KEY, aws_secret_access_key=ADMIN_SECRET,
        )  # fmt: skip
