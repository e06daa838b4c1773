"""Each check runs exactly once, beside the others, under its own deadline."""

import os
import signal
import threading

import pytest

from tests.plugin.conftest import WITHIN


def test_all_checks_run_at_the_same_time_each_once(lab):
    lab.services("meet", "meet", "meet")

    assert lab.run("--floe-timeout=20").ret == 0
    assert [lab.runs(name) for name in "abc"] == [1, 1, 1]


def test_output_is_in_the_order_of_the_configuration(lab):
    lab.services("slow", "fail", "ok")
    result = lab.run("-v")

    result.stdout.re_match_lines_random([r".*test_service\[prod-lab-a\] PASSED.*"])
    result.stdout.fnmatch_lines(["*prod-lab-a*", "*prod-lab-b*FAILED*", "*prod-lab-c*", "*NOT READY*1 error, 2 ok*"])
    assert list(lab.checks()) == ["a", "b", "c"]


def test_reordered_items_do_not_reorder_the_report(lab):
    lab.services("ok", "fail", "ok")
    lab.pytester.syspathinsert()
    lab.pytester.makepyfile(shuffle="def pytest_collection_modifyitems(items): items.reverse()")
    result = lab.run("-v", "-p", "shuffle")

    result.stdout.fnmatch_lines(["*prod-lab-c*PASSED*", "*prod-lab-b*FAILED*", "*prod-lab-a*PASSED*"])
    assert list(lab.checks()) == ["a", "b", "c"]


def test_a_hanging_check_times_out_in_its_step_and_holds_up_nobody(lab):
    lab.services("hang", "ok")

    assert lab.run("--floe-timeout=1").ret == 1
    hung = lab.checks()["a"]
    assert (hung.cause, hung.step) == ("timeout", "operate")
    assert hung.details["steps"][-1]["outcome"] == "abandoned"
    assert lab.checks()["b"].status == "ok"


def test_hanging_before_tcp_connects_is_a_matter_of_the_network(lab):
    lab.services("unreachable")
    lab.run("--floe-timeout=1")

    assert lab.statuses() == [("a", "error", "connect.timeout")]
    assert lab.checks()["a"].step == "connect"


def test_what_an_abandoned_check_created_is_removed(lab):
    lab.services("create")
    lab.run("--floe-timeout=1")

    assert lab.statuses() == [("a", "error", "timeout")]
    assert not list(lab.path.glob("traces/floe-preflight-*"))


def test_a_creation_that_the_service_may_still_carry_out_is_named(lab):
    lab.services("create_in_vain")
    lab.run("--floe-timeout=1")
    abandoned = next(thread for thread in threading.enumerate() if thread.name == "preflight lab:create_in_vain")
    (lab.path / "traces/go").touch()
    abandoned.join(timeout=WITHIN)

    [stays] = lab.path.glob("traces/floe-preflight-*")
    assert lab.statuses() == [("a", "error", "timeout")]
    said = "(may be left: its creation was not answered)"
    assert lab.checks()["a"].details["left_behind"] == [f"traces/{stays.name} {said}"]


def test_so_is_one_that_the_driver_did_not_wait_for(lab):
    lab.services("create_in_vain_in_time")
    lab.run()

    [left] = lab.checks()["a"].details["left_behind"]
    assert lab.statuses() == [("a", "error", "timeout")]
    assert left == "floe-preflight-unanswered (may be left: its creation was not answered)"


def test_removing_has_time_after_the_deadline(lab):
    lab.services("take_time_to_remove")
    lab.run("--floe-timeout=1")

    assert lab.statuses() == [("a", "error", "timeout")]
    assert lab.checks()["a"].details["left_behind"] == []


def test_what_the_check_itself_removed_is_not_named(lab):
    lab.services("remove_and_hang")
    lab.run("--floe-timeout=1")

    assert lab.statuses() == [("a", "error", "timeout")]
    assert lab.checks()["a"].details["left_behind"] == []


