"""--floe-termination-log: what Kubernetes shows of a container that ended."""

import os
import signal

import pytest

from tests.plugin.conftest import WITHIN

FAILED = "error  prod-lab-b  authorize.denied  no grant for you  remedy: grant INSERT on lab"
WARNED = "warning  prod-lab-a  config.object_not_given  no object  remedy: set lab.object"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "termination-log"


def test_verdict_first_then_findings_the_worst_first(lab, log):
    lab.services("warn", "fail", "ok")
    lab.run(f"--floe-termination-log={log}")

    assert log.read_text().splitlines() == ["NOT READY  1 error, 1 warning, 1 ok  prod", FAILED, WARNED]


def test_a_ready_environment_is_one_line(lab, log):
    lab.services("ok")
    lab.run(f"--floe-termination-log={log}")

    assert log.read_text() == "READY  1 ok  prod\n"


def test_it_is_cut_between_lines_and_says_what_is_left_out(lab, log):
    lab.services(*["say_much"] * 20)
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write("\n\ndef say_much(settings, probe):\n    probe.fail('authorize.denied', 'ü' * 999, 'ß' * 999)\n")
    lab.run(f"--floe-termination-log={log}")
    verdict, *findings, rest = log.read_bytes().decode().splitlines()

    assert log.stat().st_size <= 4096
    assert verdict.startswith("NOT READY  20 errors")
    assert findings
    assert all(line.startswith("error  prod-lab-") for line in findings)
    assert rest == f"{20 - len(findings)} more are left out here"


def test_what_the_orchestrator_made_is_written_in_place(lab, log):
    log.write_text("x" * 5000)
    log.chmod(0o600)
    before = log.stat().st_ino
    lab.services("ok")
    lab.run(f"--floe-termination-log={log}")

    assert (log.read_text(), log.stat().st_ino) == ("READY  1 ok  prod\n", before)


@pytest.mark.parametrize("options", ["--floe-timeout=soon", "--floe-check=nonesuch"])
def test_mistakes_are_told(lab, log, options):
    lab.services("ok")
    result = lab.run(f"--floe-termination-log={log}", options)
    verdict, mistake = log.read_text().splitlines()

    assert result.ret == 4
    assert verdict.startswith("NOT READY")
    assert mistake.startswith("error  --floe-")
    assert "config_invalid" in mistake


def test_a_report_folder_that_cannot_be_written_is_told(lab, log):
    lab.services("ok")
    (lab.path / "taken").write_text("a file")
    lab.run(f"--floe-termination-log={log}", "--floe-report-dir=taken")

    assert log.read_text().startswith("NOT READY  --floe-report-dir: can't be written")


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGTERM, "stopped by SIGTERM, in step operate"), (signal.SIGKILL, "died, or was killed, in step operate")],
    ids=["TERM", "KILL"],
)
def test_a_run_that_was_ended_is_told(lab, log, number, said):
    lab.services("hang")
    process = lab.start(f"--floe-termination-log={log}")
    os.kill(lab.wait_for_trace("a.hangs"), number)
    process.communicate(timeout=WITHIN)

    assert log.read_text().startswith("NOT READY")
    assert said in log.read_text()


def test_an_earlier_summary_does_not_survive(lab, log):
    lab.services("ok")
    lab.run(f"--floe-termination-log={log}")
    (lab.path / "conftest.py").write_text("1 / 0")

    assert lab.run(f"--floe-termination-log={log}").ret == 4
    assert log.read_text() == "NOT READY  the run has begun, and not come to its end\n"


@pytest.mark.parametrize("path", ["no/such/folder/log", "pipe"])
def test_a_log_that_cannot_be_written_is_a_warning(lab, path):
    os.mkfifo(lab.path / "pipe")
    lab.services("ok")
    result = lab.run(f"--floe-termination-log={path}")

    assert result.ret == 0
    result.stderr.fnmatch_lines([f"warning: --floe-termination-log: can't be written (*): *{path}"])
    assert lab.report()["overall_status"] == "pass"


def test_variable_and_ini_file_name_it_too(lab, monkeypatch):
    lab.services("ok")
    lab.pytester.makeini("[pytest]\nfloe_termination_log = by-ini\nfloe_deadline = 300\n")
    lab.run()
    monkeypatch.setenv("FLOE_TERMINATION_LOG", "by-variable")
    lab.run()

    assert (lab.path / "by-ini").read_text() == (lab.path / "by-variable").read_text() == "READY  1 ok  prod\n"
