"""The Arrow schemas of the raw tables, column by column. Nothing else decides a name or a type."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

UUID = pa.string()
TEXT = pa.string()
MONEY = pa.decimal128(12, 2)
INSTANT = pa.timestamp("us", tz="UTC")
COUNT = pa.int32()
NUMBER = pa.int64()


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `nullable` says whether a null can occur, in clean data or by a defect."""

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = False


_BATCH = (
    Column("_batch_id", NUMBER, "the batch the row was delivered with, from 0"),
    Column("_ingested_at", INSTANT, "the end of that batch's window"),
)

COLUMNS: dict[str, tuple[Column, ...]] = {
    "customers": (
        Column("customer_id", UUID, "key"),
        Column("email", TEXT, "unique; a domain reserved for documentation", nullable=True),
        Column("name", TEXT, "first and last name, of the region's languages"),
        Column("region", TEXT, "NA, EMEA, APAC or LATAM"),
        Column("created_at", INSTANT, "sign-up, not after the customer's first order"),
        Column("updated_at", INSTANT, "last change of the profile"),
        *_BATCH,
    ),
    "products": (
        Column("product_id", UUID, "key"),
        Column("name", TEXT, "make, thing and series; goes with the category"),
        Column("category", TEXT, "one of ten departments"),
        Column("price", MONEY, "list price"),
        Column("created_at", INSTANT, "not after the product's first sale"),
        *_BATCH,
    ),
    "orders": (
        Column("order_id", UUID, "key"),
        Column("customer_id", UUID, "customers.customer_id of this batch or an earlier one"),
        Column("status", TEXT, "pending, processing, shipped, delivered or cancelled, as of _ingested_at"),
        Column("total_amount", MONEY, "sum of the items' subtotal"),
        Column("order_date", INSTANT, "when the order was placed"),
        Column("shipped_date", INSTANT, "when it was shipped; null before that", nullable=True),
        Column("updated_at", INSTANT, "the last change of status before _ingested_at"),
        *_BATCH,
    ),
    "order_items": (
        Column("order_item_id", UUID, "key"),
        Column("order_id", UUID, "orders.order_id"),
        Column("product_id", UUID, "products.product_id of this batch or an earlier one"),
        Column("quantity", COUNT, "pieces, 1 to 10"),
        Column("unit_price", MONEY, "price at the time of order"),
        Column("discount", MONEY, "discount on the line", nullable=True),
        Column("subtotal", MONEY, "quantity * unit_price - discount"),
        Column("updated_at", INSTANT, "when the order was placed"),
        *_BATCH,
    ),
    "defects": (
        Column("entity", TEXT, "the spoiled table"),
        Column("_batch_id", NUMBER, "the batch of the spoiled row"),
        Column("row", NUMBER, "its position in that batch's table, from 0; null for a schema", nullable=True),
        Column("key", TEXT, "its key", nullable=True),
        Column("kind", TEXT, "null, duplicate, late, withheld, orphan, out_of_order or schema_drift"),
        Column("column", TEXT, "the spoiled column; null where the whole row is meant", nullable=True),
        Column("original", TEXT, "what stood there, as text", nullable=True),
    ),
}  # fmt: skip

SCHEMAS: dict[str, pa.Schema] = {
    table: pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in columns])
    for table, columns in COLUMNS.items()
}

EMPTY: dict[str, pa.Table] = {
    table: pa.Table.from_arrays([pa.nulls(0, f.type) for f in schema], schema=schema)
    for table, schema in SCHEMAS.items()
}
"""Tables without rows."""

ENTITIES = ("customers", "products", "orders", "order_items")
TABLES = (*ENTITIES, "defects")
KEYS = {table: COLUMNS[table][0].name for table in ENTITIES}
STATUSES = ("pending", "processing", "shipped", "delivered", "cancelled")
