"""The same tables as Spark DataFrames, made by Spark's workers.

Each row of a small DataFrame names a part of a batch; `mapInArrow` turns it into the part's rows. A value depends on
seed and row alone, so the tables equal those made locally, however Spark divides the work. PySpark 3.5 or later; the
executors need this package, NumPy and PyArrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql.types import DecimalType, IntegerType, LongType, StringType, StructField, StructType, TimestampType

from .errors import InvalidSettings
from .export import CHUNK_SIZE, pieces
from .schemas import COLUMNS, SCHEMAS, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyspark.sql import DataFrame, SparkSession

    from .plan import Plan
    from .shop import Ecommerce

_TYPES = {
    pa.string(): StringType(),
    pa.int64(): LongType(),
    pa.int32(): IntegerType(),
    pa.timestamp("us", tz="UTC"): TimestampType(),
    pa.decimal128(12, 2): DecimalType(12, 2),
}


@dataclass(frozen=True, slots=True)
class Division:
    """How a shop's orders are divided into batches: the name of a method of `Ecommerce`, and its arguments.

    Such as Division("even", {"orders": 1000}) or Division("history", {"orders": 10**9, "days": 90, ...}).
    """

    method: str
    arguments: dict[str, float]

    def plan(self, shop: Ecommerce) -> Plan:
        """The plan, wherever it is needed."""
        plan: Plan = getattr(shop, self.method)(**self.arguments)
        return plan


def spark_tables(
    spark: SparkSession,
    shop: Ecommerce,
    division: Division,
    batches: Iterable[int],
    *,
    partitions: int,
    chunk_size: int = CHUNK_SIZE,
) -> dict[str, DataFrame]:
    """The four entities and `defects` of some batches, lazily, each over at most `partitions` partitions.

    Rows keep their order within and between partitions. Raises InvalidSettings for a shop whose schemas drift: a
    DataFrame has one.
    """
    if shop.quality.schema_drift_rate:
        raise InvalidSettings(
            [f"schema_drift_rate={shop.quality.schema_drift_rate!r}: a DataFrame has one schema, so it must be 0"]
        )
    work = [(p.batch, p.first, p.end) for p in pieces(division.plan(shop), batches, chunk_size)]
    rows = spark.sparkContext.parallelize(work, min(partitions, len(work)) or 1)
    tasks = spark.createDataFrame(rows, "batch long, first long, end long")
    return {name: tasks.mapInArrow(_maker(shop, division, name), spark_schema(name)) for name in TABLES}


def spark_schema(table: str) -> StructType:
    """A table's schema in Spark's types."""
    return StructType([StructField(c.name, _TYPES[c.type], c.nullable) for c in COLUMNS[table]])


def _maker(
    shop: Ecommerce, division: Division, table: str
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def make(tasks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        plan = division.plan(shop)
        for some in tasks:
            for task in some.to_pylist():
                part = plan.part(task["batch"], task["first"], task["end"], only=(table,))
                yield from getattr(part, table).cast(SCHEMAS[table]).to_batches()

    return make
