"""A real Trino on loopback: one node, catalogs ``memory`` and ``tpch``, users with different rights.

Over TLS it asks for a password or a JWT; on its plain port it takes a user's word. What each user may do is in
``RULES``, which Trino's file-based access control enforces.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest
import trino.dbapi
import trustme

from tests.servers.downloads import alone
from tests.servers.processes import free_port

VERSION = "476"
NEEDED_JAVA = 24
CATALOG, SCHEMA = "memory", "shop"
ARTIFACTS = (f"trino-server-core:{VERSION}:tar.gz", f"trino-memory:{VERSION}:zip", f"trino-tpch:{VERSION}:zip")
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
JWT_KEY = "a-key-of-the-test-server-that-signs-tokens"
READY_WITHIN = 180.0

#: The names of the users say what ``RULES`` lets them do.
USERS = ("writer", "reader", "creator", "onlooker", "outsider", "silenced", "newcomer", "neighbour")
PASSWORDS = {user: f"{user}-of-trino-test" for user in USERS}

_EVERYTHING = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP"]
RULES = {
    "queries": [{"user": "silenced", "allow": []}, {"allow": ["execute", "view", "kill"]}],
    "catalogs": [
        {"catalog": "system", "allow": "read-only"},
        {"user": "writer", "allow": "all"},
        {"user": "creator|onlooker|newcomer|neighbour", "catalog": CATALOG, "allow": "all"},
        {"user": "reader", "catalog": CATALOG, "allow": "read-only"},
    ],
    "schemas": [{"user": "writer", "owner": True}],
    "tables": [
        {"catalog": "system", "privileges": ["SELECT"]},
        {"schema": "information_schema", "privileges": ["SELECT"]},
        {"user": "creator", "privileges": ["SELECT", "OWNERSHIP"]},
        {"user": "reader", "table": "hidden", "privileges": ["INSERT"]},
        {"user": "onlooker", "privileges": ["INSERT"]},
        {"user": "newcomer", "table": "floe-preflight-.*", "privileges": _EVERYTHING},
        {"user": "neighbour", "table": ".*-guarded", "privileges": ["SELECT"]},
        {"user": "writer|reader|neighbour", "privileges": _EVERYTHING},
    ],
}


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
def trino_server() -> Iterator[TrinoServer]:
    """Trino that does its own work, and whose schema ``memory.shop`` has one table."""
    with serve() as server:
        server.run(f"CREATE SCHEMA {CATALOG}.{SCHEMA}")
        server.run(f"CREATE TABLE {CATALOG}.{SCHEMA}.orders (id integer)")
        yield server


@pytest.fixture(scope="session")
def trino_without_workers() -> Iterator[TrinoServer]:
    """A Trino coordinator that leaves the work to workers, and has none."""
    with serve("node-scheduler.include-coordinator=false") as server:
        yield server


@contextmanager
def serve(*config: str) -> Iterator[TrinoServer]:
    """Start a Trino with additional ``config`` lines, wait until it is ready, and stop it at the end."""
    java, home = find_java(), install()
    with tempfile.TemporaryDirectory(prefix="trino-") as folder:
        server = configure(Path(folder), config)
        command = [str(home / "bin" / "launcher"), "--etc-dir", folder, "run"]
        environment = os.environ | {"JAVA_HOME": str(java), "PATH": f"{java / 'bin'}:{os.environ['PATH']}"}
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_until_ready(server, process, Path(folder, "log"))
            yield server
        finally:
            process.terminate()
            process.wait(60)


def find_java() -> Path:
    """Return the home of a JDK that can run Trino, or skip saying where was looked."""
    places = [os.environ.get("JAVA_HOME"), *map(str, sorted(Path("/usr/lib/jvm").glob("*"), reverse=True))]
    on_path = shutil.which("java")
    places.append(str(Path(on_path).resolve().parents[1]) if on_path else None)
    homes = [Path(place) for place in places if place]
    for home in homes:
        release = home / "release"
        found = re.search(r'JAVA_VERSION="(\d+)', release.read_text()) if release.is_file() else None
        if found and int(found[1]) >= NEEDED_JAVA:
            return home
    pytest.skip(
        f"Trino {VERSION} needs Java {NEEDED_JAVA} or later; looked in {', '.join(map(str, homes)) or 'no place'}"
    )


def install() -> Path:
    """Return the folder of an unpacked Trino, downloaded by Maven on first use."""
    with alone(f"trino-{VERSION}") as home:
        if not home.is_dir():
            maven = shutil.which("mvn")
            if not maven:
                pytest.skip(f"Trino is not in {home}, and there is no mvn to download it")
            with tempfile.TemporaryDirectory(dir=home.parent) as folder:
                unpack(download(maven, Path(folder)), Path(folder)).rename(home)
    return home


def download(maven: str, folder: Path) -> list[Path]:
    """Fetch server and plugins into ``folder``, or skip with what Maven said."""
    for artifact in ARTIFACTS:
        command = [maven, "-B", "-q", MAVEN_COPY, f"-Dartifact=io.trino:{artifact}", f"-DoutputDirectory={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"Maven could not download io.trino:{artifact}: {done.stdout[-300:]}")
    return [folder / "{}-{}.{}".format(*artifact.split(":")) for artifact in ARTIFACTS]


def unpack(archives: list[Path], folder: Path) -> Path:
    """Unpack the server, and each plugin into its folder ``plugin``."""
    server, *plugins = archives
    shutil.unpack_archive(server, folder, filter="tar")
    home = folder / server.name.removesuffix(".tar.gz")
    for plugin in plugins:
        with zipfile.ZipFile(plugin) as archive:  # shutil.unpack_archive skips names with two dots, and there are some
            archive.extractall(home / "plugin")
    return home


def configure(folder: Path, extra: tuple[str, ...]) -> TrinoServer:
    """Write Trino's configuration into ``folder``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    server = TrinoServer(free_port(), free_port(), folder / "ca.pem")
    (folder / "catalog").mkdir()
    for name, text in (general_files(folder) | server_files(server, folder, extra) | access_files(folder)).items():
        (folder / name).write_text("\n".join(line.strip() for line in text.strip().splitlines()) + "\n")
    return server


