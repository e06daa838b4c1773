"""An Iceberg REST catalog that enforces OAuth2, realms and grants: the one of the built-in environment `local`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.protocol import PLAIN
from tests.faults.lab import Lab
from tests.faults.path import Tamper
from tests.faults.server import Answer
from tests.faults.ways import WAYS, through
from tests.servers.iceberg_rest import IcebergRest, run_iceberg_rest

_SERVER = "Iceberg REST catalog of `local`"


def as_client(name: str, **changes: object) -> Arrange:
    """Return the arrangement of a client with the rights that tests/servers/iceberg_rest.py gives it."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: IcebergRest = lab.server("iceberg_rest")
        try:
            yield Scene({**server.client(name), "write": True, **changes}, server.canaries)
        finally:
            server.clear()

    return arrange


@contextmanager
def expiring(lab: Lab) -> Iterator[Scene]:
    """A catalog whose tokens have expired as soon as they are issued."""
    with run_iceberg_rest(lab.tmp_path, token_lifetime=0) as server:
        yield Scene(IcebergRest(f"http://127.0.0.1:{server.port}").client())


TWIN = Twin(kind="polaris", name="a client with all rights", server=_SERVER, arrange=as_client("keeper"))


def cell(fault: str, arrange: Arrange, cause: str, step: str | None, remedy: str, at: str = "", **more: Any) -> Cell:
    told = {"source": "emulator", "server": _SERVER, "twin": TWIN, **more}
    return Cell(kind="polaris", fault=fault, at=at, arrange=arrange, cause=cause, step=step, remedy=remedy, **told)


def refusing(method: str, path: str, status: int = 403) -> Arrange:
    """Return the arrangement of a path that refuses one operation as Polaris does."""
    told = {"error": {"message": "not authorized", "type": "ForbiddenException", "code": status}}
    return through(WAYS["polaris"], Tamper(method, path, Answer(status, told), times=1))


_ISSUER = "client {client_id} at {uri}/v1/oauth/tokens"
_PATH: dict[str, Any] = {"source": "path", "twin": PLAIN["polaris"]}
CELLS = [
    cell("wrong-user", as_client("stranger"), "authenticate.rejected", "authenticate", _ISSUER),
    cell("wrong-secret", as_client("keeper", client_secret="not-the-secret-of-it"), "authenticate.rejected",
         "authenticate", _ISSUER),
    cell("expired-token", expiring, "authenticate.rejected", "operate.config", "client keeper", says="expired"),
    cell("expired-token", as_client("keeper", client_id=None, client_secret=None, token="not-a-token-of-theirs"),
         "authenticate.rejected", "operate.config", "the token's principal", at="or forged"),
    cell("no-credentials", as_client("keeper", client_id=None, client_secret=None), "config.missing_credentials",
         "operate.config", "polaris.client_id and polaris.client_secret"),
    cell("missing-scope", as_client("keeper", scope="PRINCIPAL_ROLE:admin"), "authorize.denied", "authenticate",
         "grant scope PRINCIPAL_ROLE:admin to client keeper"),
    cell("missing-scope", as_client("outsider"), "authorize.denied", "operate.config",
         "access on catalog lake to client outsider", at="role without rights"),
    cell("wrong-realm", as_client("keeper", realm="ELSEWHERE"), "operate.not_found", "authenticate",
         "correct its name: realm ELSEWHERE"),
    cell("no-catalog", as_client("keeper", warehouse="swamp"), "operate.not_found", "operate.config",
         "correct its name: warehouse swamp"),
    cell("no-schema", as_client("keeper", namespace="swamp"), "operate.not_found", "authorize.list_tables",
         "correct its name: namespace swamp"),
    cell("list-denied", refusing("GET", "/namespaces"), "authorize.list_denied", "authorize.list",
         "NAMESPACE_LIST on catalog lake to client keeper", **_PATH),
    cell("write-denied", as_client("reader"), "authorize.write_denied", "operate.create_namespace",
         "NAMESPACE_CREATE on catalog lake to client reader"),
    cell("write-denied", refusing("POST", "/tables$"), "authorize.write_denied", "operate.create_table",
         "TABLE_CREATE on catalog lake to client keeper", at="table", **_PATH),
    cell("read-denied", refusing("GET", "/tables/"), "authorize.read_denied", "operate.read",
         "TABLE_READ_PROPERTIES on catalog lake to client keeper", **_PATH),
    cell("delete-denied", as_client("hoarder"), "authorize.delete_denied", "operate.drop_table",
         "TABLE_DROP on catalog lake to client hoarder", stays=True),
    cell("delete-denied", refusing("DELETE", r"/namespaces/[\w-]+$"), "authorize.delete_denied",
         "operate.drop_namespace", "NAMESPACE_DROP on catalog lake to client keeper", at="namespace", **_PATH),
    cell("no-object", as_client("keeper", warehouse=None), "config.object_not_given", None, "set polaris.warehouse",
         status="warning"),
]  # fmt: skip
