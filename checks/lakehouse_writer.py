"""Appending rows to a table as an Iceberg client does: data to the storage, then a commit in the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_floe import Finding, Probe, shortened

from .guarded_requests import adapter
from .iceberg_catalog import Levels
from .iceberg_login import Login
from .lakehouse_files import Files
from .lakehouse_settings import LakehouseSettings
from .scratch_table import Explain

Row = tuple[int, str]
#: The last two PyIceberg imports when it first writes, which takes seconds that are not the service's.
_MODULES = ("pyarrow", "requests", "pyiceberg.catalog.rest", "pyiceberg.io.pyarrow", "pyarrow.dataset")
#: What PyArrow says of the storage's refusals, in the names of the AWS SDK for C++.
_STORAGE_CAUSES = (
    ("ACCESS_DENIED", "authorize.write_denied"),
    ("INVALID_ACCESS_KEY_ID", "authenticate.rejected"),
    ("SIGNATURE_DOES_NOT_MATCH", "authenticate.rejected"),
    ("EXPIRED_TOKEN", "authenticate.rejected"),
    ("NO_SUCH_BUCKET", "operate.not_found"),
    ("SLOW_DOWN", "operate.not_ready"),
    ("SERVICE_UNAVAILABLE", "operate.not_ready"),
    ("curlCode: 6,", "resolve.not_found"),
    ("curlCode: 7,", "connect.refused"),
    ("curlCode: 28,", "timeout"),
    ("curlCode: 60,", "tls.untrusted"),
    ("NETWORK_CONNECTION", "connect.refused"),
)
_CATALOG_CAUSES = {
    "ForbiddenError": "authorize.write_denied",
    "UnauthorizedError": "authenticate.rejected",
    "AuthorizationExpiredError": "authenticate.rejected",
    "NoSuchTableError": "operate.not_found",
    "CommitFailedException": "operate.server_error",
    "CommitStateUnknownException": "operate.server_error",
    "ServerError": "operate.server_error",
    "ServiceUnavailableError": "operate.not_ready",
}


@dataclass(frozen=True)
class Written:
    """What an append left: the id of its snapshot, and the addresses of the data files."""

    snapshot: int
    files: tuple[str, ...]


def append(
    probe: Probe,
    settings: LakehouseSettings,
    login: Login,
    files: Files,
    table: tuple[Levels, str],
    rows: Sequence[Row],
) -> Written:
    """Append ``rows``."""
    arrow, requests, *_ = [probe.driver(module, "lakehouse") for module in _MODULES]
    from .lakehouse_client import GuardedCatalog  # noqa: PLC0415 - made of the drivers

    guard = adapter(requests, probe.remaining, settings.of_catalog.ca_file, timeout=lambda _: probe.remaining())
    levels, name = table
    with probe.step("operate.append", _explaining(settings)):
        catalog = GuardedCatalog(guard, **_properties(settings, login), **files.properties)
        found = catalog.load_table((*levels, name))
        ids, notes = zip(*rows, strict=True)
        found.append(arrow.table({"id": arrow.array(ids, arrow.int64()), "note": arrow.array(notes, arrow.string())}))
        snapshot = found.current_snapshot()
        if snapshot is None:
            probe.fail(
                "operate.unexpected_response", "the commit was answered, and made no snapshot", settings.warehouse
            )
        return Written(snapshot.snapshot_id, tuple(task.file.file_path for task in found.scan().plan_files()))


def _properties(settings: LakehouseSettings, login: Login) -> dict[str, str]:
    """Say how PyIceberg reaches the catalog, with the token that is there already."""
    catalog = settings.of_catalog
    said = {
        "uri": catalog.uri,
        "warehouse": catalog.warehouse,
        "token": login.token,
        "header.Polaris-Realm": catalog.realm,
    }
    return {name: value for name, value in said.items() if value}


def _explaining(settings: LakehouseSettings) -> Explain:
    catalog, storage = settings.of_catalog, settings.of_storage

    def explain(error: Exception) -> Finding | None:
        text = shortened(str(error))
        cause = _CATALOG_CAUSES.get(type(error).__name__)
        if cause:
            grant = f"TABLE_WRITE_DATA on {catalog.place} to {catalog.who}"
            return Finding(cause, text, grant if cause == "authorize.write_denied" else catalog.uri)
        cause = next((cause for part, cause in _STORAGE_CAUSES if part in text), None)
        if cause:
            grant = f"s3:PutObject and s3:GetObject on {storage.arn}/* to {storage.login}"
            return Finding(cause, text, grant if cause.startswith("authorize.") else storage.store_address)
        return None

    return explain
