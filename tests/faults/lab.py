"""What a cell may use: servers that are started when first asked for, and a machine that has no logins of its own."""

from __future__ import annotations

import itertools
import os
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import pytest

from tests.faults.certificates import Certificates

#: Where SDKs look for logins, servers and proxies that are none of the cell's business.
_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_", "GCLOUD_", "SNOWFLAKE_", "PG", "TRINO_", "STORAGE_EMULATOR_", "BIGQUERY_")
_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_NUMBERS = itertools.count()


class Lab:
    """Handed to every arrangement."""

    def __init__(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._request = request
        self.tmp_path = tmp_path
        self.monkeypatch = monkeypatch

    def server(self, fixture: str) -> Any:
        """Return the session's server of that name (tests/servers/fixtures.py), started now if it was not."""
        return self._request.getfixturevalue(fixture)

    def number(self) -> int:
        """Return a number that no other cell has, for names on a server that outlives the cell."""
        return next(_NUMBERS)

    @property
    def certificates(self) -> Certificates:
        """Server certificates, good and bad."""
        certificates: Certificates = self.server("certificates")
        return certificates

    def uninstall(self, package: str) -> None:
        """Make it impossible to import ``package``, as if it had not been installed."""
        # First the door, then the modules: a thread that an abandoned check left may import again in between.
        self.monkeypatch.setattr(sys, "meta_path", [_NotInstalled(package), *sys.meta_path])
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            self.monkeypatch.delitem(sys.modules, name, raising=False)


class _NotInstalled(MetaPathFinder):
    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, *_: object) -> None:
        if name == self.package or name.startswith(f"{self.package}."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab in which no SDK finds a login, a file or a role of the machine that runs the tests."""
    for name in [name for name in os.environ if name.startswith(_PREFIXES) or name.lower() in map(str.lower, _NAMES)]:
        monkeypatch.delenv(name)
    home = {"HOME": tmp_path, "CLOUDSDK_CONFIG": tmp_path, "AZURE_CONFIG_DIR": tmp_path}
    for name, value in {**home, "NO_GCE_CHECK": "true", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, str(value))
    return Lab(request, tmp_path, monkeypatch)