def test_only_what_stayed_is_named_when_removing_hangs(lab, monkeypatch):
    monkeypatch.setattr("pytest_floe.running.CLEAN_UP_SECONDS", 1)
    lab.services("hang_in_removing")
    lab.run()

    assert lab.statuses() == [("a", "error", "operate.not_removed")]
    assert lab.checks()["a"].details["left_behind"] == ["floe-preflight-stays (may be left: no answer)"]


def test_an_abandoned_check_does_not_go_on_when_its_service_answers_at_last(lab):
    lab.services("late")
    lab.run("--floe-timeout=1")
    abandoned = next(thread for thread in threading.enumerate() if thread.name == "preflight lab:late")
    (lab.path / "traces/go").touch()
    abandoned.join(timeout=WITHIN)

    assert not abandoned.is_alive()
    assert not (lab.path / "traces/a.wrote").exists()


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_threads_that_a_driver_left_hanging_do_not_keep_the_process_alive(lab, workers):
    lab.services("hang_in_a_pool", "ok")

    assert lab.run_apart("--floe-timeout=1", *workers).returncode == 1
    assert lab.statuses() == [("a", "error", "timeout"), ("b", "ok", None)]


def test_what_cannot_be_removed_is_an_error_by_name(lab):
    lab.services("undeletable")

    assert lab.run().ret == 1
    assert lab.checks()["a"].cause == "operate.not_removed"
    assert "floe-preflight-stays" in lab.checks()["a"].remediation
    assert "floe-preflight-stays (ZeroDivisionError" in lab.checks()["a"].details["left_behind"][0]


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_a_check_that_never_releases_the_interpreter_is_ended(lab, workers):
    lab.services("ok", "hold_the_interpreter")
    result = lab.run_apart("--floe-timeout=1", *workers)

    assert result.returncode == (1 if workers else -9)
    held = lab.checks()["b"]
    assert (held.status, held.cause, held.step) == ("error", "timeout", "operate.query")
    assert "NOT READY" in result.stdout + result.stderr
    if workers:
        assert lab.checks()["a"].status == "ok"


def test_a_hang_is_reported_in_a_folder_with_a_module_named_as_one_of_pythons(lab):
    lab.services("hold_the_interpreter")
    (lab.path / "html.py").write_text("raise SystemExit('a module of the project')")
    lab.run_apart("--floe-timeout=1")

    assert lab.checks()["a"].cause == "timeout"


@pytest.mark.parametrize("status", ["os._exit(0)", "SystemExit"])
def test_a_check_that_ends_the_process_is_not_green(lab, status):
    lab.services("die" if status == "os._exit(0)" else "leave_process", "ok")
    lab.run_apart()

    assert lab.report()["overall_status"] == "fail"
    expected = "incomplete.worker_crashed" if status == "os._exit(0)" else "incomplete.check_broken"
    assert lab.checks()["a"].cause == expected


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
@pytest.mark.parametrize("end", ["die", "hold_the_interpreter"])
def test_what_a_check_created_is_named_although_its_process_died(lab, end, workers):
    lab.services(f"create_and_{end}")
    lab.run_apart("--floe-timeout=1", *workers)

    left = lab.checks()["a"].details["left_behind"]
    assert left == ["floe-preflight-stays (may be left: the process died)"]


def test_what_was_created_when_the_session_was_killed_is_named(lab):
    lab.services("create")
    process = lab.start()
    os.kill(lab.wait_for_trace("a.hangs"), signal.SIGKILL)
    process.communicate(timeout=WITHIN)

    [stays] = lab.path.glob("traces/floe-preflight-*")
    left = lab.checks()["a"].details["left_behind"]
    assert left == [f"traces/{stays.name} (may be left: the process died)"]


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_what_was_removed_before_the_process_died_is_not_named(lab, workers):
    lab.services("remove_and_die")
    lab.run_apart(*workers)

    assert lab.statuses() == [("a", "error", "incomplete.worker_crashed")]
    assert lab.checks()["a"].details["left_behind"] == []


