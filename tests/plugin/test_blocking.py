"""A target that needs another waits before the steps that need it, and is blocked if the other fails."""

import os
import signal

import pytest

from tests.local.waiting import eventually
from tests.plugin.conftest import WITHIN

ALL_WAYS = [
    (),
    ("-n1",),
    ("-n2",),
    ("-n3", "--dist=loadscope"),
    ("-n3", "--dist=loadfile"),
    ("-n3", "--dist=loadgroup"),
    ("-n4", "--dist=worksteal"),
]
each_way = pytest.mark.parametrize("way", ALL_WAYS, ids=lambda way: " ".join(way) or "alone")
with_and_without_workers = pytest.mark.parametrize("way", [(), ("-n2",)], ids=["alone", "with workers"])


def traces(lab, what):
    return sorted(path.name for path in (lab.path / "traces").glob(f"*.{what}"))


@each_way
def test_what_needs_a_failed_target_logs_in_and_goes_no_further(lab, way):
    lab.services("write", "write", "fail", "write", needs={"a": ["b"], "b": ["c"]})
    lab.run_apart(*way)

    assert lab.statuses() == [
        ("c", "error", "authorize.denied"),
        ("b", "error", "blocked"),
        ("a", "error", "blocked"),
        ("d", "ok", None),
    ]
    assert traces(lab, "login") == ["a.login", "b.login", "d.login"]
    assert traces(lab, "wrote") == ["d.wrote"]
    assert [lab.runs(name) for name in "abcd"] == [1, 1, 1, 1]


@each_way
def test_what_needs_a_verified_target_is_verified(lab, way):
    lab.services("write", "write", "ok", needs={"a": ["b", "c"], "b": ["c"]})
    result = lab.run_apart(*way)

    assert result.returncode == 0, result.stdout
    assert lab.statuses() == [("c", "ok", None), ("b", "ok", None), ("a", "ok", None)]
    assert traces(lab, "wrote") == ["a.wrote", "b.wrote"]
    assert [lab.runs(name) for name in "abc"] == [1, 1, 1]


def test_the_root_is_named_however_long_the_chain(lab):
    lab.services("fail", "write", "write", needs={"b": ["a"], "c": ["b"]})
    result = lab.run()

    last = lab.checks()["c"]
    assert last.details["blocked_by"] == ["prod-lab-a"]
    assert last.message == "went no further, for it needs prod-lab-b, which is blocked by prod-lab-a"
    assert last.remediation == "resolve the finding of prod-lab-a first"
    assert [step["name"] for step in last.details["steps"]] == ["connect", "authenticate", "wait"]
    assert last.step == "wait"
    direct = lab.checks()["b"]
    assert direct.message == "went no further, for it needs prod-lab-a, which failed (authorize.denied)"
    result.stdout.fnmatch_lines(["*error*lab c*blocked*prod-lab-a*", "NOT READY  3 errors, 2 of them not verified*"])


def test_several_roots_are_all_named(lab):
    lab.services("fail", "hang", "ok", "write", needs={"d": ["a", "b", "c"]})
    lab.run("--floe-timeout=1")

    assert lab.checks()["d"].details["blocked_by"] == ["prod-lab-a", "prod-lab-b"]


def test_a_fault_of_its_own_is_what_a_target_is_reported_with(lab):
    lab.services("fail", "fail", needs={"b": ["a"]})
    lab.run()

    assert lab.statuses() == [("a", "error", "authorize.denied"), ("b", "error", "authorize.denied")]
    assert lab.checks()["b"].details["blocked_by"] == []


def test_a_warning_blocks_nothing(lab):
    lab.services("warn", "write", needs={"b": ["a"]})

    assert lab.run("--floe-strict").ret == 1
    assert lab.statuses() == [("a", "warning", "config.object_not_given"), ("b", "ok", None)]


def test_a_blocked_target_fails_everywhere(lab):
    lab.services("fail", "write", needs={"b": ["a"]})
    result = lab.run("--junitxml=junit.xml", "--html=report.html", "--self-contained-html")

    assert result.ret == 1
    result.assert_outcomes(failed=2)
    junit = (lab.path / "junit.xml").read_text()
    assert 'failures="2"' in junit
    assert 'name="floe.cause" value="blocked"' in junit
    assert "prod-lab-a first" in (lab.path / "report.html").read_text()


# Time


@with_and_without_workers
def test_the_time_of_a_check_stands_still_while_it_waits(lab, way):
    lab.services("hang_at_first", "write", needs={"b": ["a"]})
    result = lab.run_apart("--floe-timeout=1", "--floe-wait=30", "--floe-slow=900", *way)

    assert result.returncode == 0, result.stdout
    assert lab.runs("a") == 3
    assert lab.statuses() == [("a", "ok", None), ("b", "ok", None)]
    [waited] = [step for step in lab.report()["checks"][1]["details"]["steps"] if step["name"] == "wait"]
    assert waited["duration_ms"] > 2000 > lab.report()["checks"][1]["duration_ms"]


def test_and_so_does_the_time_to_become_ready(lab):
    lab.services("hang_at_first", "write_on_the_second_try", needs={"b": ["a"]})
    lab.run("--floe-timeout=1", "--floe-wait=4")

    assert lab.statuses() == [("a", "ok", None), ("b", "ok", None)]
    assert lab.checks()["b"].details["attempts"] == 2


# Narrowed runs


