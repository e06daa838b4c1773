"""An Iceberg REST catalog whose answers are not what they should be, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_floe import canary
from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.protocol import PLAIN
from tests.faults.edits import edited, swapped
from tests.faults.lab import Lab
from tests.faults.path import Tamper
from tests.faults.server import Answer
from tests.faults.ways import WAYS, through
from tests.servers.iceberg_rest import IcebergRest

WAY = WAYS["polaris"]
_TOKENS = ("POST", "/v1/oauth/tokens")
_CANARY = "floe-preflight-"
_KILLED = "0badcafe"  # the run that left something
_NAMESPACE = rf"/namespaces/{_CANARY}[\w-]+$"
_REFUSED = {"error": {"message": "no", "type": "ForbiddenException", "code": 403}}


def in_namespace(*tampers: Tamper) -> Arrange:
    """Return the arrangement of a workload that has a namespace of its own."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: IcebergRest = lab.server("iceberg_rest")
        name = f"matrix_{lab.number()}"
        server.ask("POST", "/namespaces", json={"namespace": [name], "properties": {}})
        try:
            with through(WAY, *tampers, namespace=name, write=False)(lab) as scene:
                yield scene
        finally:
            server.ask("DELETE", f"/namespaces/{name}")

    return arrange


def left(*tampers: Tamper) -> Arrange:
    """Return the arrangement of a catalog with the namespace of a run that was killed two hours ago."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        name = canary.name(_KILLED, "namespace", datetime.now(UTC) - timedelta(hours=2))
        signed = {"pytest-floe": canary.signature(_KILLED)}
        with through(WAY, *tampers)(lab) as scene:
            lab.server("iceberg_rest").ask("POST", "/namespaces", json={"namespace": [name], "properties": signed})
            yield scene

    return arrange


@contextmanager
def without_authority(lab: Lab) -> Iterator[Scene]:
    """A file of authorities that holds none, and which the network's own rungs do not need."""
    empty = lab.tmp_path / "authorities.pem"
    empty.write_text("not a certificate\n")
    with through(WAY, ca_file=empty)(lab) as scene:
        yield scene


WITH_NAMESPACE = Twin(kind="polaris", name="a namespace of its own", server=WAY.server, arrange=in_namespace())


def cell(fault: str, at: str, arrange: Arrange, cause: str | None, step: str | None, **more: Any) -> Cell:
    told: dict[str, Any] = {"remedy": "", "twin": PLAIN["polaris"], **more}
    return Cell(
        kind="polaris",
        fault=fault,
        at=at,
        source="path",
        server=WAY.server,
        arrange=arrange,
        cause=cause,
        step=step,
        **told,
    )


def misshapen(at: str, step: str, tamper: Tamper) -> Cell:
    remedy = "make sure that the address leads to the service itself"
    return cell("json-shape", at, through(WAY, tamper), "operate.unexpected_response", step, remedy=remedy)


_ONE_PAGE = {"namespaces": [], "next-page-token": "more"}

CELLS = [
    misshapen("token missing", "authenticate", Tamper(*_TOKENS, edited(access_token=None))),
    misshapen("token empty", "authenticate", Tamper(*_TOKENS, edited(access_token=""))),
    misshapen("token of another type", "authenticate", Tamper(*_TOKENS, edited(token_type="mac"))),
    misshapen("type of token missing", "authenticate", Tamper(*_TOKENS, edited(token_type=None))),
    misshapen("lifetime of a token", "authenticate", Tamper(*_TOKENS, edited(expires_in=3600.5))),
    misshapen("lifetime of a token is true", "authenticate", Tamper(*_TOKENS, edited(expires_in=True))),
    misshapen("configuration", "operate.config", Tamper("GET", "/v1/config", edited(defaults=None))),
    misshapen("namespaces", "authorize.list", Tamper("GET", "/namespaces", edited(namespaces={}))),
    misshapen("levels of a namespace", "authorize.list", Tamper("GET", "/namespaces", edited(namespaces=["shop"]))),
    misshapen("pages without end", "authorize.list", Tamper("GET", r"/namespaces\?", Answer(200, _ONE_PAGE))),
    misshapen("table", "operate.read", Tamper("GET", f"/tables/{_CANARY}", edited(metadata=None))),
    cell(
        "json-shape",
        "tables",
        in_namespace(Tamper("GET", "/tables", edited(identifiers={}))),
        "operate.unexpected_response",
        "authorize.list_tables",
        twin=WITH_NAMESPACE,
    ),
    cell(
        "step-500",
        "authorize.list_tables",
        in_namespace(Tamper("GET", "/tables", Answer(500))),
        "operate.server_error",
        "authorize.list_tables",
        twin=WITH_NAMESPACE,
    ),
    cell(
        "step-html",
        "operate.create_namespace",
        through(WAY, Tamper("POST", "/namespaces$", Answer(200, "<html>done</html>"), times=1)),
        "operate.unexpected_response",
        "operate.create_namespace",
        remedy="/namespaces",
    ),
    cell(
        "wrong-content",
        "",
        through(WAY, Tamper("GET", f"/tables/{_CANARY}", swapped(b"pytest-floe canary", b"somebody's table "))),
        "operate.wrong_content",
        "operate.read",
        remedy=f"table {_CANARY}",
    ),
    cell(
        "not-removed",
        "namespace",
        through(WAY, Tamper("DELETE", _NAMESPACE, Answer(204), times=1)),
        "operate.not_removed",
        "operate.drop_namespace",
        remedy=f"remove by hand: {_CANARY}",
    ),
    cell(
        "step-500",
        "looking for a dropped namespace",
        through(WAY, Tamper("GET", _NAMESPACE, Answer(500), times=1)),
        "operate.server_error",
        "operate.drop_namespace",
        remedy=f"/namespaces/{_CANARY}",
    ),
    cell(
        "not-removed",
        "files of a table",
        through(WAY, Tamper("DELETE", "purgeRequested=true", Answer(403, _REFUSED))),
        "operate.not_removed",
        None,
        status="warning",
        remedy="remove by hand: ",
    ),
    cell(
        "step-500",
        "configuration without a warehouse",
        through(WAY, Tamper("GET", "/v1/config", Answer(500)), warehouse=None),
        "operate.server_error",
        "operate.config",
        remedy="/v1/config",
    ),
    cell(
        "step-500",
        "operate.drop_table",
        through(WAY, Tamper("DELETE", f"/tables/{_CANARY}", Answer(500), times=1)),
        "operate.server_error",
        "operate.drop_table",
        remedy=f"/tables/{_CANARY}",
    ),
    cell("leftover", "", left(), None, None, status="ok"),
    cell(
        "leftover-kept",
        "operate.sweep",
        left(Tamper("DELETE", _KILLED, Answer(403, _REFUSED))),
        "operate.not_removed",
        None,
        status="warning",
        remedy=f"remove by hand: {_CANARY}",
        says="ForbiddenException",
        stays=True,
    ),
    cell("bad-setting", "ca_file", without_authority, "tls.handshake_failed", "start"),
]
