"""The Trino check on an Iceberg catalog: Trino, Nessie, Keycloak and MinIO, each with grants of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.checks.conftest import RunCheck
from tests.servers.lakehouse import CLIENT, Lakehouse
from tests.servers.minio import PRINCIPALS as MINIO_RIGHTS
from tests.servers.minio import rights


def test_a_scratch_table_is_made_of_iceberg(run_check: RunCheck, lakehouse: Lakehouse) -> None:
    outcome = run_check("trino", write=True, **lakehouse.compute("writer"))

    assert (outcome.status, outcome.cause, outcome.left) == ("ok", None, [])
    assert lakehouse.trino.run("SHOW TABLES FROM lake.shop") == []


def test_a_user_who_may_only_read(run_check: RunCheck, lakehouse: Lakehouse) -> None:
    outcome = run_check("trino", write=True, **lakehouse.compute("reader"))

    assert (outcome.status, outcome.cause) == ("error", "authorize.write_denied")


@pytest.fixture
def sold(lakehouse: Lakehouse) -> Iterator[str]:
    """A table with a row."""
    lakehouse.trino.run("CREATE TABLE lake.shop.sold WITH (partitioning = ARRAY['id']) AS SELECT 1 AS id")
    yield "lake.shop.sold"
    lakehouse.trino.run("DROP TABLE lake.shop.sold")


@pytest.fixture
def unable_to_read(lakehouse: Lakehouse, sold: str) -> Iterator[Lakehouse]:
    """A lakehouse with a table whose Trino may list and write in the storage, and not read."""
    bucket = lakehouse.nessie.bucket
    lakehouse.minio.grant(lakehouse.keys, *rights(bucket, "ListBucket", "PutObject", "DeleteObject"))
    yield lakehouse
    lakehouse.minio.grant(lakehouse.keys, *rights(bucket, *MINIO_RIGHTS["full"]))


def test_a_storage_that_does_not_let_trino_read(run_check: RunCheck, unable_to_read: Lakehouse) -> None:
    outcome = run_check("trino", **unable_to_read.compute("reader"))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.read_denied", "authorize.read")
    assert outcome.subject == "access to the storage of catalog lake to Trino's own principal there"


def test_a_table_with_a_row_that_is_read(run_check: RunCheck, lakehouse: Lakehouse, sold: str) -> None:
    outcome = run_check("trino", **lakehouse.compute("reader"))

    assert (outcome.status, "not_verified" in outcome.probe.facts) == ("ok", False)


@pytest.fixture
def unable_to_write(lakehouse: Lakehouse) -> Iterator[Lakehouse]:
    """A lakehouse whose Trino may only list and read in the storage."""
    bucket = lakehouse.nessie.bucket
    lakehouse.minio.grant(lakehouse.keys, *rights(bucket, "ListBucket", "GetObject"))
    yield lakehouse
    lakehouse.minio.grant(lakehouse.keys, *rights(bucket, *MINIO_RIGHTS["full"]))


def test_a_storage_that_does_not_let_trino_write(run_check: RunCheck, unable_to_write: Lakehouse) -> None:
    outcome = run_check("trino", write=True, **unable_to_write.compute("writer"))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.write_denied", "operate.create")
    assert outcome.subject == "access to the storage of catalog lake to Trino's own principal there"
    assert "Failed to write manifest list file; because Access Denied." in outcome.message


@pytest.fixture
def locked_out(lakehouse: Lakehouse) -> Iterator[Lakehouse]:
    """A lakehouse whose Trino may no longer log in at the catalog."""
    lakehouse.nessie.keycloak.disable(CLIENT)
    yield lakehouse
    lakehouse.nessie.keycloak.enable(CLIENT)


def test_a_catalog_service_that_does_not_let_trino_in(run_check: RunCheck, locked_out: Lakehouse) -> None:
    outcome = run_check("trino", **locked_out.compute("writer"))

    assert (outcome.status, outcome.cause) == ("error", "authenticate.rejected")
    assert outcome.subject == "Trino's own login at the catalog service of lake"
