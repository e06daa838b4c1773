"""A strict Trino, whose rules and certificate can be changed while it runs.

It takes JWTs of one issuer for one audience. Resource groups queue or refuse, and session properties hold short, what
names them as its source. Its catalog ``small`` has no room for a row.
"""

from __future__ import annotations

import json
import socket
import ssl
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.faults.certificates import Certificates, Pem
from tests.servers import java, programs, trino_config
from tests.servers.processes import Process, free_port, started
from tests.servers.providers import first_that_serves
from tests.servers.trino import READY_WITHIN, TrinoServer, has_started
from tests.servers.trino_config import CATALOG, JWT_KEY, RULES, SCHEMA

ISSUER, AUDIENCE = "https://issuer.example", "trino"
SMALL = "small"
#: Sources of queries that their group refuses, lets wait for ever, and that no group takes.
FULL, WAITING, STRAY = "matrix-full", "matrix-waiting", "matrix-stray"
#: Sources whose queries get hardly any time, as they wait, and hardly any memory.
HASTY, POOR = "matrix-hasty", "matrix-poor"
_SESSIONS = [
    {"source": HASTY, "sessionProperties": {"query_max_run_time": "1s"}},
    {"source": POOR, "sessionProperties": {"query_max_memory_per_node": "1B"}},
]
_GROUPS: dict[str, Any] = {
    "rootGroups": [
        {"name": "all", "softMemoryLimit": "100%", "hardConcurrencyLimit": 100, "maxQueued": 100},
        {"name": FULL, "softMemoryLimit": "100%", "hardConcurrencyLimit": 0, "maxQueued": 0},
        {"name": WAITING, "softMemoryLimit": "100%", "hardConcurrencyLimit": 0, "maxQueued": 100},
    ],
    "selectors": [
        *({"source": group, "group": group} for group in (FULL, WAITING)),
        {"source": HASTY, "group": WAITING},
        {"source": f"(?!{STRAY}).*", "group": "all"},
    ],
}
_CONFIG = (
    "node-scheduler.include-coordinator=true",
    "http-server.https.ssl-context.refresh-time=1s",
    f"http-server.authentication.jwt.required-issuer={ISSUER}",
    f"http-server.authentication.jwt.required-audience={AUDIENCE}",
)


@dataclass(frozen=True)
class StrictTrino(TrinoServer):
    """A running server; ``folder`` holds its configuration."""

    folder: Path

    def signed(self, user: str, key: str = JWT_KEY, **claims: Any) -> str:
        """Return a JWT for ``user`` that the server takes, but for what ``claims`` say."""
        right = {"sub": user, "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 3600}
        return jwt.encode({**right, **claims}, key, "HS256")

    def rule(self, rules: dict[str, Any]) -> None:
        """Have other rules apply, from the next request on."""
        new = self.folder / "new.json"
        new.write_text(json.dumps(rules))
        new.rename(self.folder / "rules.json")

    @contextmanager
    def ruled(self, **changes: Any) -> Iterator[None]:
        """Have rules apply that come before the others of their kind."""
        self.rule({kind: [*changes.get(kind, ()), *rules] for kind, rules in RULES.items()})
        try:
            yield
        finally:
            self.rule(RULES)

    @contextmanager
    def presenting(self, certificates: Certificates, fault: str) -> Iterator[None]:
        """Show a certificate with a fault, and a good one again."""
        self._present(certificates.pem(fault))
        try:
            yield
        finally:
            self._present(certificates.pem())

    def _present(self, pem: Pem) -> None:
        before = self._presented()
        new = self.folder / "new.pem"
        new.write_text(pem.key + pem.chain)
        new.rename(self.folder / "server.pem")
        while self._presented() == before:
            time.sleep(0.05)

    def _presented(self) -> bytes | None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.tls_port), timeout=10) as plain,
            context.wrap_socket(plain) as secured,
        ):
            return secured.getpeercert(binary_form=True)


@dataclass(frozen=True)
class Booting:
    """A server whose process has begun."""

    server: StrictTrino
    process: Process

    @property
    def is_starting(self) -> bool:
        """Whether it answers, and says that it is not ready yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server.port}/v1/info", timeout=5) as answer:
                return bool(json.load(answer)["starting"])
        except OSError:
            return False

    def wait(self) -> StrictTrino:
        """Wait until it is ready."""
        self.process.wait_until(lambda: has_started(self.server), READY_WITHIN)
        return self.server


@contextmanager
def boot(certificates: Certificates) -> Iterator[Booting]:
    """Begin a server of our own; it is stopped at the end."""
    environment, home = java.environment(), programs.trino()
    with tempfile.TemporaryDirectory(prefix="trino-") as temporary:
        folder = Path(temporary)
        server = StrictTrino(free_port(), free_port(), certificates.ca_file, folder)
        _configure(server, certificates.pem())
        with started([home / "bin" / "launcher", "--etc-dir", folder, "run"], environment) as process:
            yield Booting(server, process)


def _configure(server: StrictTrino, pem: Pem) -> None:
    folder = server.folder
    made = trino_config.files(server.port, server.tls_port, pem, str(folder), f"{folder}/data", _CONFIG)
    made["access-control.properties"] += "security.refresh-period=1ms\n"
    made[f"catalog/{SMALL}.properties"] = "connector.name=memory\nmemory.max-data-per-node=1B\n"
    made["resource-groups.properties"] = (
        f"resource-groups.configuration-manager=file\nresource-groups.config-file={folder}/groups.json\n"
    )
    made["session-property-config.properties"] = (
        "session-property-config.configuration-manager=file\n"
        f"session-property-manager.config-file={folder}/sessions.json\n"
    )
    made["sessions.json"] = json.dumps(_SESSIONS)
    made["groups.json"] = json.dumps(_GROUPS)
    (folder / "catalog").mkdir()
    for name, text in made.items():
        (folder / name).write_text(text)


@pytest.fixture(scope="session")
def trino_booting(certificates: Certificates) -> Iterator[Booting]:
    """The strict Trino, perhaps not ready yet."""
    with first_that_serves("strict Trino", native=lambda: boot(certificates)) as booting:
        yield booting


@pytest.fixture(scope="session")
def trino_strict(trino_booting: Booting) -> StrictTrino:
    """The strict Trino, whose schemas ``memory.shop`` and ``small.shop`` have one table each, the first with a row."""
    server = trino_booting.wait()
    for catalog in (CATALOG, SMALL):
        server.run(f"CREATE SCHEMA {catalog}.{SCHEMA}")
        server.run(f"CREATE TABLE {catalog}.{SCHEMA}.orders (id integer)")
    server.run(f"INSERT INTO {CATALOG}.{SCHEMA}.orders VALUES 1")
    return server
