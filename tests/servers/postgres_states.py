"""Further PostgreSQL servers: replicas, one that starts, one that stops, and one that is strict about TLS."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.pq import Ping

from tests.faults.certificates import Certificates, Pem
from tests.servers.postgres import PostgresServer, find_programs, prepare, run_postgres

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
#: Nobody comes in without TLS, few come in at all, and two show a certificate of their own.
STRICT_HBA = """
local   all all                        trust
hostssl all dagster    127.0.0.1/32    scram-sha-256
hostssl all secured    127.0.0.1/32    scram-sha-256 clientcert=verify-ca
hostssl all trusted    127.0.0.1/32    cert
"""


@dataclass(frozen=True)
class StrictServer:
    """A server whose certificate can be changed while it runs."""

    postgres: PostgresServer

    def present(self, pem: Pem) -> None:
        """Have new connections see another certificate."""
        before = self._presented()
        for name, content in (("server.key", pem.key), ("server.crt", pem.chain)):
            file = self.postgres.folder / "data" / name
            file.write_text(content)
        self.postgres.run("SELECT pg_reload_conf()")
        while self._presented() == before:
            pass

    def _presented(self) -> bytes | None:
        """Return the certificate that a client sees, by PostgreSQL's way into TLS."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((self.postgres.host, self.postgres.port), timeout=10) as plain:
            plain.sendall(_SSL_REQUEST)
            plain.recv(1)
            with context.wrap_socket(plain) as secured:
                return secured.getpeercert(binary_form=True)


@pytest.fixture(scope="session")
def postgres_strict(certificates: Certificates) -> Iterator[StrictServer]:
    """A server that takes nobody without TLS; skips where PostgreSQL is built without."""
    pem = certificates.pem()
    files = {"server.key": pem.key, "server.crt": pem.chain, "clients.pem": certificates.ca_file.read_text()}
    options = {"ssl": "on", "ssl_ca_file": "clients.pem"}
    programs = find_programs()
    if programs.is_relative_to("/usr"):
        with run_postgres(programs, files={**files, "pg_hba.conf": STRICT_HBA}, **options) as server:
            prepare(server)
            yield StrictServer(server)
    else:
        pytest.skip(f"the PostgreSQL in {programs} is built without TLS: install Debian's postgresql")


@pytest.fixture(scope="session")
def postgres_replica() -> Iterator[PostgresServer]:
    """A standby that takes queries."""
    with run_postgres(find_programs(), files={"standby.signal": ""}) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_cold_standby() -> Iterator[PostgresServer]:
    """A standby that takes nobody."""
    with run_postgres(find_programs(), files={"standby.signal": ""}, hot_standby="off") as server:
        yield server


@contextmanager
def starting() -> Iterator[PostgresServer]:
    """Run a server that restores from an archive which never answers."""
    options = {"restore_command": "mkfifo archive; cat archive", "hot_standby": "off"}
    with run_postgres(find_programs(), files={"recovery.signal": ""}, **options) as server:
        yield server


@contextmanager
def stopping() -> Iterator[PostgresServer]:
    """Run a server that was told to stop, and waits for a client to leave."""
    with run_postgres(find_programs()) as server:
        prepare(server)
        with server.connect():
            os.kill(int((server.folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGTERM)
            where = f"host={server.folder} port={server.port} dbname=postgres user=postgres"
            while psycopg.pq.PGconn.ping(where.encode()) != Ping.REJECT:
                pass
            yield server
