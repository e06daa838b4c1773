"""As a user meets it: exit status, one message, a report that says fail, and listings without a network."""

import json
from pathlib import Path
from typing import Any

import pytest

SECRET = "hunter2hunter2"
PROD = """
defaults:
  postgres_port: 5433
environments:
  prod:
    storage_type: s3
    storage_bucket: floe-warehouse
    s3: {region: eu-west-1, prefix: floe/, access_key_id: FLOE, secret_access_key: "${env:S3_SECRET}"}
    postgres_host: db.prod.example
    postgres_database: dagster
    postgres: {user: dagster, password: "${file:password}"}
"""
KIND = """
import pytest
from pytest_floe import Plan, Probe, Secret, Settings, check, setting

class LabSettings(Settings):
    password: Secret | None = setting(None, "Password.", env=("LAB_PASSWORD",))

@check("lab", "lab", settings=LabSettings, plan=lambda settings: Plan(endpoint="lab"))
def verify(settings: LabSettings, probe: Probe) -> None:
    with probe.step("operate"):
        pass
    probe.ok("fine")
"""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def report(pytester: pytest.Pytester) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((pytester.path / "preflight-report" / "preflight-report.json").read_text())
    return data


@pytest.fixture
def prod(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    (pytester.path / "floe.yaml").write_text(PROD)
    (pytester.path / "password").write_text(SECRET)
    monkeypatch.setenv("S3_SECRET", SECRET)
    return pytester


def test_collect_only_shows_where_each_value_came_from(prod: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")
    result = run(prod, "--floe-env=prod", "--collect-only")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "prod-storage-s3  storage s3  s3://floe-warehouse/floe*",
            "    bucket = floe-warehouse   (floe.yaml:7: environments.prod.storage_bucket)",
            "    secret_access_key = ${env:S3_SECRET}   (floe.yaml:8: environments.prod.s3.secret_access_key)",
            "prod-postgres-postgres  postgres postgres  db.prod.example:5433/dagster",
            "    password = ${file:password}   (floe.yaml:11: environments.prod.postgres.password)",
            "    port = 5433   (floe.yaml:3: defaults.postgres_port)",
            "    sslmode = require   (environment variable PGSSLMODE)",
            "  <Function test_service[[]prod-storage-s3]>",
        ]
    )
    assert SECRET not in result.stdout.str()
    assert not (prod.path / "preflight-report").exists()


