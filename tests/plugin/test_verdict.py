"""What was not verified is never green, and the report says what is missing and why."""

import json
import signal
import sys

import pytest


def test_all_green_is_ready(lab):
    lab.services("ok", "ok")

    assert lab.run().ret == 0
    assert lab.report()["overall_status"] == "pass"
    assert lab.report()["expected"] == ["prod-lab-a", "prod-lab-b"]


def test_a_finding_fails_the_run_with_its_remedy(lab):
    lab.services("ok", "fail")

    assert lab.run().ret == 1
    found = lab.checks()["b"]
    assert (found.status, found.cause, found.step) == ("error", "authorize.denied", "authorize.write")
    assert found.remediation == "grant INSERT on lab"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("-k", "lab-a"), "deselected by -k lab-a"),
        (("--deselect", "checks/preflight.py::test_service[prod-lab-b]"), "deselected by --deselect"),
        (("-m", "nonesuch", "-o", "markers=nonesuch"), "deselected by -m nonesuch"),
        (("--setup-only",), "not run"),
    ],
)
def test_what_is_deselected_is_missing(lab, arguments, reason):
    lab.services("ok", "ok")

    assert lab.run(*arguments).ret == 1
    assert lab.report()["overall_status"] == "fail"
    missing = lab.checks()["b"]
    assert (missing.status, missing.cause) == ("error", "incomplete.not_run")
    assert reason in missing.message
    assert "pytest --floe-env=prod --floe-check=lab" in missing.remediation


@pytest.mark.parametrize("stop", ["-x", "--maxfail=1"])
def test_stopping_at_a_failure_keeps_what_has_finished_and_names_the_rest(lab, stop):
    lab.services("fail_beside_one_that_hangs", "hang", "ok")

    assert lab.run(stop, "-p", "no:randomly").ret == 1
    a, b, c = lab.checks().values()
    assert a.cause == "authorize.denied"
    assert b.cause == "incomplete.not_run"
    assert b.message == "stopping after 1 failures, in step operate"
    assert c.status == "ok" or c.cause == "incomplete.not_run"


def test_no_target_is_not_green(lab):
    lab.configure({"environments": {"prod": {}}})

    assert lab.run().ret == 1
    assert lab.statuses() == [("none", "error", "incomplete.no_targets")]


def test_a_missing_driver_is_a_finding_with_the_command(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "trino", None)
    lab.configure({"environments": {"prod": {"compute_type": "trino", "compute_host": "127.0.0.1", "compute_port": 1}}})
    lab.run("--floe-timeout=2")

    assert lab.checks()["trino"].status == "error"
    assert lab.report()["overall_status"] == "fail"


def test_a_check_that_walks_no_step_verified_nothing(lab):
    lab.services("ok", "nothing")

    assert lab.run().ret == 1
    assert lab.statuses()[1] == ("b", "error", "incomplete.check_broken")


def test_warnings_pass_unless_strict(lab):
    lab.services("warn")

    assert lab.run().ret == 0
    assert lab.report()["overall_status"] == "pass"
    assert lab.run("--floe-strict").ret == 1
    assert lab.report()["overall_status"] == "fail"
    assert lab.statuses() == [("a", "warning", "config.object_not_given")]


def test_slowness_is_a_warning_over_the_threshold(lab):
    lab.services("slow")
    lab.run("--floe-slow=20")

    assert lab.statuses() == [("a", "warning", "latency.slow")]
    lab.run("--floe-slow=60000")
    assert lab.statuses() == [("a", "ok", None)]


def test_narrowing_is_said(lab):
    lab.services("ok")
    config = {"environments": {"prod": {"compute_type": "duckdb", "targets": [{"service": "lab", "kind": "lab"}]}}}
    lab.configure(config)
    result = lab.run("--floe-check=lab")

    assert result.ret == 0
    assert lab.report()["scope"]["not_verified"] == ["prod-compute-duckdb"]
    result.stdout.fnmatch_lines(["*prod-compute-duckdb was left out by --floe-check*"])


