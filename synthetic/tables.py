"""The tables of a batch, or of a part of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Tables:
    """The four entities and the ledger of what was spoiled in them."""

    customers: pa.Table
    products: pa.Table
    orders: pa.Table
    order_items: pa.Table
    defects: pa.Table
