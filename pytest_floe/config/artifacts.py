"""Compute, storage and catalog out of a CompiledArtifacts JSON file.

floe 1.1.0 writes ``resolved_profiles.{compute,storage,catalog}``; the older form is ``compute {target, properties,
connection_secret_ref}`` and ``catalog {type, uri, warehouse, scope, credential_secret_ref, …}``. Secrets are named by
a ``secret_ref``: an environment variable in upper case with underscores, or a file below /var/run/secrets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from pytest_floe import registry
from pytest_floe.config import display
from pytest_floe.config.document import Nodes, as_node
from pytest_floe.config.keys import keys_of
from pytest_floe.config.problems import Problem, Problems

_SECRETS = Path("/var/run/secrets")
_ENGINES = ("trino", "snowflake", "bigquery", "duckdb")
_STORES = {"s3": "s3", "gcs": "gcs", "azure": "adls", "adls": "adls"}
_REST_CATALOGS = ("polaris", "nessie", "rest")
_AGAIN = "compile the project again"
_REFERENCE_NAME = r"^[a-zA-Z0-9][a-zA-Z0-9_-]{0,252}$"


class _SecretReference(BaseModel):
    secret_ref: str = Field(pattern=_REFERENCE_NAME)


class _Credentials(BaseModel):
    client_id: str | _SecretReference | None = None
    client_secret: _SecretReference | None = None
    scope: str | None = None
    role_arn: str | None = None
    secret_ref: str | None = Field(None, pattern=_REFERENCE_NAME)


class _Compute(BaseModel):
    type: str
    properties: dict[str, Any] = {}
    credentials: _Credentials = _Credentials()


class _Storage(BaseModel):
    type: str = "s3"
    endpoint: str | _SecretReference = ""
    region: str | None = None
    bucket: str
    path_style_access: bool | None = None
    credentials: _Credentials = _Credentials()


class _Catalog(BaseModel):
    type: str = "polaris"
    uri: str | _SecretReference
    warehouse: str | None = None
    scope: str | None = None
    credential_secret_ref: str | None = Field(None, pattern=_REFERENCE_NAME)
    credentials: _Credentials = _Credentials()


class _Profiles(BaseModel):
    compute: _Compute | None = None
    storage: _Storage | None = None
    catalog: _Catalog | None = None


class _OlderCompute(BaseModel):
    target: str
    properties: dict[str, Any] = {}
    connection_secret_ref: str | None = Field(None, pattern=_REFERENCE_NAME)

    def as_profile(self) -> _Compute:
        credentials = _Credentials(secret_ref=self.connection_secret_ref)
        return _Compute(type=self.target, properties=self.properties, credentials=credentials)


class _Artifacts(BaseModel):
    version: str
    metadata: dict[str, Any]
    compute: _OlderCompute | None = None
    catalog: _Catalog | None = None
    resolved_profiles: _Profiles | None = None


def read(path: Path, environ: Mapping[str, str], settled: Collection[str], problems: Problems) -> Nodes:
    """Return the file's content in the shape of an environment of floe.yaml.

    ``settled`` holds the keys that the environment itself decides: what it replaces need not be understood here.
    """
    artifacts = _load(path, problems)
    return _Reader(path.name, environ, settled, problems).layer(artifacts) if artifacts else {}


def _load(path: Path, problems: Problems) -> _Artifacts | None:
    name = str(path)
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        remedy = "compile the project, or correct compiled_artifacts"
        problems.add(Problem(name, f"can't be read: {error.strerror}", remedy, "config_not_found"))
        return None
    except (ValueError, RecursionError):
        problems.add(Problem(name, "is not JSON", _AGAIN))
        return None
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, str) and version.partition(".")[0] != "1":
        remedy = "use artifacts of version 1.x, or a newer pytest-floe"
        problems.add(Problem(f"{path.name}: version", f"{display.shown(None, version)} is unknown", remedy))
        return None
    return _validated(data, path.name, problems)


def _validated(data: Any, name: str, problems: Problems) -> _Artifacts | None:
    try:
        return _Artifacts.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            place = ".".join(str(part) for part in detail["loc"])
            said = detail["msg"][:1].lower() + detail["msg"][1:]
            problems.add(Problem(f"{name}: {place}".rstrip(": "), f"not CompiledArtifacts: {said}", _AGAIN))
    return None


class _Reader:
    def __init__(self, name: str, environ: Mapping[str, str], settled: Collection[str], problems: Problems) -> None:
        self.name = name
        self.environ = environ
        self.settled = settled
        self.problems = problems

    def layer(self, artifacts: _Artifacts) -> Nodes:
        """Return the nodes of every service in the artifacts."""
        profiles = artifacts.resolved_profiles or _Profiles()
        layer: Nodes = {}
        if profiles.compute:
            layer |= self._compute(profiles.compute, "resolved_profiles.compute", "type")
        elif artifacts.compute:
            layer |= self._compute(artifacts.compute.as_profile(), "compute", "target")
        if profiles.storage:
            layer |= self._storage(profiles.storage)
        if profiles.catalog:
            layer |= self._catalog(profiles.catalog, "resolved_profiles.catalog")
        elif artifacts.catalog:
            layer |= self._catalog(artifacts.catalog, "catalog")
        return layer

    def _compute(self, profile: _Compute, where: str, type_key: str) -> Nodes:
        if profile.type not in _ENGINES:
            return self._not_checkable("compute_type", f"{where}.{type_key}", profile.type, _ENGINES)
        values = dict(profile.properties)
        keys = keys_of(registry.find(profile.type).settings)
        if profile.credentials.secret_ref and "password" in keys:
            values["password"] = self._reference(profile.credentials.secret_ref)
        section = {key: values[key] for key in keys if values.get(key) is not None}
        return self._nodes(where, {"compute_type": profile.type, profile.type: section})

    def _storage(self, profile: _Storage) -> Nodes:
        where, kind = "resolved_profiles.storage", _STORES.get(profile.type)
        if kind is None:
            return self._not_checkable("storage_type", f"{where}.type", profile.type, _STORES)
        section = {
            "bucket": profile.bucket,
            "endpoint": self._value(profile.endpoint) or None,
            "region": profile.region,
            "path_style": profile.path_style_access,
            "role_arn": profile.credentials.role_arn,
        }
        keys = keys_of(registry.find(kind).settings)
        flat = registry.find(kind).settings.flat
        section[flat["storage_bucket"]] = section.pop("bucket")
        section = {key: value for key, value in section.items() if key in keys and value is not None}
        return self._nodes(where, {"storage_type": kind, kind: section})

    def _catalog(self, profile: _Catalog, where: str) -> Nodes:
        if profile.type not in _REST_CATALOGS:
            return self._not_checkable("catalog_uri", f"{where}.type", profile.type, _REST_CATALOGS)
        given = profile.credentials
        secret = given.client_secret.secret_ref if given.client_secret else None
        secret = secret or given.secret_ref or profile.credential_secret_ref
        section = {
            "warehouse": profile.warehouse,
            "scope": given.scope or profile.scope,
            "client_id": self._value(given.client_id),
            "client_secret": self._reference(secret) if secret else None,
        }
        section = {key: value for key, value in section.items() if value is not None}
        return self._nodes(where, {"catalog_uri": self._value(profile.uri), "polaris": section})

    def _not_checkable(self, key: str, where: str, value: str, known: Collection[str]) -> Nodes:
        if key not in self.settled:
            remedy = f"set {key} in floe.yaml to what is to be checked (of {', '.join(known)}), or to null"
            self.problems.add(
                Problem(f"{self.name}: {where}", f"{display.shown(None, value)} can't be checked", remedy)
            )
        return {}

    def _nodes(self, where: str, values: Mapping[str, Any]) -> Nodes:
        place = f"{self.name}: {where}"
        return {key: as_node(value, place) for key, value in values.items()}

    def _value(self, value: str | _SecretReference | None) -> str | None:
        return self._reference(value.secret_ref) if isinstance(value, _SecretReference) else value

    def _reference(self, name: str) -> str:
        variable = name.upper().replace("-", "_")
        mounted = _SECRETS / name
        if variable not in self.environ and os.path.isfile(mounted):  # noqa: PTH113 - never raises
            return f"${{file:{mounted}}}"
        return f"${{env:{variable}}}"
