"""The one test behind every built-in check; the plugin collects it once for each target."""

from collections.abc import Callable
from typing import Any

import pytest

# An SDK's deprecation must not turn a healthy service red under a project's `filterwarnings = error`.
pytestmark = pytest.mark.filterwarnings("default")


def test_service(target: Any, verify_target: Callable[[Any], None]) -> None:
    """The service of this target can be used as the workload will use it."""
    verify_target(target)
