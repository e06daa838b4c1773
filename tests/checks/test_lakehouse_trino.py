"""A lakehouse of servers that nobody here wrote: Trino computes, Nessie keeps the catalog, MinIO stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pytest_floe import Finding, Probe
from pytest_floe.config import loading
from pytest_floe.registry import find
from tests.servers.lakehouse import Lakehouse
from tests.servers.minio import PRINCIPALS, rights
from tests.servers.nessie import WAREHOUSE
from tests.servers.s3 import Keys

Verify = Callable[..., Finding | None]


def environment(lakehouse: Lakehouse, keys: Keys, user: str) -> dict[str, Any]:
    """Return the lakehouse as floe.yaml would declare it; the workload comes to the storage with ``keys``."""
    compute, login = lakehouse.compute(user), lakehouse.nessie.principal("full")
    host, port = compute.pop("host"), compute.pop("port")
    catalog = {key: login[key] for key in ("client_id", "oauth2_server_uri", "warehouse")}
    store = {"endpoint": lakehouse.minio.url, "region": lakehouse.minio.region, "path_style": True}
    store |= {"access_key_id": keys.access_key_id, "secret_access_key": SecretStr(keys.secret_access_key)}
    return {
        "compute_type": "trino",
        "compute_host": host,
        "compute_port": port,
        "trino": {**compute, "ca_file": str(compute["ca_file"]), "password": SecretStr(compute["password"])},
        "storage_type": "s3",
        "storage_bucket": lakehouse.nessie.bucket,
        "s3": store,
        "catalog_uri": login["uri"],
        "polaris": {**catalog, "client_secret": SecretStr(login["client_secret"]), "scope": ""},
    }


@pytest.fixture
def verify(lakehouse: Lakehouse) -> Verify:
    """Return ``verify(user="writer", **keys)``, which runs the check and returns its finding; nothing may be left."""
    bucket = lakehouse.nessie.bucket
    keys = lakehouse.minio.user(*rights(bucket, *PRINCIPALS["full"]))

    def run(user: str = "writer", **own: Any) -> Finding | None:
        declared = environment(lakehouse, keys, user)
        declared["targets"] = [{"service": "lakehouse", "kind": "lakehouse", "write": True, **own}]
        targets = loading.from_mapping("lake", declared, Path()).targets
        [settings] = [target.settings for target in targets if target.kind == "lakehouse"]
        probe, finding = Probe(endpoint="lake", timeout=120, write=True), None
        try:
            find("lakehouse").run(settings, probe)
        except Finding as found:
            finding = found
        assert probe.clean_up(finding) == []
        assert [name for name in lakehouse.minio.shown_in(bucket) if "floe-preflight" in name] == []
        assert lakehouse.nessie.canaries() == []
        return finding or next(iter(probe.warnings), None)

    return run


@pytest.mark.parametrize("own", [{}, {"namespace": "shop"}], ids=["in a namespace of its own", "in the workload's"])
def test_rows_go_in_by_nessie_and_come_out_by_trino(verify: Verify, lakehouse: Lakehouse, own: dict[str, str]) -> None:
    assert verify(**own) is None
    assert lakehouse.trino.run("SHOW TABLES FROM lake.shop") == []


def test_a_catalog_of_trino_that_is_another_warehouse(verify: Verify) -> None:
    finding = verify(compute_catalog="memory")

    assert finding
    assert (finding.cause, finding.step) == ("operate.not_found", "operate.read")
    assert finding.subject
    assert finding.subject.startswith("catalog memory of Trino at https://localhost:")
    assert f"it must mean warehouse {WAREHOUSE} of http" in finding.subject


def test_a_catalog_that_trino_does_not_have(verify: Verify) -> None:
    finding = verify(compute_catalog="no_such_catalog")

    assert finding
    assert (finding.cause, finding.step) == ("operate.not_found", "operate.read")
    assert "CATALOG_NOT_FOUND" in finding.message


def test_a_user_of_trino_who_may_not_read(verify: Verify) -> None:
    finding = verify(user="onlooker", namespace="shop")

    assert finding
    assert (finding.cause, finding.step) == ("authorize.read_denied", "operate.read")
    assert finding.subject == 'select from the tables of "lake" to user onlooker'


@pytest.fixture
def trino_is_kept_out_of_the_storage(lakehouse: Lakehouse) -> Iterator[None]:
    bucket = lakehouse.nessie.bucket
    lakehouse.minio.grant(lakehouse.keys, *rights(bucket, "ListBucket"))
    yield
    lakehouse.minio.grant(lakehouse.keys, *rights(bucket, *PRINCIPALS["full"]))


@pytest.mark.usefixtures("trino_is_kept_out_of_the_storage")
def test_a_trino_that_may_not_read_the_storage(verify: Verify, lakehouse: Lakehouse) -> None:
    finding = verify()

    assert finding
    assert (finding.cause, finding.step) == ("authorize.read_denied", "operate.read")
    assert finding.subject
    assert finding.subject.startswith(f"s3:GetObject on s3://{lakehouse.nessie.bucket}/")
    assert "to the credentials that catalog lake of Trino at https://localhost:" in finding.subject
