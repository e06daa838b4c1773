"""--floe-deadline ends the whole run in time, and in order: cleaned up, reported, never green."""

import pytest

from tests.plugin.conftest import WITHIN

STUCK = """
import threading
import pytest

@pytest.fixture
def never():
    threading.Event().wait()

@pytest.mark.preflight("kafka")
def test_broker(never, probe):
    with probe.step("operate"):
        pass
"""


@pytest.mark.parametrize(("workers", "seconds"), [((), 10), (("-n2",), 20)], ids=["alone", "with workers"])
def test_what_runs_at_the_deadline_is_stopped_and_cleaned_up(lab, workers, seconds):
    lab.services("ok", "create")
    result = lab.run_apart(f"--floe-deadline={seconds}", *workers)

    assert result.returncode == 1
    assert not list(lab.path.glob("traces/floe-preflight-*"))
    assert lab.checks()["a"].status == "ok"
    stopped = lab.checks()["b"]
    assert (stopped.cause, stopped.step) == ("incomplete.not_run", "operate")
    assert stopped.message == f"stopped by --floe-deadline={seconds}, in step operate"
    assert "NOT READY" in result.stdout


def test_what_does_not_run_as_a_check_is_ended_too(lab):
    lab.services("ok")
    lab.pytester.makeini("[pytest]\nfloe_checks = own.py\npython_files = own.py\n")
    (lab.path / "own.py").write_text(STUCK)
    result = lab.run_apart("--floe-deadline=6")

    assert result.returncode == 1
    assert lab.checks()["broker"].message == "not run: stopped by --floe-deadline=6"


def test_a_check_that_holds_the_interpreter_is_ended_at_the_deadline_and_not_at_its_own(lab):
    lab.services("hold_the_interpreter")
    process = lab.start("--floe-deadline=6", "--floe-timeout=300")
    process.communicate(timeout=WITHIN)

    assert process.returncode == -9
    assert lab.statuses() == [("a", "error", "timeout")]


def test_waiting_ends_with_the_run(lab):
    lab.services("unready")
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write("\n\ndef unready(settings, probe):\n    probe.fail('operate.not_ready', 'starting up')\n")
    lab.run_apart("--floe-deadline=6", "--floe-wait=3600")

    assert lab.runs("a") > 1
    assert lab.statuses() == [("a", "error", "operate.not_ready")]


def test_a_run_that_is_over_in_time_is_left_alone(lab):
    lab.services("ok")

    assert lab.run("--floe-deadline=300").ret == 0


@pytest.mark.parametrize("given", ["0", "-1", "soon", "1e9"])
def test_a_deadline_that_is_none_is_a_mistake(lab, given):
    lab.services("ok")
    result = lab.run(f"--floe-deadline={given}")

    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*--floe-deadline: '{given}' does not fit; use a number from 1 to 604800*"])
