"""PyIceberg, held to the deadline of the check, and to the authorities that the settings name.

By itself it waits for ever, lets the variable REQUESTS_CA_BUNDLE go before its own setting, and gives PyArrow no
authorities at all (https://github.com/apache/iceberg-python/issues/3866).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pyarrow.fs import S3FileSystem
from pyiceberg import io
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.io.pyarrow import PyArrowFileIO

from .guarded_requests import mount
from .lakehouse_files import SCHEMES, STORAGE_CA

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
    from requests import Session

_TEXTS = {
    io.S3_ENDPOINT: "endpoint_override",
    io.S3_REGION: "region",
    io.S3_ACCESS_KEY_ID: "access_key",
    io.S3_SECRET_ACCESS_KEY: "secret_key",
    io.S3_SESSION_TOKEN: "session_token",
    io.S3_PROXY_URI: "proxy_options",
    STORAGE_CA: "tls_ca_file_path",
}
_SECONDS = {io.S3_CONNECT_TIMEOUT: "connect_timeout", io.S3_REQUEST_TIMEOUT: "request_timeout"}


class GuardedCatalog(RestCatalog):
    """A catalog to which every request goes through ``guard``, an adapter of requests."""

    def __init__(self, guard: Any, **properties: Any) -> None:
        self._guard = guard
        super().__init__("floe-preflight", **properties, **{"py-io-impl": f"{__name__}.{TrustingFiles.__name__}"})

    def _create_session(self) -> Session:
        session = super()._create_session()
        mount(session, self._guard)
        return session


class TrustingFiles(PyArrowFileIO):
    """Files in a storage whose certificate the authorities in the property ``STORAGE_CA`` vouch for."""

    def __init__(self, properties: dict[str, str]) -> None:
        super().__init__(properties)
        self.fs_by_scheme = lru_cache(self._file_system)

    def _file_system(self, scheme: str, netloc: str | None = None) -> FileSystem:
        if scheme not in SCHEMES or STORAGE_CA not in self.properties:
            return self._initialize_fs(scheme, netloc)
        told = {argument: self.properties.get(name) for name, argument in _TEXTS.items()}
        seconds = {argument: float(self.properties[name]) for name, argument in _SECONDS.items()}
        virtual = self.properties.get(io.S3_FORCE_VIRTUAL_ADDRESSING) == "true"
        return S3FileSystem(**told, **seconds, force_virtual_addressing=virtual)
