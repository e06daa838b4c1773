"""BigQuery by bqemulator, behind a gateway that verifies keys, tokens and permissions as Google does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.servers.bigquery import PROJECT, WRITER, BigQueryServer
from tests.servers.google_gateway import key_pair

_TABLES = {"orders"}

#: From the key file that Google gives to the one that the check is given.
KeyFile = Callable[[dict[str, str]], dict[str, str]]


def account(*permissions: str, key: KeyFile = dict, **changes: object) -> Arrange:
    """Return the arrangement of a dataset of its own, and a service account with ``permissions``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: BigQueryServer = lab.server("bigquery_server")
        dataset = server.dataset(f"matrix_{lab.number()}", "orders")
        told = key(server.account(*permissions).key_file)
        where = {"project": PROJECT, "dataset": dataset, "endpoint": server.url, "write": True}
        login = {"credentials_json": json.dumps(told)}
        yield Scene({**where, **login, **changes}, lambda: server.tables(dataset) - _TABLES, {}, (told["private_key"],))

    return arrange


def without(permission: str) -> Arrange:
    """Return the arrangement of an account that lacks one permission of a workload."""
    return account(*(one for one in WRITER if one != f"bigquery.{permission}"))


def forged(key_file: dict[str, str]) -> dict[str, str]:
    return key_file | {"private_key": key_pair()[0]}


def of_nobody(key_file: dict[str, str]) -> dict[str, str]:
    return key_file | {"client_email": "nobody@demo.iam.gserviceaccount.com"}


TWIN = Twin(kind="bigquery", name="an account with all permissions", server="bqemulator", arrange=account(*WRITER))


def cell(fault: str, arrange: Arrange, cause: str, step: str | None, remedy: str, at: str = "", **more: Any) -> Cell:
    return Cell(
        kind="bigquery", fault=fault, at=at, source="emulator", server="bqemulator", twin=TWIN, arrange=arrange,
        cause=cause, step=step, remedy=remedy, **more,
    )  # fmt: skip


def denied(fault: str, permission: str, cause: str, step: str, at: str = "", **more: Any) -> Cell:
    place = "project demo" if permission == "jobs.create" else "dataset demo.{dataset}"
    return cell(fault, without(permission), cause, step, f"grant bigquery.{permission} on {place}", at, **more)


CELLS = [
    cell("wrong-user", account(*WRITER, key=of_nobody), "authenticate.rejected", "authenticate", "credentials_json"),
    cell("wrong-secret", account(*WRITER, key=forged), "authenticate.rejected", "authenticate", "credentials_json"),
    cell("no-credentials", account(*WRITER, credentials_json=None), "config.missing_credentials", "authenticate",
         "give credentials: credentials_file"),
    cell("expired-token", account(*WRITER, credentials_json=None, anonymous=True), "authenticate.rejected",
         "authorize.query", "credentials of anonymous", at="none is sent"),
    denied("missing-scope", "jobs.create", "authorize.denied", "authorize.query"),
    denied("read-denied", "datasets.get", "authorize.read_denied", "authorize.dataset", "dataset"),
    denied("list-denied", "tables.list", "authorize.list_denied", "authorize.list"),
    denied("read-denied", "tables.getData", "authorize.read_denied", "authorize.read"),
    denied("write-denied", "tables.create", "authorize.write_denied", "operate.create"),
    denied("write-denied", "tables.updateData", "authorize.write_denied", "operate.write", "insert"),
    denied("delete-denied", "tables.delete", "authorize.delete_denied", "operate.delete", stays=True),
    cell("no-dataset", account(*WRITER, dataset="nowhere"), "operate.not_found", "authorize.dataset",
         "dataset demo.nowhere"),
    cell("region", account(*WRITER, location="US"), "operate.wrong_region", "operate.location",
         "bigquery.location to EU"),
    cell("no-object", account(*WRITER, dataset=None), "config.object_not_given", None, "set bigquery.dataset",
         status="warning"),
]  # fmt: skip
