"""Synthetic e-commerce data with defects known to the row.

    shop = Ecommerce(seed=42, quality=DataQuality.demo())
    batch = shop.batch(17, orders=100)  # .customers .products .orders .order_items .defects

Names are imported when first used: the fixtures of this package are loaded in every pytest run, used or not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .plan import Batch as Batch
    from .plan import Plan as Plan
    from .quality import DataQuality as DataQuality
    from .shop import Ecommerce as Ecommerce
    from .undo import restore as restore

_HOMES = {"Batch": "plan", "DataQuality": "quality", "Ecommerce": "shop", "Plan": "plan", "restore": "undo"}

__all__ = ["Batch", "DataQuality", "Ecommerce", "Plan", "restore"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .errors import needing  # noqa: PLC0415 - as above

    with needing("synthetic"):
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
