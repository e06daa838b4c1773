"""What would be made, and what has been made, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .growth import CUSTOMERS, PRODUCTS
from .ledger import KINDS
from .quality import rate_names
from .schemas import COLUMNS, ENTITIES

if TYPE_CHECKING:
    from .export import Tally
    from .plan import Plan


def description(plan: Plan, orders: int) -> str:
    """Tables, rows, batches and expected defects of a plan with an end, without making it."""
    last = plan.window((plan.batch_count or 1) - 1)
    rows = {
        "customers": CUSTOMERS.known(max(orders - 1, 0)),
        "products": PRODUCTS.known(max(orders - 1, 0)),
        "orders": orders,
        "order_items": plan.items_before(orders),
    }
    lines = [f"{plan.batch_count:,} batches, {_day(plan.window(0).begin)} to {_day(last.end)}"]
    lines += [f"  {name:<12} {rows[name]:>15,} rows  {', '.join(c.name for c in COLUMNS[name])}" for name in ENTITIES]
    rates = [f"{name} {rate:g}" for name in rate_names() if (rate := getattr(plan.quality, name))]
    lines.append(f"rows are those before defects; {', '.join(rates) or 'nothing is spoiled'}")
    return "\n".join(lines)


def closing_line(tally: Tally, seconds: float, place: str) -> str:
    """One line: rows, speed, batches if they were appended one by one, defects by kind; all of what was written."""
    rows = sum(tally.rows[name] for name in ENTITIES)
    made = ", ".join(f"{tally.rows[name]:,} {name}" for name in ENTITIES)
    spoiled = ", ".join(f"{tally.defects[kind]:,} {kind}" for kind in KINDS if tally.defects[kind])
    speed = f"{seconds:.1f} s ({rows / max(seconds, 1e-9):,.0f} rows/s)"
    return f"{made} in {speed} to {place}; {_batches(tally)}defects: {spoiled or 'none'}"


def _batches(tally: Tally) -> str:
    if not tally.appended + tally.kept:
        return ""
    rows = sum(tally.rows_kept[name] for name in ENTITIES)
    kept = f", {tally.kept:,} were there already ({rows:,} rows)" if rows or tally.kept else ""
    return f"{tally.appended:,} batches appended{kept}; "


def _day(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant // 1_000_000, UTC):%Y-%m-%d %H:%M}"
