"""A real Trino: one node, catalogs ``memory`` and ``tpch``, users with different rights, and a lakehouse if asked for.

Over TLS it asks for a password or a JWT; on its plain port it takes a user's word. What each user may do is in
``RULES``, which Trino's file-based access control enforces.

Given: ``FLOE_TEST_TRINO=http://host:port?tls_port=…&ca_file=…``, a Trino of this machine configured as trino_config.py
does it. In a container, on the network of this machine: ``trinodb/trino``. Native: from Maven.
"""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest
import trino.dbapi

from tests.faults.certificates import Certificates, Pem
from tests.servers import containers, java, programs, trino_config
from tests.servers.processes import free_port, started
from tests.servers.providers import first_that_serves, given
from tests.servers.trino_config import CATALOG, JWT_KEY, LAKE, PASSWORDS, RULES, SCHEMA, USERS

__all__ = ["CATALOG", "LAKE", "PASSWORDS", "RULES", "SCHEMA", "USERS", "TrinoServer"]

IMAGE = f"trinodb/trino:{programs.TRINO}"
READY_WITHIN = 180.0


@dataclass(frozen=True)
class TrinoServer:
    """A running server: its two ports, and the authority that signed its certificate."""

    port: int
    tls_port: int
    ca_file: Path

    def token(self, user: str, lifetime: float = 3600) -> str:
        """Return a JWT that the server takes for ``user``."""
        return jwt.encode({"sub": user, "exp": time.time() + lifetime}, JWT_KEY, "HS256")

    def run(self, sql: str) -> list[list[object]]:
        """Run ``sql`` as the user who may do everything, and return its rows."""
        with closing(trino.dbapi.connect(host="127.0.0.1", port=self.port, user="writer")) as connection:
            return connection.cursor().execute(sql).fetchall()

    def tables(self) -> set[str]:
        """Return the names of the tables in the schema that checks are pointed at."""
        return {str(name) for (name,) in self.run(f"SHOW TABLES FROM {CATALOG}.{SCHEMA}")}


@pytest.fixture(scope="session")
def trino_server(certificates: Certificates) -> Iterator[TrinoServer]:
    """Trino that does its own work, and whose schema ``memory.shop`` has one table with one row."""
    with first_that_serves(
        "Trino",
        endpoint=at_endpoint,
        container=lambda: in_container(certificates),
        native=lambda: serve(certificates),
    ) as server:
        server.run(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{SCHEMA}")
        server.run(f"CREATE TABLE IF NOT EXISTS {CATALOG}.{SCHEMA}.orders AS SELECT 1 AS id")
        yield server


@pytest.fixture(scope="session")
def trino_without_workers(certificates: Certificates) -> Iterator[TrinoServer]:
    """A Trino coordinator that leaves the work to workers, and has none."""
    with first_that_serves(
        "Trino without workers",
        container=lambda: in_container(certificates, "node-scheduler.include-coordinator=false"),
        native=lambda: serve(certificates, "node-scheduler.include-coordinator=false"),
    ) as server:
        yield server


@contextmanager
def at_endpoint() -> Iterator[TrinoServer]:
    """Use a Trino that runs already."""
    there = given("FLOE_TEST_TRINO")
    yield TrinoServer(there.port, int(there.options["tls_port"]), Path(there.options["ca_file"]))


@contextmanager
def in_container(certificates: Certificates, *config: str) -> Iterator[TrinoServer]:
    """Run the official image; on this machine's network, as its neighbours may listen on loopback only."""
    server = TrinoServer(free_port(), free_port(), certificates.ca_file)
    made = trino_config.files(server.port, server.tls_port, certificates.pem(), "/etc/trino", "/data/trino", config)
    inside = [(text.encode(), f"/etc/trino/{name}") for name, text in made.items()]
    with containers.running(IMAGE, transferables=inside, network_mode="host") as container:
        containers.wait_until(lambda: has_started(server), container)
        yield server


@contextmanager
def serve(certificates: Certificates, *config: str) -> Iterator[TrinoServer]:
    """Run a Trino of our own with additional ``config`` lines."""
    environment, home = java.environment(), programs.trino()
    server = TrinoServer(free_port(), free_port(), certificates.ca_file)
    with tempfile.TemporaryDirectory(prefix="trino-") as folder:
        configure(Path(folder), server, certificates.pem(), config)
        with started([home / "bin" / "launcher", "--etc-dir", folder, "run"], environment) as process:
            process.wait_until(lambda: has_started(server), READY_WITHIN)
            yield server


def configure(folder: Path, server: TrinoServer, pem: Pem, extra: tuple[str, ...]) -> None:
    """Write Trino's configuration into ``folder``."""
    (folder / "catalog").mkdir()
    made = trino_config.files(server.port, server.tls_port, pem, str(folder), f"{folder}/data", extra)
    for name, text in made.items():
        (folder / name).write_text(text)


def has_started(server: TrinoServer) -> bool:
    """Ask ``/v1/info`` whether the server has started."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/v1/info", timeout=5) as answer:
            return json.load(answer)["starting"] is False
    except OSError:
        return False