def test_the_plan_names_all_that_would_be_touched_and_opens_no_connection(prod: pytest.Pytester) -> None:
    prod.makeconftest(
        """
import socket
def refuse(*arguments, **keywords):
    raise AssertionError("the plan used the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""
    )
    result = run(prod, "--floe-env=prod", "--floe-plan")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "prod-storage-s3  storage s3  *",
            "    connects to          https://s3.eu-west-1.amazonaws.com:443",
            "    logs in as           access key FLOE",
            "    creates and removes  s3://floe-warehouse/floe/floe-preflight-*",
            "prod-postgres-postgres *",
            "    logs in as           dagster",
        ]
    )
    assert SECRET not in result.stdout.str()
    assert not (prod.path / "preflight-report").exists()


@pytest.mark.parametrize("flag", ["--collect-only", "--floe-plan"])
def test_listing_a_broken_configuration_says_what_is_wrong(pytester: pytest.Pytester, flag: str) -> None:
    (pytester.path / "floe.yaml").write_text("environments: {prod: {postgres_hots: db}}")
    result = run(pytester, "--floe-env=prod", flag)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*postgres_hots: unknown key 'postgres_hots'; did you mean 'postgres_host'?"])
    assert not (pytester.path / "preflight-report").exists()


def test_a_mistake_is_exit_4_with_one_message_and_a_report_that_fails(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(KIND + "\ndef pytest_runtest_setup(item): raise AssertionError('a check was run')\n")
    (pytester.path / "floe.yaml").write_text(
        f"""
environments:
  prod:
    targets:
    - {{service: lab, kind: lab, name: good}}
    - {{service: lab, kind: lab, name: bad, password: {SECRET}}}
    - {{service: lab, kind: lab, name: lost, password: "${{env:NOT_SET}}"}}
"""
    )
    result = run(pytester, "--floe-env=prod")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: 2 mistakes in the configuration, no check was run:",
            "  floe.yaml:6: environments.prod.targets[[]1].password: holds a credential in clear; refer to it: *",
            "  floe.yaml:7: environments.prod.targets[[]2].password: ${env:NOT_SET}: *",
        ]
    )
    written = report(pytester)
    assert (written["overall_status"], written["environment"], written["checks"]) == ("fail", "prod", [])
    assert [error["code"] for error in written["config"]["errors"]] == ["config_invalid", "missing_credentials"]
    assert written["config"]["path"] == str(pytester.path / "floe.yaml")
    for text in (result.stdout.str(), result.stderr.str(), _all_text(pytester.path / "preflight-report")):
        assert SECRET not in text
        assert "Traceback" not in text


def test_an_earlier_green_report_does_not_survive(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(KIND)
    (pytester.path / "floe.yaml").write_text("environments: {prod: {targets: [{service: lab, kind: lab}]}}")
    assert run(pytester, "--floe-env=prod").ret == 0
    assert report(pytester)["overall_status"] == "pass"
    assert run(pytester, "--floe-env=prdo").ret == pytest.ExitCode.USAGE_ERROR
    assert report(pytester)["overall_status"] == "fail"
    assert report(pytester)["config"]["errors"][0]["code"] == "config_not_found"
    previous = json.loads((pytester.path / "preflight-report" / "previous" / "preflight-report.json").read_text())
    assert previous["overall_status"] == "pass"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--floe-env=prod"], "floe.yaml: there is no such file; create it with environments.prod"),
        (["--floe-env=prod", "--floe-config=no.yaml"], "no.yaml: there is no such file; correct --floe-config"),
        (["--floe-env=local", "--floe-config=no.yaml"], "no.yaml: there is no such file; correct --floe-config"),
        (["--floe-env"], "--floe-env: names no environment; write --floe-env=NAME, or set FLOE_ENV"),
        (["--floe-env=prod", "--floe-timeout=0"], "--floe-timeout: '0' does not fit; use a number from 1 to 300"),
        (["--floe-env=prod", "--floe-timeout=nan"], "--floe-timeout: 'nan' does not fit"),
        (["--floe-env=prod", "--floe-slow=fast"], "--floe-slow: 'fast' does not fit"),
        (["--floe-env=prod", "--floe-wait=-1"], "--floe-wait: '-1' does not fit"),
        (
            ["--floe-env=local", "--floe-check=storgae"],
            "--floe-check: unknown service 'storgae'; did you mean 'storage'?",
        ),
    ],
)
def test_a_wrong_option_is_exit_4_with_a_report_that_fails(
    pytester: pytest.Pytester, arguments: list[str], message: str
) -> None:
    result = run(pytester, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()
    written = report(pytester)
    assert written["overall_status"] == "fail"
    assert str(message.partition("; ")[2].partition(" (")[0]) in written["config"]["errors"][0]["remedy"]


@pytest.fixture
def below(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below that of the ini file, and the current one."""
    folder = pytester.mkdir("below")
    monkeypatch.chdir(folder)
    return folder


def test_paths_in_the_ini_file_are_relative_to_it(pytester: pytest.Pytester, below: Path) -> None:
    pytester.makeini(
        "[pytest]\nfloe_config = conf/floe.yaml\nfloe_report_dir = out\nfloe_termination_log = termination.log\n"
    )
    pytester.makeconftest(KIND)
    pytester.mkdir("conf").joinpath("floe.yaml").write_text(
        "environments: {prod: {targets: [{service: lab, kind: lab}]}}"
    )
    result = run(pytester, "--floe-env=prod")
    assert result.ret == 0, result.stderr.str()
    assert (pytester.path / "out" / "preflight-report.json").exists()
    assert (pytester.path / "termination.log").read_text().startswith("READY")
    assert not list(below.iterdir())


def test_paths_may_begin_with_the_home_folder_whatever_gives_them(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, below: Path
) -> None:
    home = pytester.mkdir("home")
    (home / "x.yaml").write_text("environments: {prod: {targets: [{service: lab, kind: lab}]}}")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("FLOE_REPORT_DIR", "~/out")
    pytester.makeini("[pytest]\nfloe_termination_log = ~/ended.log\n")
    pytester.makeconftest(KIND)
    result = run(pytester, "--floe-env=prod", "--floe-config=~/x.yaml")
    assert result.ret == 0, result.stderr.str()
    assert {path.name for path in home.iterdir()} == {"x.yaml", "out", "ended.log"}
    assert not list(below.iterdir())


@pytest.mark.parametrize("named_by", ["--floe-config", "FLOE_CONFIG", "ini option floe_config"])
def test_a_file_that_is_not_there_is_looked_for_and_told_by_what_names_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, below: Path, named_by: str
) -> None:
    arguments = ["--floe-config=no.yaml"] if named_by == "--floe-config" else []
    if named_by == "FLOE_CONFIG":
        monkeypatch.setenv("FLOE_CONFIG", "no.yaml")
    pytester.makeini("[pytest]\nfloe_config = no.yaml\n")
    result = run(pytester, "--floe-env=prod", *arguments)
    folder = pytester.path if named_by.startswith("ini") else below
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"{folder / 'no.yaml'}: there is no such file; correct {named_by}" in result.stderr.str()


