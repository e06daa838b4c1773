"""Which tests a run has, wherever it is started, and what the plugin costs when it is off."""

import os
import subprocess
import sys

import pytest

HEAVY = ("pydantic", "jinja2", "yaml", "boto3", "trino", "psycopg", "duckdb", "httpx", "numpy", "pyarrow", "faker")


def test_only_preflight_checks_are_collected(lab):
    lab.services("ok")
    lab.pytester.makeini("[pytest]\ntestpaths = tests\n")
    (lab.path / "tests").mkdir()
    (lab.path / "tests/test_app.py").write_text("def test_app(): assert False")
    result = lab.run("-v")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["checks/preflight.py::test_service?prod-lab-a? PASSED*"])


def test_options_may_stand_in_the_configuration_of_pytest(lab):
    lab.services("slow")
    lab.pytester.makeini("[pytest]\naddopts = --floe-slow=20 --strict-config\nfloe_strict = true\nfloe_timeout = 7\n")

    assert lab.run().ret == 1
    assert lab.statuses() == [("a", "warning", "latency.slow")]


AUTOUSE = """

@pytest.fixture(autouse=True)
def no_real_services(monkeypatch):
    monkeypatch.setattr("socket.create_connection", lambda *arguments, **keywords: None)
    Path("traces").mkdir(exist_ok=True)
    Path("traces/stood-in").touch()
"""


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "with workers"])
def test_fixtures_of_the_project_do_not_reach_the_built_in_checks(lab, workers):
    lab.services("ok")
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write("\nimport pytest\n" + AUTOUSE)

    assert lab.run(*workers).ret == 0
    assert not (lab.path / "traces/stood-in").exists()


def test_it_can_be_started_in_a_subfolder(lab, monkeypatch):
    lab.services("ok")
    lab.pytester.makeini("[pytest]\n")
    folder = lab.pytester.mkdir("sub")
    monkeypatch.chdir(folder)
    result = lab.run("-v")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*checks/preflight.py::test_service?prod-lab-a? PASSED*"])
    assert (folder / "preflight-report/preflight-report.json").exists()


def test_listing_shows_ids_and_origins(lab):
    lab.services("ok", password="${env:LAB_TOKEN}")
    result = lab.run_apart("--collect-only", LAB_TOKEN="sentinel-of-the-lab")

    assert result.returncode == 0
    assert "test_service[prod-lab-a]" in result.stdout
    assert "password = ${env:LAB_TOKEN}" in result.stdout
    assert "sentinel" not in result.stdout + result.stderr


def test_an_error_in_the_configuration_runs_nothing(lab):
    lab.services("ok", nonsense=1)

    assert lab.run().ret == 4
    assert lab.report()["overall_status"] == "fail"
    assert lab.report()["config"]["errors"]
    assert lab.runs("a") == 0


def test_markers_are_registered(lab):
    lab.pytester.makepyfile("import pytest\n@pytest.mark.preflight('kafka')\ndef test_topic(): pass\n")
    lab.pytester.runpytest_inprocess("--strict-markers").assert_outcomes(skipped=1)


@pytest.mark.parametrize("leave", ["FLOE_ENV", "ini"])
def test_only_the_option_turns_it_on(lab, monkeypatch, leave):
    lab.services("ok")
    lab.pytester.makepyfile("def test_app(): pass")
    if leave == "ini":
        lab.pytester.makeini("[pytest]\nfloe_env = prod\n")
    else:
        monkeypatch.setenv("FLOE_ENV", "prod")
    result = lab.pytester.runpytest_inprocess()

    result.assert_outcomes(passed=1)
    assert not (lab.path / "preflight-report").exists()
    assert lab.pytester.runpytest_inprocess("--floe-env").ret == 0
    assert lab.statuses() == [("a", "ok", None)]


def test_when_off_it_imports_nothing_of_weight(pytester):
    pytester.makepyfile(
        f"import sys\ndef test_app(): assert not [name for name in {HEAVY} if name in sys.modules]\n"
        "def test_ours(): assert {n for n in sys.modules if n.startswith('pytest_floe.')} <= "
        "{'pytest_floe.plugin', 'pytest_floe.options', 'pytest_floe.synthetic', 'pytest_floe.synthetic.fixtures'}\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_floe.plugin"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    result = subprocess.run(command, cwd=pytester.path, env=environment, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


def test_the_id_of_a_built_in_check_is_refused_with_another_way(lab):
    lab.services("ok")
    result = lab.run("checks/preflight.py::test_service[prod-lab-a]")

    assert result.ret == 4
    assert "names a built-in check, which has no file of its own; use --floe-check=SERVICE" in result.stderr.str()
    assert lab.report()["overall_status"] == "fail"


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "with workers"])
@pytest.mark.parametrize("option", ["--setup-plan", "--fixtures", "--collect-only"])
def test_what_only_shows_something_touches_no_report(lab, option, workers):
    lab.services("ok")
    lab.pytester.makeini("[pytest]\nfloe_checks = own.py\npython_files = own.py\n")
    (lab.path / "own.py").write_text(
        "import pytest\n\n@pytest.mark.preflight('kafka')\ndef test_topic(probe): assert False\n"
    )
    folder = lab.path / "preflight-report"
    folder.mkdir()
    (folder / "preflight-report.json").write_text("of an earlier run")
    done = lab.run_apart(option, *workers)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "preflight-report.json").read_text() == "of an earlier run"
