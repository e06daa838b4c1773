"""What must be true of any data, worked out with DuckDB and plain Python: shares no code with the generator."""

from __future__ import annotations

from functools import cache
from math import comb, log, sqrt
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

ENTITIES = ("customers", "products", "orders", "order_items")


def together(batches: Iterable[object], table: str) -> pa.Table:
    """One table of several batches, one below the other."""
    return pa.concat_tables([getattr(batch, table) for batch in batches]).combine_chunks()


def database(batches: list[object]) -> duckdb.DuckDBPyConnection:
    """The batches' tables in a database of their own."""
    connection = _connection().cursor()
    for table in (*ENTITIES, "defects"):
        connection.register(f"arrow_{table}", together(batches, table))
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM arrow_{table}")
    return connection


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    """Starting DuckDB takes longer than most examples."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


KEYS = [
    ("customers", "customer_id"), ("products", "product_id"), ("orders", "order_id"), ("order_items", "order_item_id"),
]  # fmt: skip
UUID_4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

VIOLATIONS = {
    "an order's total is not the sum of its items": """
        SELECT order_id FROM orders LEFT JOIN order_items USING (order_id)
        GROUP BY order_id, total_amount HAVING total_amount IS DISTINCT FROM sum(subtotal)""",
    "a subtotal is not quantity * unit_price - discount, or negative": """
        SELECT order_item_id FROM order_items WHERE subtotal <> quantity * unit_price - discount OR subtotal < 0""",
    "an order precedes its customer": """
        SELECT order_id FROM orders JOIN customers USING (customer_id) WHERE created_at > order_date""",
    "an order precedes one of its products": """
        SELECT order_id FROM orders JOIN order_items USING (order_id) JOIN products USING (product_id)
        WHERE created_at > order_date""",
    "an order is shipped before it is placed": "SELECT order_id FROM orders WHERE shipped_date < order_date",
    "shipped_date and status disagree": """
        SELECT order_id FROM orders WHERE (shipped_date IS NOT NULL) <> (status IN ('shipped', 'delivered'))""",
    "something happens after the batch was delivered": """
        SELECT order_id FROM orders
        WHERE greatest(order_date, updated_at, coalesce(shipped_date, order_date)) > _ingested_at""",
    "an order is updated before it is placed": "SELECT order_id FROM orders WHERE updated_at < order_date",
    "a customer is updated before it is created": "SELECT customer_id FROM customers WHERE updated_at < created_at",
    "a customer is created after it was delivered": "SELECT customer_id FROM customers WHERE created_at > _ingested_at",
    "an order's customer does not exist yet": """
        SELECT order_id FROM orders LEFT JOIN customers c USING (customer_id)
        WHERE c._batch_id IS NULL OR c._batch_id > orders._batch_id""",
    "an item's product does not exist yet": """
        SELECT order_item_id FROM order_items i LEFT JOIN products p USING (product_id)
        WHERE p._batch_id IS NULL OR p._batch_id > i._batch_id""",
    "an item has no order": "SELECT order_item_id FROM order_items ANTI JOIN orders USING (order_id)",
    "an item is not of the time of its order": """
        SELECT order_item_id FROM order_items i JOIN orders USING (order_id) WHERE i.updated_at <> order_date""",
    "a key is no random UUID": " UNION ALL ".join(
        f"SELECT {key} FROM {table} WHERE NOT regexp_full_match({key}, '{UUID_4}')" for table, key in KEYS
    ),
    "a price is not above nothing": "SELECT product_id FROM products WHERE price <= 0",
    **{
        f"a key of {table} occurs twice": f"SELECT {key} FROM {table} GROUP BY {key} HAVING count(*) > 1"
        for table, key in KEYS
    },
    "two customers share an e-mail address": "SELECT email FROM customers GROUP BY email HAVING count(*) > 1",
}  # fmt: skip


def violations(batches: list[object]) -> dict[str, list[tuple[object, ...]]]:
    """Every invariant that clean batches from 0 on break, with up to three offenders."""
    connection = database(batches)
    counts = ", ".join(f"(SELECT count(*) FROM ({query}))" for query in VIOLATIONS.values())
    broken = zip(VIOLATIONS.items(), connection.execute(f"SELECT {counts}").fetchone(), strict=True)
    return {claim: connection.execute(query).fetchmany(3) for (claim, query), count in broken if count}


def plausible(hits: int, trials: int, rate: float, *, once_in: float = 1e9) -> bool:
    """Whether a binomial count is one to expect: exact for few trials, Bernstein's bound for many."""
    if trials <= 64:
        tail = sum(
            _mass(k, trials, rate) for k in range(trials + 1) if _mass(k, trials, rate) <= _mass(hits, trials, rate)
        )
        return tail * once_in >= 1
    bound = log(2 * once_in)
    return abs(hits - trials * rate) <= sqrt(2 * trials * rate * (1 - rate) * bound) + bound


def _mass(hits: int, trials: int, rate: float) -> float:
    return comb(trials, hits) * rate**hits * (1 - rate) ** (trials - hits)