def test_waiting_retries_what_may_become_ready(lab):
    lab.services("third_time", "fail")
    result = lab.run("--floe-wait=30")

    assert lab.statuses() == [("a", "ok", None), ("b", "error", "authorize.denied")]
    assert lab.checks()["a"].details["attempts"] == lab.runs("a") == 3
    assert lab.runs("b") == 1
    result.stdout.fnmatch_lines(["*lab a*ready after 3 attempts*"])


def test_what_an_earlier_attempt_left_is_an_error_by_name(lab):
    lab.services("leave_something_at_first")
    lab.run("--floe-wait=30")

    assert lab.runs("a") == 2
    assert lab.statuses() == [("a", "error", "operate.not_removed")]
    assert "floe-preflight-first (ZeroDivisionError" in lab.checks()["a"].details["left_behind"][0]


def test_what_an_earlier_attempt_left_and_swept_is_removed_and_told_at_last(lab):
    lab.services("remove_at_last")
    lab.run("--floe-wait=30")

    assert lab.runs("a") == 2
    assert lab.statuses() == [("a", "ok", None)]
    assert lab.checks()["a"].details["left_behind"] == []
    assert lab.checks()["a"].details["swept"] == ["floe-preflight-20200101t000000z-00c0ffee-old"]


def test_without_waiting_nothing_is_retried(lab):
    lab.services("third_time")
    lab.run()

    assert lab.runs("a") == 1
    assert lab.statuses() == [("a", "error", "operate.not_ready")]


UNCAPTURED = """

class Ended:
    def global_and_fixture_disabled(self):
        raise AssertionError("cannot suspend in state 'done'")


def pytest_sessionstart(session):
    session.config.pluginmanager.getplugin("logging-plugin").log_cli_handler.capture_manager = Ended()
"""


def test_a_line_of_the_live_log_that_can_not_be_shown_is_no_finding(lab):
    lab.services("chatty")
    (lab.path / "conftest.py").write_text((lab.path / "conftest.py").read_text() + UNCAPTURED)
    done = lab.run_apart("-o", "log_cli=true", "-o", "log_cli_level=DEBUG")
    assert done.returncode == 0, done.stdout
    assert lab.statuses() == [("a", "ok", None)]


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "with workers"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("--nf",),
        ("--ff", "-pno:terminal"),
        ("-pno:logging", "-pno:capture", "-pno:setuponly", "-pno:cacheprovider", "-pno:junitxml", "-pno:warnings"),
    ],
    ids=["new first", "no terminal", "no plugins"],
)
def test_what_pytest_itself_can_do_and_leave_out_changes_nothing(lab, arguments, workers):
    lab.services("ok", "fail")

    assert lab.run_apart(*arguments, *workers).returncode == 1
    assert lab.statuses() == [("a", "ok", None), ("b", "error", "authorize.denied")]


def test_the_trace_of_pytest_has_no_secrets(lab):
    lab.services("raise_error", password="${env:LAB_TOKEN}")
    done = lab.run_apart(LAB_TOKEN="sentinel-of-the-lab", PYTEST_DEBUG="1")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "pytest_runtest_makereport" in done.stderr
    assert "sentinel" not in done.stdout + done.stderr


FAILING_FROM_OUTSIDE = """
import signal
import threading
import time
from pathlib import Path

import pytest

def pytest_runtest_call():
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("Timeout of another plugin"))
    threading.Thread(target=end_when_it_hangs, daemon=True).start()

def end_when_it_hangs():
    while not list(Path("traces").glob("*.hangs")):
        time.sleep(0.01)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)
"""


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "with a worker"])
def test_what_stays_is_named_although_another_plugin_ended_the_test(lab, workers):
    lab.services("undeletable_and_hanging")
    (lab.path / "impatient.py").write_text(FAILING_FROM_OUTSIDE)

    assert lab.run_apart("-p", "impatient", *workers, PYTHONPATH=str(lab.path)).returncode == 1
    found = lab.checks()["a"]
    assert (found.status, found.cause) == ("error", "incomplete.check_broken")
    assert found.message == "its call failed: Failed: Timeout of another plugin"
    assert found.details["left_behind"] == ["floe-preflight-stays (ZeroDivisionError: division by zero)"]
