"""Compute, storage and catalog out of a CompiledArtifacts JSON file.

floe 1.1.0 writes ``resolved_profiles.{compute,storage,catalog}``; the older form is ``compute {target,
properties}`` and ``catalog {type, uri, warehouse, scope, …}``. Secrets are named by ``secret_ref``: an environment
variable in upper case with underscores, or a file below /var/run/secrets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_floe.config.problems import Problem
from pytest_floe.registry import find

_SECRETS = Path("/var/run/secrets")
_STORAGE_TYPES = {"s3": "s3", "gcs": "gcs", "azure": "adls", "adls": "adls"}
_REST_CATALOGS = ("polaris", "nessie", "rest")
_ENGINES = ("trino", "snowflake", "bigquery", "duckdb")
Layer = dict[str, Any]


def read(path: Path, environ: Mapping[str, str]) -> tuple[Layer, list[Problem]]:
    """Return the file's content in the shape of an environment of floe.yaml, and what is wrong with the file."""
    name = str(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return {}, [Problem(name, f"can't be read ({error.strerror})", "compile the project, or correct the path",
                            "config_not_found")]  # fmt: skip
    except ValueError as error:
        return {}, [Problem(name, f"not JSON ({error})", "compile the project again")]
    problem = _unusable(data, name)
    if problem:
        return {}, [problem]
    return _Reader(name, environ).layer(data)


def _unusable(data: Any, name: str) -> Problem | None:
    if not isinstance(data, dict) or not isinstance(data.get("metadata"), dict):
        return Problem(name, "not CompiledArtifacts: it has no metadata object", "compile the project again")
    version = data.get("version")
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        said = f"version {version!r} is unknown"
        return Problem(f"{name}: version", said, "use artifacts of version 1.x, or a newer pytest-floe")
    return None


class _Reader:
    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self.name = name
        self.environ = environ
        self.problems: list[Problem] = []

    def layer(self, data: dict[str, Any]) -> tuple[Layer, list[Problem]]:
        profiles = data.get("resolved_profiles") or {}
        compute = profiles.get("compute") or _as_profile(data.get("compute"))
        layer = self._compute(compute) | self._storage(profiles.get("storage"))
        layer |= self._catalog(profiles.get("catalog") or data.get("catalog"))
        return layer, self.problems

    def _compute(self, profile: Any) -> Layer:
        if not self._is_object(profile, "compute"):
            return {}
        kind = profile.get("type")
        if kind not in _ENGINES:
            return self._unknown("compute.type", kind, _ENGINES)
        settings = {key: value for key, value in (profile.get("properties") or {}).items() if value is not None}
        layer = {"compute_type": kind}
        layer |= {f"compute_{key}": settings.pop(key) for key in ("host", "port") if key in settings}
        credentials = profile.get("credentials") or {}
        secret = {"trino": "password", "snowflake": "password"}.get(kind)
        if secret and credentials.get("secret_ref"):
            settings[secret] = self._reference(credentials)
        known = _known_keys(kind)
        return layer | {kind: {key: value for key, value in settings.items() if key in known}}

    def _storage(self, profile: Any) -> Layer:
        if not self._is_object(profile, "storage"):
            return {}
        kind = _STORAGE_TYPES.get(profile.get("type") or "s3")
        if not kind:
            return self._unknown("storage.type", profile.get("type"), _STORAGE_TYPES)
        settings: Layer = {}
        if profile.get("endpoint"):
            settings["endpoint"] = self._value(profile["endpoint"])
        if kind == "s3":
            settings |= {"region": profile.get("region"), "path_style": profile.get("path_style_access")}
            settings["role_arn"] = (profile.get("credentials") or {}).get("role_arn")
        settings = {key: value for key, value in settings.items() if value is not None}
        return {"storage_type": kind, "storage_bucket": profile.get("bucket"), kind: settings}

    def _catalog(self, profile: Any) -> Layer:
        if not self._is_object(profile, "catalog"):
            return {}
        if profile.get("type") not in _REST_CATALOGS:
            return self._unknown("catalog.type", profile.get("type"), _REST_CATALOGS)
        credentials = profile.get("credentials") or {}
        settings = {
            "warehouse": profile.get("warehouse"),
            "scope": credentials.get("scope") or profile.get("scope"),
            "client_id": self._value(credentials.get("client_id")),
            "client_secret": self._value(credentials.get("client_secret")),
        }
        settings = {key: value for key, value in settings.items() if value is not None}
        return {"catalog_uri": self._value(profile.get("uri")), "polaris": settings}

    def _is_object(self, profile: Any, what: str) -> bool:
        if profile is None:
            return False
        if not isinstance(profile, dict):
            self.problems.append(Problem(f"{self.name}: {what}", "not an object", "compile the project again"))
            return False
        return True

    def _unknown(self, where: str, value: Any, known: Any) -> Layer:
        remedy = f"floe checks {', '.join(known)}; set the service in floe.yaml instead"
        self.problems.append(Problem(f"{self.name}: {where}", f"{value!r} can't be checked", remedy))
        return {}

    def _value(self, value: Any) -> Any:
        return self._reference(value) if isinstance(value, dict) else value

    def _reference(self, holder: dict[str, Any]) -> str:
        name = str(holder.get("secret_ref", ""))
        variable = name.upper().replace("-", "_")
        mounted = _SECRETS / name
        if variable not in self.environ and mounted.is_file():
            return f"${{file:{mounted}}}"
        return f"${{env:{variable}}}"


def _as_profile(compute: Any) -> Any:
    if not isinstance(compute, dict):
        return compute
    credentials = {"secret_ref": compute.get("connection_secret_ref")}
    return {"type": compute.get("target"), "properties": compute.get("properties"), "credentials": credentials}


def _known_keys(kind: str) -> set[str]:
    return set(find(kind).settings.model_fields)
