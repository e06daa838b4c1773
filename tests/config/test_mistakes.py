"""Bad input: each mistake has place, value and remedy, and all of them are said at once."""

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from pytest_floe import registry
from pytest_floe.config import loading
from pytest_floe.config.problems import ConfigurationProblems
from tests.config.conftest import Project


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("compute_tpye: trino", "compute_tpye: unknown key 'compute_tpye'; did you mean 'compute_type'?"),
        ("postgres_host: db, postgres: {prot: 1}", "postgres.prot: unknown key 'prot'; did you mean 'port'?"),
        ("postgres_host: db, postgres: {schema_name: a}", "unknown key 'schema_name'; did you mean 'schema'?"),
        ("storage_type: s4", "storage_type: 's4' does not fit; it must be 's3', 'gcs' or 'adls'"),
        ("postgres_host: db, postgres_port: 99999", "99999 does not fit; it must be less than or equal to 65535"),
        ("postgres_host: db, postgres_port: x", "'x' does not fit; it must be a valid integer"),
        ("postgres_host: db, postgres_database: 5", "5 does not fit; it must be a valid string (put it in quotes)"),
        (
            "postgres_host: db, postgres: {write: maybe}",
            "postgres.write: 'maybe' does not fit; it must be a valid boolean",
        ),
        ("postgres_host: db, postgres: {user: [a]}", "postgres.user: a list does not fit; it must be a valid string"),
        (
            "compute_type: trino, compute_host: t, trino: {client_tags: [a, {}]}",
            "trino.client_tags[1]: a mapping does not fit",
        ),
        ("catalog_uri: polaris.example", "'polaris.example' needs a scheme; write http:// or https:// in front"),
        ("catalog_uri: 'https://'", "names no host; write scheme://host[:port]/path"),
        ("catalog_uri: 'https://x/a b'", "names no host; write scheme://host[:port]/path"),
        ("catalog_uri: 'https://x:99999'", "has a port outside 1 to 65535"),
        ("catalog_uri: 'https://x:0'", "has port 0; use 1 to 65535"),
        ("catalog_uri: 'https://[x'", "is not a URL"),
        ("storage_type: s3, s3: {endpoint: minio:9000}", "s3.endpoint: 'minio:9000' needs a scheme"),
        ("postgres_host: 'https://db'", "'https://db' is not a host name; write the name or address alone"),
        ("postgres_host: ''", "postgres_host: '' is not a host name"),
        (
            "compute_type: trino, compute_host: '127.0.0.1:8080'",
            "compute_host: '127.0.0.1:8080' is not a host name; write the name or address alone, without scheme, port",
        ),
        ("postgres_host: 'localhost:5432'", "'localhost:5432' is not a host name"),
        ("postgres_host: 'localhost:'", "'localhost:' is not a host name"),
        ("postgres_host: '[::1]:5432'", "'[::1]:5432' is not a host name"),
        ("postgres_host: '[localhost]'", "'[localhost]' is not a host name"),
        ("postgres_host: 'a,b'", "'a,b' is not a host name"),
        ("compute_type: trino, trino: {host: 'trino:8080'}", "trino.host: 'trino:8080' is not a host name"),
        (
            "compute_type: snowflake, snowflake: {account: a, host: 'x:443'}",
            "snowflake.host: 'x:443' is not a host name",
        ),
        (
            "targets: [{service: postgres, kind: postgres, host: 'db:5432'}]",
            "targets[0].host: 'db:5432' is not a host name",
        ),
        ("storage_type: s3, storage_bucket: ''", "storage_bucket: '' does not fit"),
        (
            "postgres_port: 1",
            "postgres_port belongs to a service that is not declared; set postgres_host, or remove it",
        ),
        (
            "compute_type: null, compute_port: 1",
            "compute_port belongs to a service that is not declared; set compute_type",
        ),
        ("trino: {user: x}", "trino: no compute is declared here; set compute_type, or remove the section"),
        ("storage_type: s3, gcs: {}", "gcs: the storage of this environment is s3; remove the section"),
        ("compute_type: duckdb, compute_host: x", "compute_host: duckdb has no use for compute_host; remove it"),
        ("postgres_host: db, postgres: 5", "postgres: is not a section; write `key: value` lines below postgres:"),
        ("compute_type: trino", "compute_host: is missing; set host, or TRINO_HOST in the environment"),
        ("storage_type: s3, s3: {access_key_id: A}", "access_key_id and secret_access_key go together"),
        ("postgres_host: db, postgres: {ca_file: no.pem}", "postgres.ca_file: there is no file "),
        ("postgres_host: db, postgres: {ca_file: .}", "postgres.ca_file: there is no file "),
        ("postgres_host: db, postgres: {sslkey: no.pem}", "postgres.sslkey: there is no file "),
        ('postgres_host: db, postgres: {ca_file: "\\0"}', "postgres.ca_file: there is no file "),
        ("postgres_host: db, postgres: {name: 'a b'}", "postgres.name: 'a b' can't be a name; use letters"),
        ("targets: [{service: postgres, kind: postgres, host: ''}]", "targets[0].host: is empty; set host"),
        ("targets: 5", "targets: is not a list"),
        ("targets: [nonsense]", "targets[0]: is not a target; write {service: …, kind: …, …}"),
        ("targets: [{service: storage}]", "targets[0].kind: names no kind; use one of: adls, "),
        ("targets: [{service: storage, kind: gsc}]", "targets[0].kind: unknown kind 'gsc'; did you mean 'gcs'?"),
        ("targets: [{kind: s3}]", "targets[0].service: names no service; write service: storage"),
        (
            "targets: [{service: compute, kind: s3}]",
            "kind s3 is of service storage, not 'compute'; write service: storage",
        ),
        (
            "targets: [{service: storage, kind: s3, bukcet: b}]",
            "targets[0].bukcet: unknown key 'bukcet'; did you mean 'bucket'?",
        ),
        (
            "targets: [{service: postgres, kind: postgres}]",
            "targets[0].host: is missing; set host, or DAGSTER_PG_HOST or PGHOST",
        ),
        (
            "storage_type: s3, targets: [{service: storage, kind: s3}]",
            "targets[0].name: storage s3 is the name of the target at",
        ),
        ("compiled_artifacts: [a]", "compiled_artifacts: is not a path"),
        (
            "compiled_artifacts: nowhere.json",
            "nowhere.json: can't be read: No such file or directory; compile the project",
        ),
    ],
)
def test_a_mistake_names_place_value_and_remedy(project: Project, keys: str, message: str) -> None:
    assert message in project.mistake(f"environments: {{prod: {{{keys}}}}}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "environment:\n  prod: {}",
            "floe.yaml:1: environment: unknown key 'environment'; did you mean 'environments'",
        ),
        ("environments: {prdo: {}}", "there is no environment 'prod'; did you mean 'prdo'?"),
        ("[]", "floe.yaml:1: is not a mapping; write `key: value` lines below it"),
        ("environments: {prod: 5}", "environments.prod: is not a mapping"),
        ("{environments: {prod: {}}, defaults: 5}", "defaults: is not a mapping"),
        ("{environments: {prod: {}}, defaults: {compute_tpye: trino}}", "defaults.compute_tpye: unknown key"),
        ("{environments: {prod: {}}, defaults: {s3: {bukcet: b}}}", "defaults.s3.bukcet: unknown key"),
    ],
)
def test_a_mistake_outside_the_environment_is_found(project: Project, text: str, message: str) -> None:
    assert message in "\n".join(project.mistakes(text))


