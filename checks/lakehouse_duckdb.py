"""Reading a lakehouse's table through DuckDB, which speaks to catalog and storage itself.

https://duckdb.org/docs/stable/core_extensions/iceberg/iceberg_rest_catalogs
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import ModuleType
from typing import IO, Any
from urllib.parse import urlsplit

from pytest_floe import Finding, Probe, shortened

from .duckdb import MEMORY, DuckDBSettings
from .iceberg_catalog import Levels
from .lakehouse_files import Files
from .lakehouse_settings import LakehouseSettings
from .scratch_table import Explain, Rows, literal, quoted

_EXTENSIONS = ("httpfs", "avro", "iceberg")
_ATTACHED = "lake"
#: DuckDB tells these apart by their text alone.
_CAUSES = (
    ("does not exist", "operate.not_found"),
    ("HTTP 403", "authorize.read_denied"),
    ("(HTTP 404", "operate.not_found"),
    ("NotFound_404", "operate.not_found"),
    ("Unauthorized_401", "authenticate.rejected"),
    ("Forbidden_403", "authorize.denied"),
    ("SSL peer certificate", "tls.untrusted"),
    ("Could not establish connection", "connect.refused"),
    ("Could not connect", "connect.refused"),
)


class DuckDBEngine:
    """A DuckDB in memory that has attached the warehouse of the lakehouse."""

    where = "DuckDB"

    def __init__(
        self, probe: Probe, settings: LakehouseSettings, duckdb: DuckDBSettings, token: str | None, files: Files
    ) -> None:
        self._settings = settings
        self._token = token
        self._files = files
        self._connection = self._opened(probe.driver("duckdb", "duckdb"), duckdb)
        for name in _EXTENSIONS:
            self._load(probe, name)
        self._authorities = _authorities(settings)
        with probe.step("operate.attach", self.explain("")):
            for statement in self._attaching():
                self._connection.execute(statement)

    def rows(self, levels: Levels, table: str) -> Rows:
        """Return all rows by id."""
        name = quoted(_ATTACHED, ".".join(levels), table)
        rows: Rows = self._connection.execute(f"SELECT id, note FROM {name} ORDER BY id").fetchall()  # noqa: S608 - quoted
        return rows

    def snapshots(self, levels: Levels, table: str) -> list[int]:
        """Return the ids of the table's snapshots, the newest first."""
        name = quoted(_ATTACHED, ".".join(levels), table)
        query = f"SELECT snapshot_id FROM iceberg_snapshots({name}) ORDER BY timestamp_ms DESC"  # noqa: S608 - quoted
        return [int(snapshot) for (snapshot,) in self._connection.execute(query).fetchall()]

    def explain(self, location: str) -> Explain:
        """Return what DuckDB's errors mean about the table at ``location``."""

        def translate(error: Exception) -> Finding | None:
            text = shortened(str(error))
            cause = next((cause for part, cause in _CAUSES if part in text), None)
            storage = self._settings.of_storage
            subject = f"{self._settings.warehouse}, as DuckDB sees it"
            if cause == "authorize.read_denied":
                subject = f"s3:GetObject on {location}/* to {storage.login}"
            return Finding(cause, text, subject) if cause else None

        return translate

    def _opened(self, sdk: ModuleType, duckdb: DuckDBSettings) -> Any:
        config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        if duckdb.memory_limit:
            config["memory_limit"] = duckdb.memory_limit
        return sdk.connect(MEMORY, config=config)

    def _load(self, probe: Probe, extension: str) -> None:
        """Load an extension that DuckDB has installed, or that a package of Python brings; none is downloaded."""
        packaged = _packaged(extension)

        def explain(error: Exception) -> Finding | None:
            said, missing = str(error).partition("\n")[0], "not found" in str(error)
            way = f"INSTALL {extension} in DuckDB, or pip install duckdb-extension-{extension}"
            return Finding("operate.not_found", said, way) if missing else None

        with probe.step(f"start.{extension}", explain):
            self._connection.execute(f"LOAD {literal(str(packaged)) if packaged else extension}")

    def _attaching(self) -> list[str]:
        catalog = self._settings.of_catalog
        said = [f"ENDPOINT {literal(catalog.uri.rstrip('/'))}", "ACCESS_DELEGATION_MODE 'none'"]
        statements = [self._storage_secret()]
        if self._authorities:
            statements.append(f"SET ca_cert_file = {literal(self._authorities.name)}")
        if catalog.realm:
            headers = f"MAP {{'Polaris-Realm': {literal(catalog.realm)}}}"
            statements.append(f"CREATE SECRET realm (TYPE http, EXTRA_HTTP_HEADERS {headers})")
        if self._token:
            statements.append(f"CREATE SECRET catalog (TYPE iceberg, TOKEN {literal(self._token)})")
            said.append("SECRET catalog")
        else:
            said.append("AUTHORIZATION_TYPE 'none'")
        warehouse = literal(catalog.warehouse or "")
        return [*statements, f"ATTACH {warehouse} AS {_ATTACHED} (TYPE iceberg, {', '.join(said)})"]

    def _storage_secret(self) -> str:
        """Return the statement that gives DuckDB the storage's credentials, whatever the catalog would hand out."""
        keys, storage = self._files.credentials, self._settings.of_storage
        said = {"KEY_ID": keys.access_key, "SECRET": keys.secret_key, "SESSION_TOKEN": keys.token}
        said["REGION"] = self._files.region
        if storage.endpoint:
            said |= {
                "ENDPOINT": urlsplit(storage.endpoint).netloc,
                "URL_STYLE": "vhost" if storage.path_style is False else "path",
            }
        given = [f"{name} {literal(value)}" for name, value in said.items() if value]
        plain = ", USE_SSL false" if storage.endpoint and storage.endpoint.startswith("http:") else ""
        return f"CREATE SECRET storage (TYPE s3, {', '.join(given)}{plain})"


def _authorities(settings: LakehouseSettings) -> IO[str] | None:
    """Return an open file of all authorities to trust, DuckDB knows but one; None where the usual ones will do."""
    import certifi  # noqa: PLC0415 - comes with the client of the catalog

    named = [settings.of_catalog.ca_file, settings.of_storage.ca_file]
    if not any(named):
        return None
    bundle = NamedTemporaryFile("w", prefix="floe-authorities-", suffix=".pem")  # noqa: SIM115 - lives with the engine
    for path in dict.fromkeys(named):
        bundle.write(Path(path or certifi.where()).read_text() + "\n")
    bundle.flush()
    return bundle


def _packaged(extension: str) -> Path | None:
    spec = find_spec(f"duckdb_extension_{extension}")
    folders = (spec.submodule_search_locations if spec else None) or ()
    found = (path for folder in folders for path in Path(folder).glob(f"extensions/v*/{extension}.duckdb_extension"))
    return next(found, None)
