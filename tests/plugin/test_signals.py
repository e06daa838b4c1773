"""Ctrl-C, SIGTERM and SIGHUP clean up and report."""

import os
import signal

import pytest

from tests.plugin.conftest import WITHIN


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 2, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 129, "SIGHUP")],
    ids=["INT", "TERM", "HUP"],
)
def test_a_stopped_run_removes_canaries_and_reports(lab, workers, number, status, said):
    lab.services("ok", "create")
    process = lab.start(*workers)
    lab.wait_for_trace("b.hangs")
    os.kill(process.pid, number)
    out, _ = process.communicate(timeout=WITHIN)

    assert process.returncode == status
    assert not list(lab.path.glob("traces/floe-preflight-*"))
    assert lab.report()["overall_status"] == "fail"
    assert lab.checks()["a"].status == "ok"
    stopped = lab.checks()["b"]
    assert (stopped.cause, stopped.message) == ("incomplete.not_run", f"stopped by {said}, in step operate")
    assert "NOT READY" in out


def test_a_killed_session_leaves_a_report_that_fails(lab):
    lab.services("ok", "hang", "ok")
    process = lab.start()
    lab.wait_for_trace("b.hangs")
    process.kill()
    _, err = process.communicate(timeout=WITHIN)

    assert lab.report()["overall_status"] == "fail"
    assert lab.checks()["b"].cause == "incomplete.worker_crashed"
    assert lab.checks()["b"].step == "operate"
    assert "NOT READY" in err


IMPATIENT = """

def pytest_keyboard_interrupt():
    os.kill(os.getpid(), 2)
"""


def test_a_second_ctrl_c_does_not_break_into_the_end_that_the_first_began(lab):
    lab.services("ok", "create")
    (lab.path / "conftest.py").write_text((lab.path / "conftest.py").read_text() + IMPATIENT)
    process = lab.start()
    lab.wait_for_trace("b.hangs")
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=WITHIN)

    assert process.returncode == 2, err
    assert "Traceback" not in out + err
    assert not list(lab.path.glob("traces/floe-preflight-*"))
    assert lab.checks()["b"].cause == "incomplete.not_run"


INTERRUPTED = """

import pytest

def pytest_runtest_logfinish():
    raise {error}
"""


@pytest.mark.parametrize("error", [None, "KeyboardInterrupt", "pytest.exit('enough')"], ids=["whole", "Ctrl-C", "exit"])
@pytest.mark.parametrize("options", [(), ("--floe-deadline=60",)], ids=["", "deadline"])
def test_a_run_in_a_process_with_more_to_do_leaves_its_signals_as_they_were(lab, options, error):
    lab.services("ok", "ok")
    if error:
        more = INTERRUPTED.format(error=error)
        (lab.path / "conftest.py").write_text((lab.path / "conftest.py").read_text() + more)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]

    lab.pytester.runpytest_inprocess("--floe-env=prod", *options, no_reraise_ctrlc=True)

    assert [signal.getsignal(number) for number in numbers] == before
    assert len(lab.checks()) == 2


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_a_terminal_that_closes_leaves_no_canary(lab, workers):
    lab.services("ok", "create")
    ours, theirs = os.openpty()
    # The first terminal that a new session opens controls it.
    process = lab.start(*workers, by=("sh", "-c", f'exec "$0" "$@" <>{os.ttyname(theirs)} >&0 2>&0'))
    lab.wait_for_trace("b.hangs")
    os.close(theirs)
    os.close(ours)
    process.wait(WITHIN)

    assert not list(lab.path.glob("traces/floe-preflight-*"))
    assert lab.checks()["a"].status == "ok"
    assert lab.checks()["b"].message == "stopped by SIGHUP, in step operate"


def test_a_run_under_nohup_goes_on_when_the_terminal_closes(lab):
    lab.services("ok", "create")
    process = lab.start(by=("nohup",))
    lab.wait_for_trace("b.hangs")
    os.kill(process.pid, signal.SIGHUP)
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=WITHIN)

    assert process.returncode == 143
    assert lab.checks()["b"].message == "stopped by SIGTERM, in step operate"
