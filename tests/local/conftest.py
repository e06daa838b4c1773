"""The embedded platform, started once for the tests that only look at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pytest_floe.local.platform import LocalPlatform


@pytest.fixture(scope="session")
def platform() -> Iterator[LocalPlatform]:
    with LocalPlatform() as running:
        yield running


@pytest.fixture(scope="session")
def environment(platform: LocalPlatform) -> dict[str, Any]:
    return platform.environment()
