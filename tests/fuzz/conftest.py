"""No SDK finds a login of the machine that runs these tests, for as long as they run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.lab import _NAMES, _PREFIXES, lab  # noqa: F401


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tests.servers.fixtures")


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A machine without logins; of a wider scope than that of ``lab``, for tests that run many examples."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in [
            name for name in os.environ if name.startswith(_PREFIXES) or name.upper() in map(str.upper, _NAMES)
        ]:
            patch.delenv(name)
        folders: dict[str, Path] = dict.fromkeys(("HOME", "CLOUDSDK_CONFIG", "AZURE_CONFIG_DIR"), home)
        for name, value in {**folders, "NO_GCE_CHECK": "true", "AWS_EC2_METADATA_DISABLED": "true"}.items():
            patch.setenv(name, str(value))
        yield
