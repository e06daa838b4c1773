"""Who wins: SDK variables < CompiledArtifacts < defaults < the environment's own keys."""

import json

import pytest

from tests.config.conftest import Project

ARTIFACTS = json.dumps(
    {
        "version": "1.1.0",
        "metadata": {},
        "resolved_profiles": {"compute": {"type": "trino", "properties": {"host": "artifact", "port": 1111}}},
    }
)
LAYERS = ["environment", "defaults", "artifacts", "variables"]


def text(strongest: str) -> str:
    """Return a file in which ``strongest`` is the strongest layer to say the host."""
    own = "compute_host: environment" if strongest == "environment" else ""
    default = "compute_host: defaults" if strongest in ("environment", "defaults") else ""
    compiled = "compiled_artifacts: compiled.json" if strongest != "variables" else ""
    return f"""
defaults:
  compute_type: trino
  {default}
environments:
  prod:
    {own}
    {compiled}
"""


@pytest.mark.parametrize("strongest", LAYERS)
def test_the_strongest_layer_wins(project: Project, strongest: str) -> None:
    project.write(ARTIFACTS, "compiled.json")
    settings = project.settings(text(strongest), "compute-trino", TRINO_HOST="variables")
    assert settings.host == ("artifact" if strongest == "artifacts" else strongest)


def test_layers_merge_key_by_key(project: Project) -> None:
    project.write(ARTIFACTS, "compiled.json")
    settings = project.settings(
        """
defaults: {compute_type: trino, trino: {user: default, catalog: lake}}
environments: {prod: {compiled_artifacts: compiled.json, trino: {user: own}}}
""",
        "compute-trino",
        TRINO_SCHEMA="shop",
    )
    assert (settings.host, settings.port, settings.user) == ("artifact", 1111, "own")
    assert (settings.catalog, settings.schema) == ("lake", "shop")


def test_a_flat_field_of_the_environment_beats_a_section_of_the_defaults(project: Project) -> None:
    settings = project.settings(
        """
defaults: {postgres: {host: default, user: default}}
environments: {prod: {postgres_host: own}}
""",
        "postgres-postgres",
    )
    assert (settings.host, settings.user) == ("own", "default")


def test_a_section_of_the_environment_beats_a_flat_field_of_the_defaults(project: Project) -> None:
    settings = project.settings(
        "{defaults: {postgres_port: 1111}, environments: {prod: {postgres_host: db, postgres: {port: 2222}}}}",
        "postgres-postgres",
    )
    assert settings.port == 2222


def test_saying_it_twice_in_one_layer_is_a_mistake(project: Project) -> None:
    said = project.mistake("environments: {prod: {postgres_host: db, postgres_port: 1, postgres: {port: 2}}}")
    assert said == (
        "floe.yaml:1: environments.prod.postgres.port: postgres.port says the same thing as postgres_port; "
        "keep one of them"
    )


def test_null_unsets_what_a_default_says(project: Project) -> None:
    targets = project.targets(
        """
defaults: {postgres_host: db, storage_type: s3, storage_bucket: b}
environments: {prod: {postgres_host: null, storage_bucket: null}}
"""
    )
    assert list(targets) == ["storage-s3"]
    assert targets["storage-s3"].settings.bucket is None  # type: ignore[attr-defined]


def test_a_default_for_a_service_that_is_not_declared_is_no_mistake(project: Project) -> None:
    targets = project.targets(
        """
defaults:
  postgres_port: 5432
  storage_bucket: "${env:NOT_SET}"
  trino: {password: "${env:NOT_SET}"}
environments: {prod: {catalog_uri: "https://catalog.example"}}
"""
    )
    assert list(targets) == ["catalog-polaris"]


def test_a_type_may_be_a_reference(project: Project) -> None:
    targets = project.targets("environments: {prod: {storage_type: '${env:STORE}'}}", STORE="gcs")
    assert list(targets) == ["storage-gcs"]


def test_another_kind_takes_nothing_from_the_section_of_the_default_kind(project: Project) -> None:
    targets = project.targets(
        """
defaults: {compute_type: trino, compute_host: trino.example, trino: {user: floe}}
environments: {prod: {compute_type: duckdb}}
"""
    )
    assert list(targets) == ["compute-duckdb"]


def test_the_environments_list_of_targets_replaces_that_of_the_defaults(project: Project) -> None:
    targets = project.targets(
        """
defaults: {targets: [{service: compute, kind: duckdb, name: default}]}
environments: {prod: {targets: [{service: compute, kind: duckdb, name: own}]}}
"""
    )
    assert list(targets) == ["compute-own"]


def test_every_value_says_where_it_came_from(project: Project) -> None:
    project.write(ARTIFACTS, "compiled.json")
    target = project.targets(
        """
defaults:
  compute_type: trino
environments:
  prod:
    compiled_artifacts: compiled.json
    trino: {password: "${env:P}"}
""",
        P="hunter2hunter2",
        TRINO_SCHEMA="shop",
        TRINO_CATALOG="lake",
    )["compute-trino"]
    assert target.origins["password"] == "floe.yaml:7: environments.prod.trino.password"
    assert target.shown["password"] == "${env:P}"
    assert target.origins["host"] == "compiled.json: resolved_profiles.compute.host"
    assert (target.origins["schema"], target.shown["schema"]) == ("environment variable TRINO_SCHEMA", "shop")


def test_the_digest_changes_with_a_value_and_not_with_a_secret(project: Project) -> None:
    text = "environments: {prod: {postgres_host: '${env:HOST}', postgres: {password: '${env:P}'}}}"
    first = project.load(text, HOST="a", P="one").sha256
    assert project.load(text, HOST="a", P="two").sha256 == first
    assert project.load(text, HOST="b", P="one").sha256 != first


@pytest.mark.parametrize(
    ("given", "path"),
    [("shop.duckdb", "{folder}/shop.duckdb"), ("/shop.duckdb", "/shop.duckdb"), (":memory:", ":memory:")],
)
def test_a_database_file_is_relative_to_the_configuration_and_need_not_exist(
    project: Project, given: str, path: str
) -> None:
    text = f"environments: {{prod: {{compute_type: duckdb, duckdb: {{path: '{given}'}}}}}}"
    assert project.settings(text, "compute-duckdb").path == path.format(folder=project.folder)
