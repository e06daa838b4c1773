"""What each embedded server is told: it travels as one line of JSON through the server's standard input.

The module stands on the standard library alone, because the pytest process imports it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

READ, WRITE, DELETE = "read", "write", "delete"
ALL_ROLES = "PRINCIPAL_ROLE:ALL"


@dataclass(frozen=True)
class PostgresConfig:
    """A PostgreSQL server with one database, owned by the workload's role ``user``; ``admin`` is the superuser.

    ``settings`` are server settings (postgresql.conf), ``hba`` the lines of its pg_hba.conf.
    """

    module: ClassVar[str] = "postgres"
    shares_socket: ClassVar[bool] = False

    user: str
    password: str = field(repr=False)
    database: str
    admin_password: str = field(repr=False)
    admin: str = "postgres"
    settings: dict[str, str] = field(default_factory=dict)
    hba: list[str] = field(default_factory=lambda: ["host all all 127.0.0.1/32 scram-sha-256"])


@dataclass(frozen=True)
class S3User:
    """An IAM user with one access key and one policy document."""

    name: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    policy: dict[str, Any]


@dataclass(frozen=True)
class S3Config:
    """An S3 server with one bucket and these users; whatever no policy allows is refused."""

    module: ClassVar[str] = "s3"
    shares_socket: ClassVar[bool] = True

    bucket: str
    users: list[S3User]
    region: str = "us-east-1"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> S3Config:
        """Return the configuration that ``dataclasses.asdict`` took apart."""
        return cls(**{**data, "users": [S3User(**user) for user in data["users"]]})


@dataclass(frozen=True)
class Principal:
    """An OAuth2 client: ``scopes`` says which actions (read, write, delete) each scope it may ask for allows."""

    client_id: str
    client_secret: str = field(repr=False)
    scopes: dict[str, list[str]]


@dataclass(frozen=True)
class CatalogConfig:
    """An Iceberg REST catalog with one warehouse at ``location``.

    ``storage`` holds PyIceberg's FileIO properties with which the catalog itself writes metadata files; its entries
    that are no credentials are handed to clients with each table. ``token_lifetime`` is seconds. With ``realm``, a
    request that names another one in ``Polaris-Realm`` is refused.
    """

    module: ClassVar[str] = "catalog"
    shares_socket: ClassVar[bool] = True

    principals: list[Principal]
    warehouse: str
    location: str
    storage: dict[str, str] = field(default_factory=dict, repr=False)
    token_lifetime: int = 3600
    realm: str | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CatalogConfig:
        """Return the configuration that ``dataclasses.asdict`` took apart."""
        return cls(**{**data, "principals": [Principal(**principal) for principal in data["principals"]]})


ServerConfig = PostgresConfig | S3Config | CatalogConfig