def general_files(folder: Path) -> dict[str, str]:
    """Return what any Trino needs: node, small JVM, catalogs."""
    node = f"""
        node.environment=test
        node.id=one
        node.bind-ip=127.0.0.1
        node.internal-address=127.0.0.1
        node.data-dir={folder}/data"""
    jvm = """
        -server
        -Xmx700M
        -XX:+UseSerialGC
        -XX:TieredStopAtLevel=1
        -XX:ReservedCodeCacheSize=192M
        -Djdk.attach.allowAttachSelf=true
        --enable-native-access=ALL-UNNAMED
        --sun-misc-unsafe-memory-access=allow"""
    catalogs = {f"catalog/{name}.properties": f"connector.name={name}" for name in ("memory", "tpch")}
    return {"node.properties": node, "jvm.config": jvm, **catalogs}


def server_files(server: TrinoServer, folder: Path, extra: tuple[str, ...]) -> dict[str, str]:
    """Return the coordinator's configuration."""
    config = f"""
        coordinator=true
        query.max-memory-per-node=200MB
        memory.heap-headroom-per-node=100MB
        http-server.http.port={server.port}
        http-server.https.enabled=true
        http-server.https.port={server.tls_port}
        http-server.https.keystore.path={folder}/server.pem
        http-server.authentication.type=PASSWORD,JWT
        http-server.authentication.allow-insecure-over-http=true
        http-server.authentication.jwt.key-file={folder}/jwt.key
        internal-communication.shared-secret=of-one-node-only
        discovery.uri=http://127.0.0.1:{server.port}"""
    return {"config.properties": "\n".join([config, *(extra or ["node-scheduler.include-coordinator=true"])])}


def access_files(folder: Path) -> dict[str, str]:
    """Return passwords, the key of the JWTs, and who may do what."""
    return {
        "jwt.key": base64.b64encode(JWT_KEY.encode()).decode(),
        "password-authenticator.properties": f"password-authenticator.name=file\nfile.password-file={folder}/passwords",
        "passwords": "\n".join(f"{user}:{hashed(password)}" for user, password in PASSWORDS.items()),
        "access-control.properties": f"access-control.name=file\nsecurity.config-file={folder}/rules.json",
        "rules.json": json.dumps(RULES),
    }


def hashed(password: str) -> str:
    """Return ``password`` as Trino's password file wants it: iterations, salt and PBKDF2 in hexadecimal."""
    salt = os.urandom(16)
    return f"1000:{salt.hex()}:{hashlib.pbkdf2_hmac('sha1', password.encode(), salt, 1000).hex()}"


def wait_until_ready(server: TrinoServer, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server says that it has started; fails with the end of its log."""
    deadline = time.monotonic() + READY_WITHIN
    while not has_started(server):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Trino did not start: {log.read_text()[-2000:]}")
        time.sleep(0.2)


def has_started(server: TrinoServer) -> bool:
    """Ask ``/v1/info`` whether the server has started."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/v1/info", timeout=5) as answer:
            return json.load(answer)["starting"] is False
    except OSError:
        return False
