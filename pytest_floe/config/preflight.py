"""PreflightConfig: the flat fields of one environment."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pytest_floe.settings import Host, Port, Url

ComputeType = Literal["trino", "snowflake", "bigquery", "duckdb"]
StorageType = Literal["s3", "gcs", "adls"]


class PreflightConfig(BaseModel):
    """Configuration for infrastructure validation before deployment.

    A service is a target when its defining field is there: ``compute_type``, ``storage_type``, ``catalog_uri``,
    ``postgres_host``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    compute_type: ComputeType | None = Field(None, description="The compute engine to validate.")
    compute_host: Host | None = Field(None, description="Host name of the compute engine.")
    compute_port: Port | None = Field(None, description="Port of the compute engine.")
    storage_type: StorageType | None = Field(None, description="Object storage provider.")
    storage_bucket: str | None = Field(None, min_length=1, description="Bucket (container) to validate access to.")
    catalog_uri: Url | None = Field(None, description="Polaris (any Iceberg REST) catalog endpoint.")
    postgres_host: Host | None = Field(None, description="PostgreSQL host of Dagster's metadata.")
    postgres_port: Port = Field(5432, description="PostgreSQL port.")
    postgres_database: str | None = Field(None, min_length=1, description="PostgreSQL database name.")


#: service -> (its defining field, the kind where that field does not say it)
DEFINING: dict[str, tuple[str, str | None]] = {
    "storage": ("storage_type", None),
    "catalog": ("catalog_uri", "polaris"),
    "compute": ("compute_type", None),
    "postgres": ("postgres_host", "postgres"),
}
#: Dependencies first: a catalog needs its storage, an engine needs the catalog.
SERVICE_ORDER = tuple(DEFINING)


def flat_fields(service: str) -> list[str]:
    """Return the flat fields that belong to ``service``."""
    return [name for name in PreflightConfig.model_fields if name.startswith(f"{service}_")]
