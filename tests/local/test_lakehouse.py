"""The embedded catalog and S3 together, through PyIceberg."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import OAuthError

ROWS = pa.table({"id": [1, 2, 3]})


@pytest.fixture
def catalog(environment: dict[str, Any]) -> Iterator[RestCatalog]:
    polaris, s3 = environment["polaris"], environment["s3"]
    connected = RestCatalog(
        "local",
        **{
            "uri": environment["catalog_uri"],
            "credential": f"{polaris['client_id']}:{polaris['client_secret'].get_secret_value()}",
            "scope": polaris["scope"],
            "warehouse": polaris["warehouse"],
            "header.Polaris-Realm": polaris["realm"],
            "oauth2-server-uri": f"{environment['catalog_uri']}/v1/oauth/tokens",
            "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
            "s3.access-key-id": s3["access_key_id"],
            "s3.secret-access-key": s3["secret_access_key"].get_secret_value(),
        },
    )
    connected.create_namespace("shop")
    yield connected
    connected.drop_namespace("shop")


def files(environment: dict[str, Any], prefix: str) -> list[str]:
    section = environment["s3"]
    client = boto3.client(
        "s3",
        endpoint_url=section["endpoint"],
        region_name=section["region"],
        aws_access_key_id=section["access_key_id"],
        aws_secret_access_key=section["secret_access_key"].get_secret_value(),
    )
    found = client.list_objects_v2(Bucket=environment["storage_bucket"], Prefix=prefix)
    return [entry["Key"].removeprefix(prefix) for entry in found.get("Contents", [])]


def test_a_table_lands_in_the_s3_and_is_read_back_and_purged(environment: dict[str, Any], catalog: RestCatalog) -> None:
    table = catalog.create_table("shop.orders", ROWS.schema)
    assert [name.endswith(".metadata.json") for name in files(environment, "warehouse/shop/orders/metadata/")] == [True]
    table.append(ROWS)
    assert [name.endswith(".parquet") for name in files(environment, "warehouse/shop/orders/data/")] == [True]
    assert catalog.load_table("shop.orders").scan().to_arrow().equals(ROWS)
    catalog.purge_table("shop.orders")
    assert files(environment, "warehouse/shop/orders/") == []


def test_a_table_is_created_in_a_transaction(catalog: RestCatalog) -> None:
    with catalog.create_table_transaction("shop.items", ROWS.schema) as transaction:
        transaction.append(ROWS)
    assert catalog.load_table("shop.items").scan().to_arrow().equals(ROWS)
    catalog.purge_table("shop.items")


def test_the_catalog_hands_out_where_the_tables_are_and_no_credentials(catalog: RestCatalog) -> None:
    config = catalog.create_table("shop.orders", ROWS.schema).config
    catalog.purge_table("shop.orders")
    assert set(config) == {"s3.endpoint", "s3.region", "s3.path-style-access"}


def test_a_wrong_secret_is_rejected(environment: dict[str, Any]) -> None:
    with pytest.raises(OAuthError, match="invalid_client"):
        RestCatalog(
            "wrong",
            uri=environment["catalog_uri"],
            warehouse=environment["polaris"]["warehouse"],
            credential=f"{environment['polaris']['client_id']}:not-it",
            **{"oauth2-server-uri": f"{environment['catalog_uri']}/v1/oauth/tokens"},
        )
