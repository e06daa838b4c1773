"""Pytest fixtures. Loading this module costs nothing; NumPy and PyArrow are imported when a test asks for data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .plan import Batch
    from .shop import Ecommerce


@pytest.fixture(scope="session")
def ecommerce_factory() -> Callable[..., Ecommerce]:
    """A function that makes a shop of one's own: `ecommerce_factory(seed=7, quality=DataQuality.demo())`."""
    from .shop import Ecommerce  # noqa: PLC0415 - nothing is imported in runs that need no data

    return Ecommerce


@pytest.fixture(scope="session")
def ecommerce(ecommerce_factory: Callable[..., Ecommerce]) -> Ecommerce:
    """A shop with seed 42 whose data are spoiled at the demo's rates."""
    from .quality import DataQuality  # noqa: PLC0415

    return ecommerce_factory(seed=42, quality=DataQuality.demo())


@pytest.fixture(scope="session")
def ecommerce_batch(ecommerce: Ecommerce) -> Batch:
    """The first batch of `ecommerce`: 100 orders, and the customers and products the shop opens with."""
    return ecommerce.batch(0)
