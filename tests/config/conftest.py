"""A configuration file written on the spot, and what the loader makes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_floe.config import loading
from pytest_floe.config.loading import Configuration
from pytest_floe.config.problems import ConfigurationProblems, Problem
from pytest_floe.config.targets import Target


class Project:
    """A folder with a floe.yaml; nothing of the real environment is seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ: dict[str, str] = {}

    def write(self, text: str, name: str = "floe.yaml") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def load(self, text: str, environment: str = "prod", **environ: str) -> Configuration:
        return loading.load(self.write(text), environment, environ)

    def settings(self, text: str, target: str, **environ: str) -> Any:
        return self.targets(text, **environ)[target].settings

    def targets(self, text: str, **environ: str) -> Mapping[str, Target]:
        return {target.id.removeprefix("prod-"): target for target in self.load(text, **environ).targets}

    def problems(self, text: str, environment: str = "prod", **environ: str) -> tuple[Problem, ...]:
        with pytest.raises(ConfigurationProblems) as caught:
            self.load(text, environment, **environ)
        return caught.value.problems

    def mistakes(self, text: str, environment: str = "prod", **environ: str) -> list[str]:
        return [str(problem) for problem in self.problems(text, environment, **environ)]

    def mistake(self, text: str, environment: str = "prod", **environ: str) -> str:
        (only,) = self.mistakes(text, environment, **environ)
        return only


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
