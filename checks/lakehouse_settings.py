"""Which catalog, storage and engine make a lakehouse, and where in it a table may be made."""

from __future__ import annotations

from typing import ClassVar, cast

from pytest_floe import Settings, setting

from .duckdb import DuckDBSettings
from .polaris_settings import PolarisSettings
from .s3 import S3Settings
from .trino import TrinoSettings

Engine = TrinoSettings | DuckDBSettings


class LakehouseSettings(Settings):
    """Which catalog, storage and compute engine have to work together, and where a table is made to see that."""

    joins: ClassVar[dict[str, tuple[str, ...]]] = {
        "catalog": ("polaris",),
        "storage": ("s3",),
        "compute": ("trino", "duckdb"),
    }

    catalog: str | None = setting(None, "Name of the catalog target; the environment's own, or the only one.")
    storage: str | None = setting(None, "Name of the storage target; the environment's own, or the only one.")
    compute: str | None = setting(None, "Name of the compute target; the environment's own, or the only one.")
    namespace: str | None = setting(
        None, "Namespace for the table, levels separated by dots; a new one is made and dropped if not given."
    )
    compute_catalog: str | None = setting(
        None, "What the engine calls the catalog; Trino's own key `catalog` if not given. DuckDB needs none."
    )
    write: bool = setting(False, "Make a table with a few rows, and drop it; without it nothing is verified.")

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of ``namespace``."""
        return tuple(self.namespace.split(".")) if self.namespace else ()

    @property
    def of_catalog(self) -> PolarisSettings:
        """Settings of the catalog that is joined."""
        return cast("PolarisSettings", self.joined["catalog"].settings)

    @property
    def of_storage(self) -> S3Settings:
        """Settings of the storage that is joined."""
        return cast("S3Settings", self.joined["storage"].settings)

    @property
    def of_compute(self) -> Engine:
        """Settings of the engine that is joined."""
        return cast("Engine", self.joined["compute"].settings)

    @property
    def warehouse(self) -> str:
        """How a remedy calls the place that all three must mean."""
        return f"warehouse {self.of_catalog.warehouse or '(the default)'} of {self.of_catalog.uri}"
