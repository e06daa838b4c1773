"""Compute, storage and catalog out of CompiledArtifacts, in the form of floe 1.1.0 and the older one."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_floe.config import artifacts
from tests.config.conftest import Project

CURRENT: dict[str, Any] = {
    "version": "1.1.0",
    "metadata": {"compiled_at": "2026-01-31T12:00:00Z", "floe_core_version": "0.2.0", "source_hash": "0123abcd"},
    "transforms": [],
    "resolved_profiles": {
        "platform_env": "prod",
        "compute": {
            "type": "snowflake",
            "properties": {"account": "ab12345.eu-west-1", "database": "FLOE", "schema": "SHOP", "threads": 4},
            "credentials": {"mode": "static", "secret_ref": "snowflake-login"},
        },
        "storage": {
            "type": "s3",
            "endpoint": {"secret_ref": "store-address"},
            "region": "eu-west-1",
            "bucket": "floe-warehouse",
            "path_style_access": True,
            "credentials": {"mode": "iam_role", "role_arn": "arn:aws:iam::123456789012:role/floe"},
        },
        "catalog": {
            "type": "polaris",
            "uri": "https://catalog.example/api/catalog",
            "warehouse": "lake",
            "namespace": "default",
            "credentials": {
                "mode": "oauth2",
                "client_id": "floe",
                "client_secret": {"secret_ref": "polaris-oauth"},
                "scope": "PRINCIPAL_ROLE:LOADER",
            },
        },
    },
}
OLDER: dict[str, Any] = {
    "version": "1.0.0",
    "metadata": {"compiled_at": "2025-01-31T12:00:00Z", "floe_core_version": "0.1.0", "source_hash": "4567cdef"},
    "compute": {"target": "duckdb", "connection_secret_ref": None, "properties": {"path": ":memory:", "threads": 2}},
    "catalog": {
        "type": "nessie",
        "uri": "https://nessie.example/iceberg",
        "credential_secret_ref": "nessie-login",
        "warehouse": "lake",
        "scope": "catalog",
        "token_refresh_enabled": True,
    },
    "resolved_profiles": None,
}
SECRETS = {
    "SNOWFLAKE_LOGIN": "hunter2hunter2",
    "STORE_ADDRESS": "https://s3.example",
    "POLARIS_OAUTH": "hunter3hunter3",
}
LOGIN = {"NESSIE_LOGIN": "hunter2hunter2", "POLARIS_CLIENT_ID": "floe"}
ENVIRONMENT = "environments: {{prod: {{compiled_artifacts: compiled.json, {}}}}}"
Change = Callable[[dict[str, Any]], Any]


def compiled(project: Project, data: Any, keys: str = "") -> str:
    project.write(data if isinstance(data, str) else json.dumps(data), "compiled.json")
    return ENVIRONMENT.format(keys)


def changed(**services: Mapping[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(CURRENT))
    for service, values in services.items():
        data["resolved_profiles"][service] |= values
    return data


def test_artifacts_of_floe_1_1_0_give_compute_storage_and_catalog(project: Project) -> None:
    targets = project.targets(compiled(project, CURRENT, "snowflake: {user: floe}"), **SECRETS)
    assert list(targets) == ["storage-s3", "catalog-polaris", "compute-snowflake"]
    storage, catalog, compute = (target.settings for target in targets.values())
    assert (storage.bucket, storage.region, storage.path_style) == ("floe-warehouse", "eu-west-1", True)  # type: ignore[attr-defined]
    assert (storage.endpoint, storage.role_arn) == ("https://s3.example", "arn:aws:iam::123456789012:role/floe")  # type: ignore[attr-defined]
    assert (catalog.uri, catalog.warehouse) == ("https://catalog.example/api/catalog", "lake")  # type: ignore[attr-defined]
    assert (catalog.client_id, catalog.scope) == ("floe", "PRINCIPAL_ROLE:LOADER")  # type: ignore[attr-defined]
    assert targets["catalog-polaris"].secrets() == {"client_secret": "hunter3hunter3"}
    assert (compute.account, compute.database) == ("ab12345.eu-west-1", "FLOE")  # type: ignore[attr-defined]
    assert targets["compute-snowflake"].secrets() == {"password": "hunter2hunter2"}


def test_the_older_form_gives_compute_and_catalog(project: Project) -> None:
    targets = project.targets(compiled(project, OLDER), **LOGIN)
    assert list(targets) == ["catalog-polaris", "compute-duckdb"]
    assert targets["catalog-polaris"].settings.scope == "catalog"  # type: ignore[attr-defined]
    assert targets["catalog-polaris"].secrets() == {"client_secret": "hunter2hunter2"}


def test_a_secret_ref_is_a_mounted_file_where_no_variable_has_its_name(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "_SECRETS", tmp_path)
    (tmp_path / "nessie-login").write_text("hunter2hunter2\n")
    targets = project.targets(compiled(project, OLDER), POLARIS_CLIENT_ID="floe")
    assert targets["catalog-polaris"].secrets() == {"client_secret": "hunter2hunter2"}


def test_a_secret_ref_that_leads_nowhere_names_its_variable_and_its_place(project: Project) -> None:
    (problem,) = project.problems(compiled(project, OLDER))
    assert problem.code == "missing_credentials"
    assert str(problem) == (
        "compiled.json: catalog.client_secret: ${env:NESSIE_LOGIN}: environment variable NESSIE_LOGIN is not set; "
        "set NESSIE_LOGIN where pytest runs"
    )


def test_what_the_environment_says_itself_needs_no_secret_of_the_artifacts(project: Project) -> None:
    targets = project.targets(
        compiled(project, OLDER, "polaris: {client_id: own, client_secret: '${env:OWN}'}"), OWN="own secret"
    )
    assert targets["catalog-polaris"].secrets() == {"client_secret": "own secret"}


@pytest.mark.parametrize("engine", ["postgres", "redshift", "databricks", "spark"])
def test_an_engine_that_can_not_be_checked_is_a_mistake(project: Project, engine: str) -> None:
    said = project.mistake(compiled(project, {**OLDER, "compute": {"target": engine}}), **LOGIN)
    assert said == (
        f"compiled.json: compute.target: {engine!r} can't be checked; set compute_type in floe.yaml to what is to be "
        "checked (of trino, snowflake, bigquery, duckdb), or to null"
    )


@pytest.mark.parametrize(("own", "services"), [("duckdb", {"catalog", "compute"}), ("null", {"catalog"})])
def test_unless_the_environment_says_its_own(project: Project, own: str, services: set[str]) -> None:
    text = compiled(project, {**OLDER, "compute": {"target": "redshift"}}, f"compute_type: {own}")
    assert {target.service for target in project.targets(text, **LOGIN).values()} == services


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ({"storage": {"type": "local"}}, "resolved_profiles.storage.type: 'local' can't be checked; set storage_type"),
        ({"catalog": {"type": "glue"}}, "resolved_profiles.catalog.type: 'glue' can't be checked; set catalog_uri"),
    ],
)
def test_a_store_or_catalog_that_can_not_be_checked_is_a_mistake(
    project: Project, services: dict[str, Any], said: str
) -> None:
    text = compiled(project, changed(**services), "snowflake: {user: floe}")
    assert said in project.mistake(text, **SECRETS)


def test_another_kind_of_the_environment_takes_nothing_from_the_artifacts(project: Project) -> None:
    text = compiled(project, CURRENT, "storage_type: gcs, snowflake: {user: floe}")
    assert project.targets(text, **SECRETS)["storage-gcs"].settings.bucket is None  # type: ignore[attr-defined]


def test_a_credential_in_clear_in_the_artifacts_is_a_mistake_too(project: Project) -> None:
    data = changed(compute={"properties": {"account": "a", "user": "u", "password": "hunter2"}, "credentials": {}})
    said = project.mistake(compiled(project, data), **SECRETS)
    assert said.startswith("compiled.json: resolved_profiles.compute.password: holds a credential in clear")
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{", "compiled.json: is not JSON; compile the project again"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "compiled.json: not CompiledArtifacts: "),
        ({}, "compiled.json: version: not CompiledArtifacts: field required"),
        ({"version": "1.1.0"}, "compiled.json: metadata: not CompiledArtifacts: field required"),
        ({**CURRENT, "version": "2.0.0"}, "compiled.json: version: '2.0.0' is unknown; use artifacts of version 1.x"),
        ({**CURRENT, "version": 1}, "compiled.json: version: not CompiledArtifacts: input should be a valid string"),
        ({**CURRENT, "resolved_profiles": []}, "compiled.json: resolved_profiles: not CompiledArtifacts"),
        (
            changed(compute={"properties": 5}),
            "compiled.json: resolved_profiles.compute.properties: not CompiledArtifacts",
        ),
        (changed(storage={"bucket": None}), "compiled.json: resolved_profiles.storage.bucket: not CompiledArtifacts"),
        (
            changed(catalog={"credentials": {"client_secret": "x"}}),
            "resolved_profiles.catalog.credentials.client_secret",
        ),
    ],
)
def test_artifacts_that_can_not_be_understood(project: Project, data: Any, said: str) -> None:
    assert said in "\n".join(project.mistakes(compiled(project, data)))


def test_a_path_is_relative_to_the_configuration_file_and_may_be_a_reference(project: Project) -> None:
    project.write(json.dumps(OLDER), "elsewhere.json")
    text = "environments: {prod: {compiled_artifacts: '${env:ARTIFACTS}'}}"
    assert len(project.targets(text, ARTIFACTS="elsewhere.json", **LOGIN)) == 2


def test_artifacts_may_be_named_by_the_defaults(project: Project) -> None:
    project.write(json.dumps(OLDER), "compiled.json")
    text = "{defaults: {compiled_artifacts: compiled.json}, environments: {prod: {}}}"
    assert len(project.targets(text, **LOGIN)) == 2
