"""Reading a lakehouse's table through Trino."""

from __future__ import annotations

from typing import Any

from pytest_floe import Finding, Probe, shortened

from .iceberg_catalog import Levels
from .lakehouse_settings import LakehouseSettings
from .scratch_table import Explain, Rows, quoted
from .trino import TrinoSettings
from .trino_coordinator import Coordinator

_MARGIN_SECONDS = 0.5
_DEEPEST = 10
_NOT_THERE = ("CATALOG_NOT_FOUND", "SCHEMA_NOT_FOUND", "TABLE_NOT_FOUND")
_REFUSED_BY_STORAGE = ("Access Denied", "AccessDenied", "Forbidden", "Status Code: 403", "InvalidAccessKeyId")
_FILES_NOT_THERE = ("NoSuchBucket", "NoSuchKey", "does not exist", "ICEBERG_MISSING_METADATA")


class TrinoEngine:
    """Trino, whose catalog ``where`` must mean the warehouse of the lakehouse."""

    def __init__(self, probe: Probe, settings: LakehouseSettings, trino: TrinoSettings, catalog: str) -> None:
        self._settings = settings
        self._catalog = catalog
        self._user = trino.user
        self._coordinator = Coordinator(probe.driver("trino", "trino"), trino, probe.deadline - _MARGIN_SECONDS)
        self.where = f"catalog {catalog} of Trino at {trino.url}"

    def rows(self, levels: Levels, table: str) -> Rows:
        """Return all rows by id."""
        return self._coordinator.run(f"SELECT id, note FROM {self._name(levels, table)} ORDER BY id")  # noqa: S608 - quoted

    def snapshots(self, levels: Levels, table: str) -> list[int]:
        """Return the ids of the table's snapshots, the newest first."""
        name = self._name(levels, f"{table}$snapshots")
        found = self._coordinator.run(f"SELECT snapshot_id FROM {name} ORDER BY committed_at DESC")  # noqa: S608 - quoted
        return [int(str(snapshot)) for (snapshot,) in found]

    def explain(self, location: str) -> Explain:
        """Return what Trino's errors mean about the table at ``location``."""
        return lambda error: self._explained(error, location) or self._coordinator.explain()(error)

    def _explained(self, error: Exception, location: str) -> Finding | None:
        name = str(getattr(error, "error_name", ""))
        if not name:
            return None
        message, *causes = _told(error)
        message = shortened(f"{name}: {'; '.join(dict.fromkeys([message, *causes[-1:]]))}")
        whole = " ".join([message, *causes])
        if name in _NOT_THERE:
            return Finding("operate.not_found", message, f"{self.where}: it must mean {self._settings.warehouse}")
        if name == "PERMISSION_DENIED":
            grant = f"select from the tables of {quoted(self._catalog)} to user {self._user}"
            return Finding("authorize.read_denied", message, grant)
        if any(said in whole for said in _REFUSED_BY_STORAGE):
            grant = f"s3:GetObject on {location}/* to the credentials that {self.where} uses"
            return Finding("authorize.read_denied", message, grant)
        if any(said in whole for said in _FILES_NOT_THERE):
            return Finding("operate.not_found", message, f"the storage that {self.where} uses: it must hold {location}")
        return None

    def _name(self, levels: Levels, table: str) -> str:
        return quoted(self._catalog, ".".join(levels), table)


def _told(error: Any) -> list[str]:
    """Return what Trino says, and what lies beneath it: a refusal of the storage is only told there."""
    told, failure = [str(getattr(error, "message", ""))], getattr(error, "failure_info", None)
    while failure and len(told) < _DEEPEST:
        failure = failure.get("cause")
        told += [str(failure.get("message"))] if failure else []
    return told