def test_a_report_folder_that_can_not_be_is_told_by_what_names_it(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nfloe_report_dir = taken\n")
    (pytester.path / "taken").touch()
    result = run(pytester, "--floe-env=local")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "ini option floe_report_dir: can't be written" in result.stderr.str()


def test_all_wrong_options_are_said_at_once(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOE_STRICT", "perhaps")
    result = run(pytester, "--floe-env=prod", "--floe-timeout=x", "-o", "floe_wait=x")
    for said in ("--floe-timeout: 'x'", "FLOE_STRICT: 'perhaps'", "ini option floe_wait: 'x'"):
        assert said in result.stderr.str()


@pytest.mark.parametrize(
    ("name", "value", "said", "remedy"),
    [
        ("pytest.toml", "floe_timeout = 20", "expects a string, got int: 20", 'write floe_timeout = "..."'),
        ("pytest.toml", "floe_report_dir = 3", "expects a string, got int: 3", 'write floe_report_dir = "..."'),
        ("pytest.toml", "floe_checks = 'own'", "expects a list for type", 'write floe_checks = ["..."]'),
        ("pytest.ini", 'floe_check = it"s', "No closing quotation", "close it, or"),
        ("pytest.ini", 'floe_checks = it"s', "No closing quotation", "close it, or"),
    ][0 if pytest.version_tuple >= (9,) else 3 :],  # there is no pytest.toml before
)
def test_a_value_that_pytest_can_not_read_is_exit_4_and_no_stale_green_survives(
    pytester: pytest.Pytester, name: str, value: str, said: str, remedy: str
) -> None:
    pytester.makeconftest(KIND)
    (pytester.path / "floe.yaml").write_text("environments: {prod: {targets: [{service: lab, kind: lab}]}}")
    assert run(pytester, "--floe-env=prod").ret == 0
    (pytester.path / name).write_text(f"[pytest]\n{value}\n")
    result = run(pytester, "--floe-env=prod")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    option = value.partition(" ")[0]
    assert f"ini option {option}: {said}" in result.stderr.str()
    (error,) = report(pytester)["config"]["errors"]
    assert error["where"] == f"ini option {option}"
    assert error["remedy"].startswith(remedy)


@pytest.mark.parametrize("floe", ["environments: [", "environments: {prod: {compute_tpye: x}}", "\0"])
def test_local_works_beside_a_broken_file(pytester: pytest.Pytester, floe: str) -> None:
    (pytester.path / "floe.yaml").write_text(floe)
    result = run(pytester, "--floe-env=local", "--floe-plan")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["local-storage-s3 *", "local-catalog-polaris *", "local-compute-duckdb *"])


def test_a_file_may_define_its_own_local(pytester: pytest.Pytester) -> None:
    (pytester.path / "floe.yaml").write_text("environments: {local: {compute_type: duckdb}}")
    result = run(pytester, "--floe-env=local", "--collect-only")
    result.stdout.fnmatch_lines(["local-compute-duckdb *", "    path*"][:1])
    assert "storage" not in result.stdout.str()


def test_an_environment_without_targets_is_not_ready(pytester: pytest.Pytester) -> None:
    (pytester.path / "floe.yaml").write_text("environments: {prod: {}}")
    result = run(pytester, "--floe-env=prod")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert report(pytester)["overall_status"] == "fail"


def test_the_name_of_a_bare_floe_env_comes_from_the_environment_before_the_ini(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pytester.path / "floe.yaml").write_text("environments: {a: {compute_type: duckdb}, b: {compute_type: duckdb}}")
    pytester.makeini("[pytest]\nfloe_env = a\n")
    run(pytester, "--collect-only", "--floe-env").stdout.fnmatch_lines(["a-compute-duckdb*"])
    monkeypatch.setenv("FLOE_ENV", "b")
    run(pytester, "--collect-only", "--floe-env").stdout.fnmatch_lines(["b-compute-duckdb*"])


def test_without_the_option_nothing_is_turned_on(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOE_ENV", "prod")
    pytester.makepyfile("def test_own(): pass")
    run(pytester).assert_outcomes(passed=1)
    assert not (pytester.path / "preflight-report").exists()


def _all_text(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("options", [("--floe-plan",), ("--floe-check=compute", "--floe-strict")])
def test_nothing_is_run_for_options_without_an_environment(pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
    pytester.makepyfile("def test_ordinary(): open('ran', 'w')")
    result = run(pytester, *options)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {' '.join(options)}: nothing is verified without --floe-env; add *"])
    assert not (pytester.path / "ran").exists()


def test_defaults_for_runs_with_an_environment_leave_others_alone(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\naddopts = --floe-timeout=5 --floe-strict")
    pytester.makepyfile("def test_ordinary(): pass")

    assert run(pytester).ret == 0
