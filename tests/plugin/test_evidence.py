"""The record of a run, preflight.jsonl: it is there whatever dies, and is enough to make the report from."""

import json
import os
import shutil
import signal
import subprocess
import sys
from importlib import resources

import jsonschema
import psutil
import pytest

from pytest_floe.__main__ import main
from tests.local.waiting import eventually
from tests.plugin.conftest import WITHIN

OWN = """
import pytest

@pytest.mark.preflight("kafka")
def test_broker(probe):
    with probe.step("operate"):
        pass
"""


def record(lab):
    return lab.path / "preflight-report/preflight.jsonl"


def events(lab, event):
    lines = (json.loads(line) for line in record(lab).read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def remade(lab):
    """Make the report again, in a folder that holds nothing but the record; return exit status and report."""
    folder = lab.path / "remade"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(record(lab), folder)
    status = main(["report", str(folder)])
    assert (folder / "preflight-report.html").read_text().startswith("<!DOCTYPE html>")
    return status, json.loads((folder / "preflight-report.json").read_text())


def kill_with_its_watchdog(process):
    """Leave nobody who could still make a report."""
    watchdogs = [child for child in psutil.Process(process.pid).children() if "watchdog.py" in str(child.cmdline())]
    assert watchdogs
    for watchdog in watchdogs:
        watchdog.kill()
    process.kill()
    process.communicate(timeout=WITHIN)


@pytest.mark.parametrize("behaviours", [("ok", "warn"), ("ok", "fail", "raise_error")], ids=["pass", "fail"])
@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_the_record_alone_makes_the_report_of_the_run(lab, behaviours, workers):
    lab.services(*behaviours, password="${env:LAB_TOKEN}")
    lab.pytester.makeini("[pytest]\nfloe_checks = own.py\npython_files = own.py\n")
    (lab.path / "own.py").write_text(OWN)
    ended = lab.run_apart(*workers, LAB_TOKEN="sentinel-of-the-lab")

    assert remade(lab) == (ended.returncode, lab.report())
    assert "sentinel-of-the-lab" not in record(lab).read_text()


def test_each_line_of_the_record_is_as_its_schema_says(lab):
    lab.services("undeletable", "ok")
    lab.run()
    published = resources.files("pytest_floe").joinpath("schema/preflight-evidence.schema.json")
    validator = jsonschema.Draft202012Validator(json.loads(published.read_text()))
    lines = [json.loads(line) for line in record(lab).read_text().splitlines()]

    assert lines[0]["event"] == "begun"
    assert lines[-1]["event"] == "ended"
    for line in lines:
        validator.validate(line)


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_a_result_is_on_record_while_others_still_run(lab, workers):
    lab.services("ok", "hang")
    lab.start(*workers)
    lab.wait_for_trace("b.hangs")

    assert eventually(lambda: [line["result"]["status"] for line in events(lab, "finished")] == ["ok"], WITHIN)


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_nobody_is_left_to_report_but_the_record(lab, workers, capsys):
    lab.services("ok", "hang", "create")
    process = lab.start(*workers)
    lab.wait_for_trace("b.hangs")
    assert eventually(lambda: len(events(lab, "finished")) == 1, WITHIN)
    kill_with_its_watchdog(process)

    assert not (lab.path / "preflight-report/preflight-report.json").exists()
    assert main(["report", str(record(lab).parent)]) == 1
    assert "NOT READY" in capsys.readouterr().out
    checks = lab.checks()
    assert checks["a"].status == "ok"
    assert checks["b"].cause in ("incomplete.worker_crashed", "incomplete.not_run")
    if not workers:
        assert checks["b"].step == "operate"
    assert lab.report()["overall_status"] == "fail"


def test_workers_whose_controller_was_killed_clean_up_and_are_reported_on(lab):
    lab.services("ok", "create")
    process = lab.start("-n2")
    lab.wait_for_trace("b.hangs")
    assert eventually(lambda: len(events(lab, "finished")) == 1, WITHIN)
    process.kill()
    _, err = process.communicate(timeout=WITHIN)

    assert "NOT READY" in err
    assert not list(lab.path.glob("traces/floe-preflight-*"))
    assert lab.checks()["a"].status == "ok"
    assert lab.checks()["b"].cause == "incomplete.not_run"


@pytest.mark.parametrize(
    ("harm", "status"),
    [
        (lambda lines: lines, 0),
        (lambda lines: lines[:-1], 1),
        (lambda lines: [*lines[:-1], lines[-1][:-9]], 1),
        (lambda lines: [*lines[:-2], lines[-1]], 1),
        (lambda lines: [lines[0], b"what is this\n", *lines[1:]], 1),
        (lambda lines: [b"\xff\xfe\x00\n", *lines], 1),
        (lambda lines: [*lines, lines[-2]], 1),
        (lambda lines: [*lines, lines[0]], 1),
        (lambda lines: [*lines[:2], lines[2].replace(b'"run": "', b'"run": "f'), *lines[2:]], 1),
        (lambda lines: lines[:1], 1),
    ],
    ids=[
        "whole", "no end", "torn end", "no result", "foreign line", "foreign beginning", "late result", "second run",
        "line of another run", "beginning only",
    ],
)  # fmt: skip
def test_a_record_that_is_not_whole_is_never_green(lab, harm, status):
    lab.services("ok")
    assert lab.run().ret == 0
    lines = record(lab).read_bytes().splitlines(keepends=True)
    record(lab).write_bytes(b"".join(harm(lines)))

    made, report = remade(lab)
    assert (made, report["overall_status"]) == (status, "fail" if status else "pass")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        (b"", "it is empty"),
        (b'{"event": "finished"}\n', "no line in it begins a run"),
        (b"\x00" * 100, "it is empty"),
    ],
    ids=["absent", "empty", "headless", "zeros"],
)
def test_a_record_that_says_nothing_is_one_clear_error(tmp_path, content, said, capsys):
    if content is not None:
        (tmp_path / "preflight.jsonl").write_bytes(content)

    assert main(["report", str(tmp_path)]) == 4
    error = capsys.readouterr().err
    assert error == f"error: {tmp_path}/preflight.jsonl: {said}; name the report folder of a run\n"
    assert not (tmp_path / "preflight-report.json").exists()