def test_an_earlier_report_never_survives(lab):
    lab.services("ok")
    lab.run()
    (lab.path / "conftest.py").write_text("1 / 0")

    assert lab.run().ret == 4
    assert not (lab.path / "preflight-report/preflight-report.json").exists()
    assert json.loads((lab.path / "preflight-report/previous/preflight-report.json").read_text())


@pytest.mark.parametrize("listing", ["--collect-only", "--fixtures", "--floe-plan"])
def test_listings_run_nothing_and_touch_no_report(lab, listing):
    lab.services("ok")
    lab.run()
    before = lab.report()

    assert lab.run(listing).ret == 0
    assert lab.report() == before
    assert lab.runs("a") == 1


def test_a_report_that_cannot_be_written_is_found_before_the_checks(lab):
    lab.services("ok")
    (lab.path / "taken").write_text("a file")
    result = lab.run("--floe-report-dir=taken")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--floe-report-dir: can't be written*name a writable folder*"])
    assert lab.runs("a") == 0


def test_two_runs_do_not_share_a_folder(lab):
    lab.services("hang")
    first = lab.start()
    lab.wait_for_trace("a.hangs")
    lab.services("ok")
    second = lab.run_apart()

    assert second.returncode == 4
    assert "--floe-report-dir: another run is writing its report to" in second.stderr
    assert lab.runs("a") == 1
    assert lab.run_apart("--floe-report-dir=another").returncode == 0
    first.send_signal(signal.SIGINT)
    first.communicate()
    assert lab.statuses() == [("a", "error", "incomplete.not_run")]
    assert lab.run().ret == 0


def test_a_report_that_can_no_longer_be_written_fails_the_run(lab):
    lab.services("ok")
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write(
            "\n\ndef pytest_collection_finish():\n"
            "    os.rename('preflight-report', 'elsewhere')\n    Path('preflight-report').write_text('in the way')\n"
        )
    result = lab.run()

    assert result.ret == 1
    result.stderr.fnmatch_lines(["*the report could not be written to *preflight-report: *"])
    result.stdout.fnmatch_lines(["NOT READY*could not be written to *; make room, or give --floe-report-dir*"])


def test_another_plugin_that_fails_at_the_end_takes_no_report_away(lab):
    lab.services("fail")
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write("\n\ndef pytest_sessionfinish():\n    raise OSError('no space for my report')\n")

    assert lab.run().ret != 0
    assert lab.statuses() == [("a", "error", "authorize.denied")]


def test_an_internal_error_ends_with_3_and_a_report(lab):
    lab.services("ok")
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write("\n\ndef pytest_collection_finish():\n    raise RuntimeError('plugin broke')\n")

    assert lab.run().ret == 3
    assert "pytest failed: RuntimeError: plugin broke" in lab.checks()["a"].message
    assert lab.report()["overall_status"] == "fail"


def test_pytest_exit_with_status_0_is_not_green(lab):
    lab.services("ok")
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write("\n\ndef pytest_collection_finish():\n    __import__('pytest').exit('enough', returncode=0)\n")

    assert lab.run().ret == 1
    assert lab.checks()["a"].message == "not run: stopped by enough"


@pytest.mark.parametrize(
    ("behaviour", "arguments", "hook"),
    [
        ("ok", ("-k", "nothing"), "finish(session): session.exitstatus = 0"),
        ("fail", (), "finish(): pytest.exit('enough', returncode=0)"),
        ("ok", (), "start(): pytest.exit('enough', returncode=0)"),
    ],
    ids=["set at the end", "exit at the end", "exit at the start"],
)
def test_no_other_plugin_makes_the_exit_status_green(lab, behaviour, arguments, hook):
    lab.services(behaviour)
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write(f"\n\nimport pytest\n\ndef pytest_session{hook}\n")

    assert lab.run(*arguments).ret == 1
    assert lab.report()["overall_status"] == "fail"