def test_an_environment_must_be_named_so_that_tests_can_be(project: Project) -> None:
    assert "'a b' can't be a name" in project.mistake("environments: {a b: {}}", "a b")


def test_all_mistakes_are_said_at_once_in_the_order_of_the_file(project: Project) -> None:
    problems = project.problems(
        """
environments:
  prod:
    compute_tpye: trino
    storage_type: s3
    s3: {endpoint: minio, secret_access_key: in clear}
    postgres_host: db
    postgres_port: 0
    postgres_port: 99999
    postgres: {password: "${env:NOT_SET}", ca_file: nowhere.pem, sslmode: "${env:A}${env:B}"}
    targets:
    - {service: storage, kind: gcs, bukcet: x, project: "${env:NOT_SET}"}
"""
    )
    lines = [int(problem.where.split(":")[1]) for problem in problems]
    assert lines == sorted(lines)
    places = [problem.where.removeprefix("floe.yaml:").replace(" environments.prod.", "") for problem in problems]
    assert places == [
        "4:compute_tpye",
        "6:s3.secret_access_key",
        "6:s3.endpoint",
        "9",
        "9:postgres_port",
        "10:postgres.password",
        "10:postgres.ca_file",
        "10:postgres.sslmode",
        "12:targets[0].project",
        "12:targets[0].bukcet",
    ]


def test_a_file_that_is_named_and_not_there(tmp_path: Path) -> None:
    for name in ("nowhere.yaml", "x" * 5000):
        with pytest.raises(ConfigurationProblems) as caught:
            loading.find_file(tmp_path / name, "--floe-config", tmp_path)
        assert caught.value.problems[0].code == "config_not_found"


def test_the_file_is_looked_for_upward(tmp_path: Path) -> None:
    (tmp_path / "floe.yaml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert loading.find_file(None, "--floe-config", below) == tmp_path / "floe.yaml"


def test_no_file_at_all_says_how_to_get_one() -> None:
    with pytest.raises(
        ConfigurationProblems, match=r"create it with environments\.prod, name another by --floe-config"
    ):
        loading.load(None, "prod", {})


def test_a_plug_in_that_can_not_be_imported(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("kafka", "a_module_that_is_not_there", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda **_: EntryPoints([broken]))
    said = project.mistake("environments: {prod: {compute_type: duckdb}}")
    assert "a plug-in can't be loaded (ModuleNotFoundError: No module named 'a_module_that_is_not_there')" in said


def test_targets_come_dependencies_first(project: Project) -> None:
    targets = project.targets(
        """
environments:
  prod:
    postgres_host: db
    compute_type: duckdb
    catalog_uri: https://catalog.example
    targets: [{service: storage, kind: gcs}, {service: compute, kind: duckdb, name: second}]
"""
    )
    assert list(targets) == [
        "storage-gcs",
        "catalog-polaris",
        "compute-duckdb",
        "compute-second",
        "postgres-postgres",
    ]


def test_an_empty_text_is_a_value_and_an_empty_file_or_credential_is_none(project: Project) -> None:
    settings = project.settings(
        "environments: {prod: {catalog_uri: 'https://c', polaris: {scope: '', ca_file: '', token: ''}}}",
        "catalog-polaris",
    )
    assert (settings.scope, settings.ca_file, settings.token) == ("", None, None)


def test_an_environment_may_declare_nothing(project: Project) -> None:
    assert project.targets("environments: {prod: }") == {}
