"""`pytest --floe-env=local`: the main job, on services that really run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from importlib import resources

import jsonschema
import psutil
import pytest

from pytest_floe.report.models import PreflightReport
from tests.end_to_end.conftest import run

SERVICES = ["storage", "catalog", "compute", "postgres"]


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """One run with the defaults."""
    return run(tmp_path_factory.mktemp("local"), "--floe-env=local")


def test_four_services_are_verified_by_writing(local):
    assert local.status == 0, local.output
    assert local.report["overall_status"] == "pass"
    assert [check["service"] for check in local.report["checks"]] == SERVICES
    assert {check["status"] for check in local.report["checks"]} == {"ok"}
    assert {check["details"]["scope"] for check in local.report["checks"]} == {"read-write"}


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_a_proxy_of_the_environment_is_left_aside(tmp_path, monkeypatch, workers):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, nobody)
        monkeypatch.setenv(name.upper(), nobody)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    found = run(tmp_path, "--floe-env=local", *workers)

    assert found.status == 0, found.output


@pytest.mark.parametrize(
    ("service", "steps"),
    [
        ("storage", {"connect", "authorize.list", "operate.write", "operate.read", "operate.delete"}),
        ("catalog", {"connect", "authenticate", "authorize.list", "operate.create_table", "operate.drop_table"}),
        ("compute", {"operate.write", "operate.read", "operate.delete"}),
        ("postgres", {"connect", "authenticate", "operate.create", "operate.rollback"}),
    ],
)
def test_each_check_walks_from_login_to_clean_up(local, service, steps):
    walked = {step["name"] for step in local.checks[service]["details"]["steps"]}
    assert steps <= walked
    assert {step["outcome"] for step in local.checks[service]["details"]["steps"]} == {"ok"}


def test_the_json_file_fits_the_published_schema(local):
    published = resources.files("pytest_floe").joinpath("schema/preflight-report.schema.json")
    jsonschema.Draft202012Validator(json.loads(published.read_text())).validate(local.report)
    PreflightReport.model_validate(local.report)


def test_the_page_is_one_small_file_without_scripts(local):
    page = (local.folder / "preflight-report.html").read_text()
    assert "READY" in page
    assert "<script" not in page
    assert len(page) < 200_000


def test_the_summary_ends_the_output(local):
    assert local.output.rstrip().splitlines()[-1].startswith("READY  4 ok")


def test_workers_give_the_same_report_but_for_times(local, tmp_path):
    parallel = run(tmp_path, "--floe-env=local", "-n", "4")
    assert parallel.status == 0, parallel.output
    assert comparable(parallel.report) == comparable(local.report)


def comparable(report):
    """Return what must not depend on how the checks were run: all but times, ids and ports."""
    return [
        {
            "service": check["service"],
            "status": check["status"],
            "target": check["details"]["target"],
            "cause": check["details"]["cause"],
            "steps": [step["name"] for step in check["details"]["steps"]],
        }
        for check in report["checks"]
    ]


def test_a_killed_worker_is_a_finding_that_names_the_lost_check(tmp_path):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--floe-env=local", "-n", "2"]
    tests = tmp_path / "test_suicide.py"
    tests.write_text(
        "import os, pytest\n\n\n@pytest.mark.preflight('suicide')\ndef test_dies(probe):\n    os.kill(os.getpid(), 9)\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nfloe_checks = test_suicide.py\n")
    killed = run(tmp_path, *command[3:])
    assert killed.status == 1, killed.output
    assert killed.report["overall_status"] == "fail"
    assert killed.checks["suicide"]["details"]["cause"] == "incomplete.worker_crashed"
    assert [killed.checks[service]["status"] for service in SERVICES] == ["ok"] * 4


def test_an_earlier_green_report_does_not_survive_a_broken_configuration(local, tmp_path):
    run(tmp_path, "--floe-env=local")
    (tmp_path / "floe.yaml").write_text("environments: {prod: {storage_type: s4}}")
    broken = run(tmp_path, "--floe-env=prod")
    assert broken.status == 4
    assert broken.report["overall_status"] == "fail"
    assert "READY" not in broken.output


def test_local_needs_no_readable_configuration(tmp_path):
    (tmp_path / "floe.yaml").write_text("environments: [")
    assert run(tmp_path, "--floe-env=local").status == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_server_outlives_the_run(tmp_path, number):
    started = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--floe-env=local"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ),
    )  # fmt: skip
    run_ = psutil.Process(started.pid)
    until(lambda: run_.children(recursive=True))
    servers = run_.children(recursive=True)
    started.send_signal(number)
    started.wait(30)
    until(lambda: not any(alive(server) for server in servers))


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def until(condition, within=30.0):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)
