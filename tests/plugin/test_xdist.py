"""With workers of pytest-xdist: the same report, each check once, and nothing lost in silence."""

import json
import os
import signal

import pytest

from tests.plugin.conftest import WITHIN

#: What may differ from run to run.
_OF_THE_RUN = ("timestamp", "duration_ms", "run")


def test_workers_change_nothing_but_times(lab):
    lab.services("ok", "fail", "warn", "raise_error", password="${env:LAB_TOKEN}")
    alone = lab.run_apart(LAB_TOKEN="sentinel-of-the-lab")
    expected, ran = _comparable(lab), [lab.runs(name) for name in "abcd"]
    together = lab.run_apart("-n2", LAB_TOKEN="sentinel-of-the-lab")

    assert alone.returncode == together.returncode == 1
    assert _comparable(lab) == expected
    assert ran == [1, 1, 1, 1]
    assert [lab.runs(name) for name in "abcd"] == [2, 2, 2, 2]


def _comparable(lab):
    report = {key: value for key, value in lab.report().items() if key not in _OF_THE_RUN}
    for check in report["checks"]:
        check["duration_ms"] = 0
        for step in check["details"]["steps"]:
            step["duration_ms"] = 0
    return json.loads(json.dumps(report))


@pytest.mark.parametrize("restart", [(), ("--max-worker-restart=0",)], ids=["replaced", "not replaced"])
def test_a_killed_worker_is_named(lab, restart):
    lab.services("hang", "ok", "ok", "ok")
    process = lab.start("-n1", *restart)
    os.kill(lab.wait_for_trace("a.hangs"), signal.SIGKILL)
    out, _ = process.communicate(timeout=WITHIN)

    assert process.returncode == 1
    assert lab.checks()["a"].cause == "incomplete.worker_crashed"
    rest = {status for name, status, _ in lab.statuses() if name != "a"}
    assert rest == ({"error"} if restart else {"ok"})
    assert lab.report()["overall_status"] == "fail"
    assert "NOT READY" in out


def test_stopping_at_a_failure_cleans_up_in_workers(lab):
    lab.services("create", "fail")
    (lab.path / "traces").mkdir()
    conftest = lab.path / "conftest.py"
    waiting = "def fail(settings, probe):\n    while not Path('traces/a.hangs').exists():\n        time.sleep(0.01)\n"
    conftest.write_text(conftest.read_text().replace("def fail(settings, probe):\n", waiting))
    result = lab.run_apart("-n2", "-x")

    assert result.returncode == 1
    assert lab.statuses()[1] == ("b", "error", "authorize.denied")
    assert lab.checks()["a"].cause == "incomplete.not_run"
    assert "stopping after 1 failures" in lab.checks()["a"].message
    assert not list(lab.path.glob("traces/floe-preflight-*"))


def test_what_a_worker_left_that_died_while_it_was_stopped_is_named(lab):
    lab.services("die_in_removing")
    process = lab.start("-n1")
    lab.wait_for_trace("a.hangs")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WITHIN)

    assert lab.checks()["a"].cause == "incomplete.worker_crashed"
    assert lab.checks()["a"].details["left_behind"] == ["floe-preflight-stays (may be left: the process died)"]


OWN = """
import os
import pytest

pytestmark = pytest.mark.preflight("kafka")

@pytest.mark.xdist_group("brokers")
@pytest.mark.parametrize("topic", ["a", "b"])
def test_topic(probe, topic):
    with probe.step("operate"):
        assert topic == "a"
"""
FATAL = """
def test_dies():
    os._exit(0)
"""


@pytest.mark.parametrize("fatal", [False, True], ids=["in groups", "with a crash"])
def test_own_checks_run_in_workers(lab, fatal):
    lab.services("ok")
    lab.pytester.makeini("[pytest]\nfloe_checks = own.py\npython_files = own.py\n")
    (lab.path / "own.py").write_text(OWN + (FATAL if fatal else ""))
    result = lab.run_apart("-n2", "--dist=load" if fatal else "--dist=loadgroup")

    assert result.returncode == 1
    expected = [("a", "ok", None), ("topic[a]", "ok", None), ("topic[b]", "error", "operate.failed")]
    assert lab.statuses() == expected + [("dies", "error", "incomplete.worker_crashed")] * fatal


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-n2", "--dist=each"), "would run every check once in each worker"),
        (("--dist=load", "--tx=ssh=elsewhere"), "workers elsewhere"),
    ],
)
def test_workers_that_cannot_keep_the_promise_are_refused(lab, arguments, said):
    lab.services("ok")
    result = lab.run(*arguments)

    assert result.ret == 4
    assert said in result.stderr.str()
    assert said in lab.report()["config"]["errors"][0]["message"]


@pytest.mark.parametrize("absent", ["-n0", "-pno:xdist", "-pno:html", "-pno:terminal", "-pno:cacheprovider"])
def test_runs_without(lab, absent):
    lab.services("ok", "fail")

    assert lab.run(absent).ret == 1
    assert lab.statuses() == [("a", "ok", None), ("b", "error", "authorize.denied")]


def test_a_worker_that_is_told_to_end_is_lost_with_its_check_alone(lab):
    lab.services("hang", "ok", "ok")
    process = lab.start("-n2")
    os.kill(lab.wait_for_trace("a.hangs"), signal.SIGTERM)
    out, err = process.communicate(timeout=WITHIN)

    assert process.returncode == 1, out + err
    assert "INTERNALERROR" not in out + err
    assert [check.status for check in lab.checks().values()] == ["error", "ok", "ok"]
    assert lab.checks()["a"].cause.startswith("incomplete.")
