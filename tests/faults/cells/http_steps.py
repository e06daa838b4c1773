"""A fault at each further step of every service that speaks HTTP: the path answers one request itself, none before it.

What a step asks is recognised by method, path and, where all go to one address, by the statement in the body. Only the
first request of a step is tampered with, so that cleaning up finds the server as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.cell import Cell
from tests.faults.cells.protocol import LOGIN_PAGE, PLACE, PLAIN, UNEXPECTED
from tests.faults.path import Change, Tamper, halved
from tests.faults.server import Answer
from tests.faults.ways import WAYS, through

_CANARY = "floe-preflight-"
_KEY = f"/wh/{_CANARY}"


@dataclass(frozen=True)
class Step:
    """What a step asks first, and what its refusal by HTTP 403 means; None where a check may do without the answer.

    ``place`` is what a fault of the service is about, ``after`` how many such requests of earlier steps pass, and
    ``times`` how many of the step's own are tampered with: Azure's SDK asks again for the rest of what it reads.
    """

    name: str
    method: str
    path: str
    denied: str | None = None
    grant: str = ""
    body: str = ""
    after: int = 0
    times: int | None = 1
    place: str = ""

    def tamper(self, answer: Answer | Change) -> Tamper:
        return Tamper(self.method, self.path, answer, after=self.after, times=self.times, body=self.body.encode())


def _trino() -> Iterator[Step]:
    for name, words in {
        "authenticate": "current_user",
        "operate.nodes": "runtime.nodes",
        "operate.query": "sequence(1, 1000)",
        "authorize.catalog": "SHOW SCHEMAS",
        "authorize.schema": "SHOW TABLES",
        "authorize.read": "LIMIT 1",
        "operate.create": "CREATE TABLE",
        "operate.write": "INSERT INTO",
        "operate.read": "SELECT id, note",
        "operate.delete": "DROP TABLE",
    }.items():
        yield Step(name, "POST", "/v1/statement", "authorize.denied", "access to {base} to user writer", words)


def _snowflake() -> Iterator[Step]:
    for name, words in {
        "authorize.warehouse": "SHOW WAREHOUSES",
        "operate.query": "GENERATOR",
        "authorize.database": "USE DATABASE",
        "authorize.schema": "USE SCHEMA",
        "authorize.list": "SHOW TABLES",
        "authorize.read": "LIMIT 1",
        "operate.create": "CREATE TRANSIENT",
        "operate.write": "INSERT INTO",
        "operate.read": "SELECT id, note",
        "operate.delete": "DROP TABLE",
    }.items():
        yield Step(name, "POST", "/query-request", "authorize.denied", "access to {base} to user writer", words)


def _bigquery() -> Iterator[Step]:
    dataset, read, write = "dataset demo.{dataset}", "authorize.read_denied", "authorize.write_denied"
    tables = r"/datasets/\w+/tables"
    for name, method, path, denied, permission, words in (
        ("authorize.dataset", "GET", r"/datasets/\w+\?", read, "datasets.get", ""),
        ("authorize.list", "GET", rf"{tables}\?", "authorize.list_denied", "tables.list", ""),
        ("authorize.read", "POST", "/jobs", read, "tables.getData", "SELECT *"),
        ("operate.create", "POST", rf"{tables}\?", write, "tables.create", ""),
        ("operate.write", "POST", "/jobs", write, "tables.updateData", "INSERT INTO"),
        ("operate.read", "GET", rf"{tables}/{_CANARY}\S+/data", read, "tables.getData", ""),
        ("operate.delete", "DELETE", rf"{tables}/{_CANARY}", "authorize.delete_denied", "tables.delete", ""),
    ):
        yield Step(name, method, path, denied, f"bigquery.{permission} on {dataset}", words, place=dataset)


def _object_storage(
    grants: dict[str, str], *, retention: str, write: tuple[str, str], read: str, delete: str
) -> list[Step]:
    return [
        Step("operate.retention", "GET", retention, times=None),
        Step("operate.write", *write, "authorize.write_denied", grants["write"]),
        Step("operate.read", "GET", read, "authorize.read_denied", grants["read"], times=None),
        Step("operate.delete", "DELETE", delete, "authorize.delete_denied", grants["delete"]),
    ]


def _polaris() -> Iterator[Step]:
    namespaces, write, drop = r"/v1/lake/namespaces", "authorize.write_denied", "authorize.delete_denied"
    scratch = rf"{namespaces}/{_CANARY}[\w-]+"
    for name, method, path, denied, privilege in (
        ("operate.config", "GET", "/v1/config", "authorize.denied", "access"),
        ("authorize.list", "GET", rf"{namespaces}\?", "authorize.list_denied", "NAMESPACE_LIST"),
        ("operate.create_namespace", "POST", rf"{namespaces}$", write, "NAMESPACE_CREATE"),
        ("operate.create_table", "POST", rf"{scratch}/tables$", write, "TABLE_CREATE"),
        ("operate.read", "GET", rf"{scratch}/tables/", "authorize.read_denied", "TABLE_READ_PROPERTIES"),
        ("operate.drop_namespace", "DELETE", rf"{scratch}$", drop, "NAMESPACE_DROP"),
    ):
        yield Step(name, method, path, denied, f"{privilege} on catalog lake to client keeper", place="{base}/v1/")
    yield Step(
        "operate.sweep",
        "GET",
        rf"{namespaces}\?",
        "authorize.list_denied",
        "NAMESPACE_LIST",
        after=1,
        place="{base}/v1/",
    )


_S3 = {"write": "s3:PutObject", "read": "s3:GetObject", "delete": "s3:DeleteObject"}
_GCS = {"write": "storage.objects.create", "read": "storage.objects.get", "delete": "storage.objects.delete"}
_ADLS = {"write": "permissions cw", "read": "permission r", "delete": "permission d"}
STEPS: dict[str, list[Step]] = {
    "trino": list(_trino()),
    "snowflake": list(_snowflake()),
    "bigquery": list(_bigquery()),
    "s3": _object_storage(_S3, retention=r"\?versioning", write=("PUT", _KEY), read=_KEY, delete=_KEY),
    "gcs": _object_storage(
        _GCS, retention=r"/b/[\w-]+\?", write=("POST", "/upload/"), read="/download/", delete=_CANARY
    ),
    "adls": _object_storage(
        _ADLS, retention=r"restype=container(?!.*comp=list)", write=("PUT", _KEY), read=_KEY, delete=_KEY
    ),
    "polaris": list(_polaris()),
}


def _generated() -> Iterator[Cell]:
    for kind, steps in STEPS.items():
        for step in steps:
            place = step.place or PLACE[kind]
            broken: list[tuple[str, Answer | Change, str, str]] = [
                ("step-500", Answer(500, LOGIN_PAGE), "operate.server_error", place)
            ]
            if step.denied:
                broken.append(("step-403", Answer(403, LOGIN_PAGE), step.denied, step.grant))
                broken.append(("step-cut", halved, UNEXPECTED, "{address}"))
            for fault, answer, cause, remedy in broken:
                yield Cell(
                    kind=kind, fault=fault, at=step.name, source="path", server=WAYS[kind].server, twin=PLAIN[kind],
                    arrange=through(WAYS[kind], step.tamper(answer)), cause=cause, step=step.name, remedy=remedy,
                )  # fmt: skip


CELLS = list(_generated())