@pytest.mark.parametrize("way", [(), ("-n2",)], ids=["alone", "with workers"])
def test_what_is_not_in_the_run_blocks_nothing(lab, way):
    lab.services("fail", "write", needs={"b": ["a"]})
    lab.run_apart("-k", "lab-b", *way)

    assert lab.statuses() == [("a", "error", "incomplete.not_run"), ("b", "ok", None)]
    assert [step["name"] for step in lab.checks()["b"].details["steps"]] == ["connect", "authenticate", "operate.write"]


# Ends before the end


@with_and_without_workers
def test_a_root_that_hangs_blocks_at_its_deadline(lab, way):
    lab.services("hang", "write", needs={"b": ["a"]})
    lab.run_apart("--floe-timeout=1", *way)

    assert lab.statuses() == [("a", "error", "timeout"), ("b", "error", "blocked")]


@pytest.mark.parametrize("way", [("-n1",), ("-n2",)], ids=["one worker", "two workers"])
def test_a_root_that_never_releases_the_interpreter_blocks(lab, way):
    lab.services("hold_the_interpreter", "write", needs={"b": ["a"]})
    lab.run_apart("--floe-timeout=1", *way)

    assert lab.statuses() == [("a", "error", "timeout"), ("b", "error", "blocked")]
    assert lab.checks()["b"].details["blocked_by"] == ["prod-lab-a"]


def test_so_does_one_that_ends_the_only_process(lab):
    lab.services("hold_the_interpreter_at_last", "write", needs={"b": ["a"]})
    process = lab.start("--floe-timeout=5")
    assert eventually(lambda: is_waiting(lab), WITHIN)
    (lab.path / "traces/go").touch()
    process.communicate(timeout=WITHIN)

    assert lab.statuses() == [("a", "error", "timeout"), ("b", "error", "blocked")]


def is_waiting(lab):
    """Tell whether the record of the run says of a check that it waits."""
    return any('"event": "waiting"' in path.read_text() for path in lab.path.glob("preflight-report/preflight.jsonl"))


@pytest.mark.parametrize("way", [(), ("-n1",), ("-n2",)], ids=["alone", "one worker", "two workers"])
def test_a_root_that_dies_with_its_process_blocks(lab, way):
    lab.services("die_at_last", "write", needs={"b": ["a"]})
    process = lab.start(*way)
    if way != ("-n1",):
        assert eventually(lambda: is_waiting(lab), WITHIN)
    (lab.path / "traces").mkdir(exist_ok=True)
    (lab.path / "traces/go").touch()
    process.communicate(timeout=WITHIN)

    assert lab.statuses() == [("a", "error", "incomplete.worker_crashed"), ("b", "error", "blocked")]
    assert lab.runs("b") == 1


def test_a_killed_worker_blocks_what_others_wait_for(lab):
    lab.services("hang", "write", "ok", needs={"b": ["a"]})
    process = lab.start("-n2")
    runs_the_root = lab.wait_for_trace("a.hangs")
    lab.wait_for_trace("b.login")
    os.kill(runs_the_root, signal.SIGKILL)
    process.communicate(timeout=WITHIN)

    assert lab.statuses() == [
        ("a", "error", "incomplete.worker_crashed"),
        ("b", "error", "blocked"),
        ("c", "ok", None),
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@with_and_without_workers
def test_a_run_can_be_stopped_while_a_check_waits(lab, way, number):
    lab.services("hang", "write", needs={"b": ["a"]})
    process = lab.start(*way)
    lab.wait_for_trace("a.hangs")
    lab.wait_for_trace("b.login")
    process.send_signal(number)
    process.communicate(timeout=WITHIN)

    assert process.returncode == (2 if number == signal.SIGINT else 143)
    assert {status for _, status, _ in lab.statuses()} == {"error"}
    assert {check.cause for check in lab.checks().values()} <= {"incomplete.not_run", "blocked"}
    assert not traces(lab, "wrote")


@pytest.mark.parametrize("stop", ["-x", "--maxfail=1"])
@with_and_without_workers
def test_stopping_at_the_failure_of_a_root_ends_what_waits_for_it(lab, way, stop):
    lab.services("fail_at_last", "write", needs={"b": ["a"]})
    process = lab.start(stop, *way)
    lab.wait_for_trace("a.works")
    lab.wait_for_trace("b.login")
    (lab.path / "traces/go").touch()
    process.communicate(timeout=WITHIN)

    assert process.returncode == 1
    assert lab.checks()["a"].cause == "authorize.denied"
    assert lab.checks()["b"].cause in ("blocked", "incomplete.not_run")
    assert not traces(lab, "wrote")


# Whoever comes first


def test_a_worker_that_waits_runs_what_would_only_come_after(lab):
    lab.services("write", "ok", needs={"a": ["b"]})
    lab.pytester.syspathinsert()
    lab.pytester.makepyfile(shuffle="def pytest_collection_modifyitems(items): items.reverse()")
    result = lab.run_apart("-n1", "-p", "shuffle", PYTHONPATH=str(lab.path))

    assert result.returncode == 0, result.stdout
    assert [lab.runs(name) for name in "ab"] == [1, 1]


def test_what_waits_is_listed_after_what_it_waits_for(lab):
    lab.services("write", "ok", needs={"a": ["b"]})
    result = lab.run("--collect-only")

    result.stdout.fnmatch_lines(
        ["prod-lab-b *", "prod-lab-a *", "    waits for            prod-lab-b", "*lab-b]>", "*lab-a]>"]
    )


def test_a_plan_says_what_is_waited_for(lab):
    lab.services("ok", "write", needs={"b": ["a"]})

    lab.run("--floe-plan").stdout.fnmatch_lines(["prod-lab-b *", "    waits for            prod-lab-a"])
