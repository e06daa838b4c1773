"""BigQuery: bqemulator behind a gateway that asks for tokens and permissions."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers import programs
from tests.servers.google_gateway import Account, GoogleGateway
from tests.servers.processes import free_port, running
from tests.servers.providers import first_that_serves

PROJECT = "demo"
#: The emulator's geography needs an extension that it would download; this takes it from the package.
INSTALL_SPATIAL = """
import duckdb, duckdb_extension_spatial, pathlib
folder = pathlib.Path(duckdb_extension_spatial.__file__).parent
for file in folder.rglob("spatial.duckdb_extension"):
    duckdb.execute(f"INSTALL '{file}'")
"""
READER = ("bigquery.jobs.create", "bigquery.datasets.get", "bigquery.tables.list", "bigquery.tables.getData")
WRITER = (*READER, *(f"bigquery.tables.{verb}" for verb in ("create", "get", "updateData", "delete")))
_OF_TABLE = {"GET": "bigquery.tables.get", "DELETE": "bigquery.tables.delete"}


@dataclass
class BigQueryServer:
    """``gateway`` is what a client sees; the emulator behind it takes everything."""

    gateway: GoogleGateway
    _emulator: str

    @property
    def url(self) -> str:
        return self.gateway.url

    def account(self, *permissions: str) -> Account:
        return self.gateway.account(*permissions)

    def dataset(self, name: str, *tables: str, location: str = "EU") -> str:
        """Create a dataset with empty tables."""
        self._ask("POST", "datasets", {"datasetReference": _within(datasetId=name), "location": location})
        for table in tables:
            self.table(name, table)
        return name

    def table(self, dataset: str, name: str, description: str = "", **more: Any) -> None:
        schema = {"fields": [{"name": "id", "type": "INT64"}]}
        reference = _within(datasetId=dataset, tableId=name)
        told = {"tableReference": reference, "schema": schema, "description": description, **more}
        self._ask("POST", f"datasets/{dataset}/tables", told)

    def tables(self, dataset: str) -> set[str]:
        listed = self._ask("GET", f"datasets/{dataset}/tables").get("tables", ())
        return {table["tableReference"]["tableId"] for table in listed}

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        content = json.dumps(body).encode() if body else None
        url = f"{self._emulator}/bigquery/v2/projects/{PROJECT}/{path}"
        request = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def bigquery_server() -> Iterator[BigQueryServer]:
    """An empty project ``demo``."""
    with first_that_serves("bqemulator", native=natively) as server:
        yield server


@contextmanager
def natively() -> Iterator[BigQueryServer]:
    """Run the emulator from an environment of its own."""
    home = programs.bqemulator()
    env = os.environ | {"HOME": str(home)}
    subprocess.run([home / "bin" / "python", "-c", INSTALL_SPATIAL], env=env, check=True, capture_output=True)
    port = free_port()
    command = [home / "bin" / "bqemulator", "start", "--project", PROJECT, "--log-level", "error"]
    command += ["--rest-port", str(port), "--grpc-port", str(free_port())]
    emulator = f"http://127.0.0.1:{port}"
    with running(command, emulator, env), GoogleGateway(emulator, permission_of) as gateway:
        yield BigQueryServer(gateway, emulator)


def permission_of(method: str, path: str, body: bytes) -> str | None:
    """Return the permission that Google documents for a call, of a query for what it does to tables."""
    resource = path.partition("?")[0].removeprefix(f"/bigquery/v2/projects/{PROJECT}/").split("/")
    match resource:
        case ["jobs"] | ["queries"] if method == "POST":
            return _permission_of_query(body)
        case ["datasets", _]:
            return "bigquery.datasets.get"
        case ["datasets", _, "tables"]:
            return "bigquery.tables.create" if method == "POST" else "bigquery.tables.list"
        case ["datasets", _, "tables", _]:
            return _OF_TABLE[method]
        case ["datasets", _, "tables", _, "data"]:
            return "bigquery.tables.getData"
    return None


def _permission_of_query(body: bytes) -> str:
    if b"INSERT INTO" in body:
        return "bigquery.tables.updateData"
    return "bigquery.tables.getData" if b" FROM " in body else "bigquery.jobs.create"


def _within(**names: str) -> dict[str, str]:
    return {"projectId": PROJECT, **names}
