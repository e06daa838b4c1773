from __future__ import annotations

import os
import sys

import pyarrow as pa
import pytest
from pytest_floe.synthetic import DataQuality, Ecommerce
from pytest_floe.synthetic.checksums import checksum
from pytest_floe.synthetic.errors import InvalidSettings
from pytest_floe.synthetic.schemas import SCHEMAS, TABLES

from .oracle import together

pytest.importorskip("pyspark")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("spark")))
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.mark.parametrize(
    ("method", "arguments", "batches"),
    [("even", {"orders": 150}, 3), ("history", {"orders": 1000, "days": 5, "batch_size": 300}, 4)],
)
def test_spark_makes_the_tables_that_are_made_locally(spark, method, arguments, batches):
    from pytest_floe.synthetic.spark import Division, spark_tables

    shop = Ecommerce(seed=3, quality=DataQuality.demo().but(out_of_order_rate=0.1, orphan_rate=0.1))
    division = Division(method, arguments)
    frames = spark_tables(spark, shop, division, range(batches), partitions=2, chunk_size=100)
    local = list(division.plan(shop).batches(0, batches))
    for table in TABLES:
        made = frames[table].toArrow().cast(SCHEMAS[table])
        assert checksum(made) == checksum(together(local, table)), table


def test_a_shop_whose_schemas_drift_is_refused_before_spark_is_asked():
    """Spark would tell it late, from an executor; or cast the drift away, which the ledger would go on telling."""
    from pytest_floe.synthetic.spark import Division, spark_tables

    shop = Ecommerce(quality=DataQuality(schema_drift_rate=0.1))
    with pytest.raises(InvalidSettings, match=r"^schema_drift_rate=0\.1: a DataFrame has one schema"):
        spark_tables(None, shop, Division("even", {"orders": 5}), range(3), partitions=2)


def test_a_spark_schema_is_that_of_the_table():
    from pyspark.sql.pandas.types import to_arrow_schema
    from pytest_floe.synthetic.spark import spark_schema

    for table in TABLES:
        expected = [(f.name, f.type, f.nullable) for f in SCHEMAS[table]]
        arrow = to_arrow_schema(spark_schema(table), timezone="UTC")
        assert [(f.name, _narrow(f.type), f.nullable) for f in arrow] == expected


def _narrow(kind):
    return pa.string() if pa.types.is_large_string(kind) else kind
