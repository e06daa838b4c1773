"""What is published is what the program does: JSON Schemas and the tables of docs/configuration.md."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pytest_floe import registry
from pytest_floe.config import loading
from pytest_floe.config.keys import keys_of
from pytest_floe.config.preflight import PreflightConfig
from tests.config import publish
from tests.config.conftest import Project

CONFIG, REPORT, EVIDENCE = publish.SCHEMAS
RENEW = "renew it: python -m tests.config.publish"
EXAMPLES = [text.partition("```")[0] for text in publish.PAGE.read_text().split("```yaml\n")[1:]]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(CONFIG.read_text()))


@pytest.mark.parametrize("path", publish.SCHEMAS, ids=lambda path: path.name)
def test_a_committed_schema_is_the_generated_one(path: Path) -> None:
    assert path.read_text() == publish.schema(path), RENEW
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


@pytest.mark.parametrize(("name", "path"), [("config", CONFIG), ("report", REPORT), ("evidence", EVIDENCE)])
def test_the_command_prints_the_schema(name: str, path: Path) -> None:
    command = [sys.executable, "-m", "pytest_floe", "schema", name]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == path.read_text()


def test_the_tables_of_the_documentation_are_the_generated_ones() -> None:
    text = publish.PAGE.read_text()
    assert publish.page(text) == text, RENEW
    for kind in registry.BUILT_IN:
        assert f"<!-- keys of {kind} -->" in text


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_of_the_documentation_is_valid(text: str, validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(yaml.safe_load(text))


def test_the_first_example_of_the_documentation_loads(project: Project) -> None:
    for name in ("polaris", "corp.pem"):
        project.write("a secret of some length", name)
    text = EXAMPLES[0].replace("/run/secrets/", "").replace("/etc/ssl/", "")
    secrets = dict.fromkeys(("TRINO_PASSWORD", "POLARIS_CLIENT_ID", "DAGSTER_PG_PASSWORD"), "a secret of some length")
    targets = loading.load(project.write(text), "prod", secrets).targets
    assert {target.service for target in targets} == {"storage", "catalog", "compute", "postgres"}


@pytest.mark.parametrize(
    "environment",
    [
        {"postgres_host": "db", "postgres": {"password": "in clear"}},
        {"compute_tpye": "trino"},
        {"storage_type": "s4"},
        {"postgres_port": 99999},
        {"trino": {"pasword": "${env:P}"}},
        {"targets": [{"kind": "s3"}]},
        {"targets": [{"service": "compute", "kind": "s3"}]},
        {"targets": [{"service": "storage", "kind": "s3", "secret_access_key": "in clear"}]},
    ],
)
def test_an_editor_marks_mistakes(environment: dict[str, Any], validator: jsonschema.Draft202012Validator) -> None:
    assert not validator.is_valid({"environments": {"prod": environment}})


def test_an_editor_takes_references_nulls_and_kinds_of_plug_ins(validator: jsonschema.Draft202012Validator) -> None:
    environment = {
        "storage_type": "${env:STORE}",
        "postgres_port": "${env:PORT}",
        "compute_type": None,
        "targets": [{"service": "queue", "kind": "kafka", "brokers": ["a", "b"]}],
    }
    validator.validate({"defaults": environment, "environments": {"prod": environment, "dev": None}})


def test_an_editor_has_a_hint_for_every_key(validator: jsonschema.Draft202012Validator) -> None:
    definitions = validator.schema["$defs"]  # type: ignore[index]
    for kind in registry.BUILT_IN:
        for name in keys_of(registry.find(kind).settings):
            assert definitions[f"{kind}-target"]["properties"][name]["description"].strip(), f"{kind}.{name}"
    for name in PreflightConfig.model_fields:
        assert definitions["environment"]["properties"][name]["description"].strip(), name


@pytest.mark.parametrize("kind", registry.BUILT_IN)
def test_no_kind_has_a_key_that_says_which_target_it_is(kind: str) -> None:
    assert not {"service", "kind", "name"} & set(keys_of(registry.find(kind).settings))


def test_the_report_of_a_run_is_as_its_schema_says(pytester: pytest.Pytester) -> None:
    (pytester.path / "floe.yaml").write_text("environments: {prod: {compute_type: duckdb}, bad: {x: 1}}")
    for environment, status in (("prod", 0), ("bad", 4)):
        assert pytester.runpytest_subprocess("-p", "no:cacheprovider", f"--floe-env={environment}").ret == status
        written = json.loads((pytester.path / "preflight-report" / "preflight-report.json").read_text())
        jsonschema.Draft202012Validator(json.loads(REPORT.read_text())).validate(written)
