"""The Trino check on an Iceberg catalog: Trino, Nessie, Keycloak and MinIO, each with grants of its own."""

from __future__ import annotations

from tests.checks.conftest import RunCheck
from tests.servers.lakehouse import Lakehouse


def test_a_scratch_table_is_made_of_iceberg(run_check: RunCheck, lakehouse: Lakehouse) -> None:
    outcome = run_check("trino", write=True, **lakehouse.compute("writer"))

    assert (outcome.status, outcome.cause, outcome.left) == ("ok", None, [])
    assert lakehouse.trino.run("SHOW TABLES FROM lake.shop") == []


def test_a_user_who_may_only_read(run_check: RunCheck, lakehouse: Lakehouse) -> None:
    outcome = run_check("trino", write=True, **lakehouse.compute("reader"))

    assert (outcome.status, outcome.cause) == ("error", "authorize.write_denied")
