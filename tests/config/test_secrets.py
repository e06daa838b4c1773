"""Credentials come by reference, are never shown, and never from two identities at once."""

import pytest
from pydantic import SecretStr, field_validator

from pytest_floe import Plan, Secret, Settings, registry, setting
from pytest_floe.registry import Check
from tests.config.conftest import Project

SECRET = "hunter2hunter2"
POSTGRES = "environments: {{prod: {{postgres_host: db, postgres: {{{}}}}}}}"


def test_a_reference_to_a_variable_or_a_file_is_resolved(project: Project) -> None:
    project.write(f"{SECRET}\n", "password")
    for reference in ("${env:P}", "${file:password}"):
        settings = project.settings(POSTGRES.format(f"password: '{reference}'"), "postgres-postgres", P=SECRET)
        assert settings.password.get_secret_value() == SECRET


def test_references_stand_within_other_values_too(project: Project) -> None:
    settings = project.settings(
        "environments: {prod: {postgres_host: 'db.${env:A}.${env:B}'}}", "postgres-postgres", A="eu", B="example"
    )
    assert settings.host == "db.eu.example"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("${env:P}", "${env:P}: environment variable P is not set; set P where pytest runs"),
        ("${env:EMPTY}", "environment variable EMPTY is empty"),
        ("${env:SPACE}", "environment variable SPACE is empty"),
        ("${file:nowhere}", "can't be read (No such file or directory); create it, or correct the path"),
        ("${file:empty}", "empty is empty; write the value into it"),
        ("${file:binary}", "it is not UTF-8 text"),
        ("${env:P:-x}", "not the name of a variable"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_missing_credential(project: Project, reference: str, said: str) -> None:
    project.write("\n", "empty")
    (project.folder / "binary").write_bytes(b"\xff")
    (problem,) = project.problems(POSTGRES.format(f"password: '{reference}'"), EMPTY="", SPACE=" ")
    assert problem.code == "missing_credentials"
    assert problem.where == "floe.yaml:1: environments.prod.postgres.password"
    assert said in str(problem)


def test_references_of_other_environments_are_left_alone(project: Project) -> None:
    project.load("environments: {prod: {postgres_host: db}, dev: {postgres_host: '${env:NOT_SET}'}}")


@pytest.mark.parametrize("written", ["${vault:path}", "${P}", "${env:P"])
def test_what_begins_no_reference_is_not_taken_for_a_value(project: Project, written: str) -> None:
    said = project.mistake(f"environments: {{prod: {{postgres_host: '{written}'}}}}", P="db")
    assert "holds `${` that begins no reference" in said


@pytest.mark.parametrize("written", [SECRET, f"'x${{env:P}}{SECRET}'", "123456", f"[{SECRET}]", f"{{a: {SECRET}}}"])
def test_a_credential_in_clear_is_a_mistake_that_does_not_show_it(project: Project, written: str) -> None:
    (said,) = project.mistakes(POSTGRES.format(f"password: {written}"), P="p")
    assert "postgres.password" in said
    assert 'holds a credential in clear; refer to it: "${env:NAME}" or "${file:PATH}"' in said
    assert SECRET not in said
    assert "123456" not in said


@pytest.mark.parametrize("environment", ["{postgres_host: db}", "{storage_type: s3}"])
def test_a_credential_in_clear_among_the_defaults_is_a_mistake_for_every_environment(
    project: Project, environment: str
) -> None:
    said = project.mistake(f"{{defaults: {{postgres: {{password: {SECRET}}}}}, environments: {{prod: {environment}}}}}")
    assert said.startswith("floe.yaml:1: defaults.postgres.password: holds a credential in clear")


@pytest.mark.parametrize(
    "keys",
    [
        f"catalog_uri: 'https://floe:{SECRET}@catalog.example'",
        f"catalog_uri: 'https://floe:{SECRET}@[catalog'",
        f"catalog_uri: 'floe:{SECRET}@catalog.example'",
        f"catalog_uri: 'https://{SECRET}@catalog.example'",
        f"catalog_uri: 'https://catalog.example/?client_secret={SECRET}'",
        f"postgres_host: 'postgresql://floe:{SECRET}@db'",
        f"compute_type: trino, compute_host: 'floe:{SECRET}@trino.example'",
        f"compute_type: duckdb, duckdb: {{memory_limit: 'http://floe:{SECRET}@x'}}",
        f"targets: [{{service: storage, kind: s3, endpoint: 'http://floe:{SECRET}@x'}}]",
        f"compute_type: {{password: {SECRET}}}",
        f"postgres_host: db, postgres: {{passwrod: {SECRET}}}",
        f"postgres_host: db, postgres: {SECRET}",
        f"targets: [{{service: catalog, kind: polaris, name: {{a: {SECRET}}}, uri: 'https://x'}}]",
    ],
)
def test_no_message_shows_a_credential_wherever_it_was_put(project: Project, keys: str) -> None:
    mistakes = project.mistakes(f"environments: {{prod: {{{keys}}}}}")
    assert SECRET not in str(mistakes)


def test_a_credential_in_an_address_that_came_by_reference_is_not_shown(project: Project) -> None:
    said = project.mistake(
        "environments: {prod: {catalog_uri: '${env:U}'}}", U=f"https://floe:{SECRET}@catalog.example"
    )
    assert "'${env:U}' carries a credential" in said
    assert SECRET not in said


def test_the_sdks_variables_fill_what_is_not_said(project: Project) -> None:
    settings = project.settings(
        POSTGRES.format(""),
        "postgres-postgres",
        DAGSTER_PG_USERNAME="dagster",
        DAGSTER_PG_PASSWORD=SECRET,
        PGPORT="6432",
    )
    assert (settings.user, settings.password.get_secret_value(), settings.port) == ("dagster", SECRET, 6432)


def test_the_sdks_variables_never_create_a_target(project: Project) -> None:
    targets = project.targets(
        "environments: {prod: {storage_type: s3}}", DAGSTER_PG_HOST="db", POLARIS_URI="https://x", TRINO_HOST="t"
    )
    assert list(targets) == ["storage-s3"]


def test_the_sdks_variables_address_a_listed_target(project: Project) -> None:
    targets = project.targets(
        "environments: {prod: {targets: [{service: catalog, kind: polaris}, {service: postgres, kind: postgres}]}}",
        POLARIS_URI="https://catalog.example",
        DAGSTER_PG_HOST="db",
    )
    assert targets["catalog-polaris"].settings.uri == "https://catalog.example"  # type: ignore[attr-defined]
    assert targets["postgres-postgres"].settings.host == "db"  # type: ignore[attr-defined]


def test_a_variable_that_does_not_fit_is_named(project: Project) -> None:
    said = project.mistake(POSTGRES.format(""), PGPORT="99999")
    assert said.startswith("environment variable PGPORT: '99999' does not fit")


@pytest.mark.parametrize(
    ("given", "variables", "password"),
    [
        ("user: dagster", {"PGPASSWORD": SECRET}, SECRET),
        ("user: dagster", {"PGUSER": "dagster", "PGPASSWORD": SECRET}, SECRET),
        ("user: dagster", {"PGUSER": "somebody", "PGPASSWORD": SECRET}, None),
        ("user: dagster, password: '${env:P}'", {"P": "own password", "PGPASSWORD": SECRET}, "own password"),
    ],
)
def test_variables_complete_a_login_and_never_mix_two(
    project: Project, given: str, variables: dict[str, str], password: str | None
) -> None:
    settings = project.settings(POSTGRES.format(given), "postgres-postgres", **variables)
    assert settings.user == "dagster"
    assert (settings.password and settings.password.get_secret_value()) == password


@pytest.mark.parametrize(
    "given", ["access_key_id: OWN, secret_access_key: '${env:P}'", "profile: own"], ids=["keys", "profile"]
)
def test_s3_keys_of_the_environment_stay_away_from_a_given_login(project: Project, given: str) -> None:
    settings = project.settings(
        f"environments: {{prod: {{storage_type: s3, s3: {{{given}}}}}}}",
        "storage-s3",
        P="own secret key",
        AWS_ACCESS_KEY_ID="OTHER",
        AWS_SECRET_ACCESS_KEY=SECRET,
        AWS_SESSION_TOKEN=SECRET,
        AWS_PROFILE="other",
        AWS_REGION="eu-west-1",
    )
    assert SECRET not in str([settings.secret_access_key and settings.secret_access_key.get_secret_value()])
    assert settings.access_key_id != "OTHER"
    assert settings.session_token is None
    assert settings.profile != "other"
    assert settings.region == "eu-west-1", "what is no login is filled all the same"


def test_a_credential_that_breaks_a_rule_is_not_shown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    class Guarded(Settings):
        password: Secret = setting(...)

        @field_validator("password")
        @classmethod
        def _long(cls, _: SecretStr) -> SecretStr:
            raise ValueError("is too short: make it longer")

    monkeypatch.setitem(registry._registered, "lab", Check("lab", "lab", Guarded, lambda _: Plan("lab"), print))
    for keys, environ in (("password: '${env:P}'", {"P": SECRET}), ("password: ['${env:P}']", {"P": SECRET})):
        said = project.mistake(f"environments: {{prod: {{targets: [{{service: lab, kind: lab, {keys}}}]}}}}", **environ)
        assert "targets[0].password" in said
        assert SECRET not in said


@pytest.mark.parametrize(
    ("given", "variables"),
    [
        ("profile: own", {"AWS_ACCESS_KEY_ID": "OTHER", "AWS_SECRET_ACCESS_KEY": SECRET}),
        ("access_key_id: OWN, secret_access_key: '${env:P}'", {"AWS_SESSION_TOKEN": SECRET}),
        ("access_key_id: OWN, secret_access_key: '${env:P}'", {"AWS_PROFILE": "other"}),
    ],
)
def test_a_login_that_is_whole_gets_no_part_of_another(project: Project, given: str, variables: dict[str, str]) -> None:
    target = project.targets(
        f"environments: {{prod: {{storage_type: s3, s3: {{{given}}}}}}}", P="own secret key", **variables
    )["storage-s3"]
    assert not [origin for origin in target.origins.values() if origin.startswith("environment variable")]


def test_a_variable_that_holds_a_credential_is_masked_in_listings(project: Project) -> None:
    target = project.targets(POSTGRES.format(""), PGPASSWORD=SECRET)["postgres-postgres"]
    assert SECRET not in str(target.shown)
    assert target.secrets() == {"password": SECRET}