def test_the_record_of_an_earlier_run_is_moved_aside_and_stays_usable(lab):
    lab.services("fail")
    lab.run()
    before = lab.report()
    lab.services("ok")
    lab.run()

    assert len(events(lab, "begun")) == 1
    assert main(["report", str(lab.path / "preflight-report/previous")]) == 1
    assert json.loads((lab.path / "preflight-report/previous/preflight-report.json").read_text()) == before


def test_listings_leave_the_record_alone(lab):
    lab.services("ok")
    lab.run()
    before = record(lab).read_text()
    lab.run("--collect-only")

    assert record(lab).read_text() == before


def test_two_runs_in_one_folder_are_never_green(lab):
    lab.services("late")
    (lab.path / "traces").mkdir()
    first = lab.start()
    assert eventually(lambda: lab.runs("a") == 1, WITHIN)
    with record(lab).open("a") as stream:
        stream.write('{"run": "another", "event": "started"}\n')
    (lab.path / "traces/go").touch()
    first.communicate(timeout=WITHIN)

    assert first.returncode == 1
    assert lab.checks()["a"].status == "ok"
    assert lab.checks()["evidence"].cause == "incomplete.evidence_damaged"
    assert lab.checks()["evidence"].remediation == "run again: pytest --floe-env=prod"


def test_a_killed_worker_and_its_canary_are_on_record(lab):
    lab.services("create", "ok")
    process = lab.start("-n1")
    os.kill(lab.wait_for_trace("a.hangs"), signal.SIGKILL)
    process.communicate(timeout=WITHIN)
    [stays] = lab.path.glob("traces/floe-preflight-*")

    assert remade(lab) == (1, lab.report())
    assert lab.checks()["a"].details["left_behind"] == [f"traces/{stays.name} (may be left: the process died)"]


def test_the_command_works_as_it_is_documented(lab):
    lab.services("ok")
    lab.run()
    command = [sys.executable, "-m", "pytest_floe", "report", "preflight-report"]
    done = subprocess.run(command, cwd=lab.path, capture_output=True, text=True, check=False, timeout=WITHIN)

    assert done.returncode == 0
    assert done.stdout.rstrip().splitlines()[-1].startswith("READY  1 ok")


def test_a_session_that_came_to_its_end_has_nothing_made_from_its_record(lab):
    """As where a deadline passes while the watchdog starts, which then is never told that all is well."""
    lab.services("ok")
    lab.run()
    before = {path: path.read_bytes() for path in (lab.path / "preflight-report").iterdir()}
    left = {
        "run_dir": str(lab.path / "gone"),
        "report_dir": str(lab.path / "preflight-report"),
        "termination_log": None,
    }
    command = [sys.executable, "-m", "pytest_floe.rescue"]
    done = subprocess.run(command, input=json.dumps(left), capture_output=True, text=True, check=False, timeout=WITHIN)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path: path.read_bytes() for path in before} == before
