"""JSON Schemas of configuration file, report and record, generated from the models that read and write them."""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo

from pytest_floe import registry
from pytest_floe.config.drafts import NAME_PATTERN
from pytest_floe.config.keys import Key, keys_of
from pytest_floe.config.preflight import DEFINING, PreflightConfig
from pytest_floe.records import RECORD
from pytest_floe.report.models import PreflightReport
from pytest_floe.settings import ENVIRONMENT_KEY

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_REFERENCE = {"type": "string", "pattern": r"^\s*\$\{(env|file):[^}]+\}\s*$"}
_NAME = {
    "type": ["string", "null"],
    "pattern": NAME_PATTERN,
    "description": "Name of the target; the kind if not given.",
}
_ARTIFACTS = {
    "type": ["string", "null"],
    "description": "CompiledArtifacts JSON to take compute, storage and catalog from, relative to this file.",
}


def report_schema() -> Schema:
    """Return the schema of preflight-report.json."""
    return {"$schema": DIALECT} | PreflightReport.model_json_schema(mode="serialization")


def evidence_schema() -> Schema:
    """Return the schema of a line of preflight.jsonl."""
    return {"$schema": DIALECT, "title": "A line of preflight.jsonl"} | RECORD.json_schema(mode="serialization")


def config_schema() -> Schema:
    """Return the schema of floe.yaml, with the built-in kinds."""
    kinds = registry.BUILT_IN
    definitions = {"environment": _environment()}
    definitions |= {kind: _section(kind) for kind, (service, _) in kinds.items() if service in DEFINING}
    definitions |= {f"{kind}-target": _target(kind) for kind in kinds}
    definitions["other-target"] = _plugged()
    environments = {
        "type": "object",
        "description": "The environments by name; --floe-env selects one.",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": _to("environment"),
    }
    defaults = {"description": "Shared by all environments; an environment overrides key by key.", **_to("environment")}
    return {
        "$schema": DIALECT,
        "title": "pytest-floe configuration",
        "type": "object",
        "additionalProperties": False,
        "required": ["environments"],
        "properties": {"defaults": defaults, "environments": environments},
        "$defs": definitions | {"reference": {**_REFERENCE, "description": "${env:NAME} or ${file:PATH}"}},
    }


def _environment() -> Schema:
    plain = PreflightConfig.model_json_schema()["properties"]
    flat = {name: _value(schema, PreflightConfig.model_fields[name]) for name, schema in plain.items()}
    listed = {
        "type": ["array", "null"],
        "description": "Further targets, each with its service, kind, name and that kind's keys.",
        "items": {"oneOf": [_to(f"{kind}-target") for kind in (*registry.BUILT_IN, "other")]},
    }
    sections = {kind: _to(kind) for kind, (service, _) in registry.BUILT_IN.items() if service in DEFINING}
    properties = {**flat, **sections, "compiled_artifacts": _ARTIFACTS, "targets": listed}
    return {"type": ["object", "null"], "additionalProperties": False, "properties": properties}


def _section(kind: str) -> Schema:
    title = (registry.find(kind).settings.__doc__ or "").strip().partition("\n")[0]
    properties = {"name": _NAME, **_keys(kind)}
    return {"type": ["object", "null"], "description": title, "additionalProperties": False, "properties": properties}


def _target(kind: str) -> Schema:
    fixed = {"service": {"const": registry.BUILT_IN[kind][0]}, "kind": {"const": kind}, "name": _NAME}
    # A key of the same name would be lost: these three say which target it is.
    properties = {**_keys(kind), **fixed}
    return {"type": "object", "additionalProperties": False, "required": ["service", "kind"], "properties": properties}


def _plugged() -> Schema:
    """Return the schema of a target whose kind a plug-in or a conftest.py adds: its keys are not known here."""
    kind = {"type": "string", "not": {"enum": sorted(registry.BUILT_IN)}}
    return {"type": "object", "required": ["service", "kind"], "properties": {"kind": kind, "name": _NAME}}


def _keys(kind: str) -> dict[str, Schema]:
    model = registry.find(kind).settings
    plain = model.model_json_schema(by_alias=True)["properties"]
    keys = keys_of(model).values()
    return {key.name: _value(plain[key.name], model.model_fields[key.attribute], key) for key in keys}


def _value(plain: Schema, field: FieldInfo, key: Key | None = None) -> Schema:
    """Return the schema of a key: its own values, or a reference to one, or null; of a secret the reference only."""
    hints = {name: plain[name] for name in ("default",) if plain.get(name) is not None}
    own = [] if key and key.secret else _alternatives(plain)
    return {
        "description": describe(field, key),
        **hints,
        "anyOf": [*own, _to("reference"), {"type": "null"}],
    }


def describe(field: FieldInfo, key: Key | None = None) -> str:
    """Return what an editor shows for a key."""
    said = [field.description or ""]
    if key and key.secret:
        said.append("By reference only.")
    if key and key.variables:
        said.append(f"Else from {' or '.join(f'${name}' for name in key.variables)}.")
    return " ".join(said)


def _alternatives(plain: Schema) -> list[Schema]:
    unsaid = {"title", "description", "default", "anyOf", "format", ENVIRONMENT_KEY}
    common = {name: value for name, value in plain.items() if name not in unsaid}
    parts = [part for part in plain.get("anyOf", [{}]) if part != {"type": "null"}]
    return [{**{name: value for name, value in part.items() if name != "format"}, **common} for part in parts]


def _to(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
