"""A few of the runs of benchmarks/chaos.py, so that it stays true: its thousand are for a night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.draw import draw
from tests.chaos.judge import summary
from tests.chaos.platform import Platform
from tests.chaos.trial import Trial
from tests.chaos.zygote import Zygote

ROOT = Path(__file__).parents[2]
SEED = 3
#: No fault; one each of path, grant, credentials, server and file; each kind of kill; workers.
NUMBERS = (3, 11, 13, 16, 19, 22, 24, 29, 30, 33, 50, 56)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with Platform() as running:
        yield running


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(ROOT) as ready:
        yield ready


@pytest.mark.parametrize("number", NUMBERS)
def test_a_run_under_faults_and_kills_tells_the_truth(
    platform: Platform, zygote: Zygote, tmp_path: Path, number: int
) -> None:
    verdict = Trial(draw(SEED, number), platform, zygote, tmp_path).run()
    assert not verdict.violations, f"{verdict.truth.draw}\n{summary(verdict.violations)}"
