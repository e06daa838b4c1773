"""--floe-wait: tried again until ready or out of time, and told as it happens, a line for each change of state."""

import pytest

from pytest_floe.diagnosis import retry_after
from tests.plugin.conftest import WITHIN

WORKERS = pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
SERVICES = """

def attempt(settings):
    return len(list(Path(settings.folder).glob(f"{settings.me}.*.ran")))

def in_two_states(settings, probe):
    with probe.step("operate"):
        if attempt(settings) < 3:
            probe.fail("operate.not_ready", f"still starting, request {attempt(settings)}")
        if attempt(settings) < 5:
            probe.fail("operate.exhausted", "no slots left")

def until_told(settings, probe):
    with probe.step("operate"):
        if not Path(settings.folder, "go").exists():
            probe.fail("operate.not_ready", "still starting")

def in_a_while(settings, probe):
    class Busy(Exception):
        response = type("Answer", (), {"headers": {"Retry-After": "2"}})

    with probe.step("operate"):
        if attempt(settings) == 1:
            raise Busy
        probe.fail("authorize.denied", "no grant for you")

def in_a_year(settings, probe):
    class Busy(Exception):
        response = {"ResponseMetadata": {"HTTPHeaders": {"retry-after": "31536000"}}}

    with probe.step("operate"):
        raise Busy
"""


@pytest.fixture
def waiting(lab):
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write(SERVICES)
    return lab


def told(output):
    return [line for line in output.splitlines() if line.startswith(("  waiting  ", "  ready    ", "  gave up  "))]


@WORKERS
def test_each_change_of_state_is_one_line_and_readiness_says_how_long_it_took(waiting, workers):
    waiting.services("in_two_states", "ok")
    result = waiting.run_apart("--floe-wait=60", *workers)
    details = waiting.checks()["a"].details
    after = f"after 5 attempts, {details['waited_ms'] / 1000:.0f} s"

    assert result.returncode == 0
    assert waiting.checks()["a"].status == "ok"
    assert told(result.stdout) == [
        "  waiting  prod-lab-a  operate.not_ready  still starting, request 1",
        "  waiting  prod-lab-a  operate.exhausted  no slots left",
        f"  ready    prod-lab-a  {after}",
    ]
    [summary] = [line for line in result.stdout.splitlines() if line.startswith("  ok") and "lab a" in line]
    assert summary.endswith(f"ready {after}")
    assert after.removeprefix("after ") in (waiting.path / "preflight-report/preflight-report.html").read_text()
    assert details["attempts"] == 5
    assert waiting.checks()["b"].details["waited_ms"] == 0


@WORKERS
def test_it_is_told_while_the_service_is_not_ready(waiting, workers):
    waiting.services("until_told")
    process = waiting.start("--floe-wait=60", *workers)
    line = next(line for line in process.stdout if line.startswith("  waiting"))
    (waiting.path / "traces/go").touch()
    rest, _ = process.communicate(timeout=WITHIN)

    assert line == "  waiting  prod-lab-a  operate.not_ready  still starting\n"
    assert told(rest)[0].startswith("  ready    prod-lab-a  after")
    assert process.returncode == 0


def test_time_that_runs_out_is_told(waiting):
    waiting.services("until_told")
    result = waiting.run_apart("--floe-wait=1")

    assert result.returncode == 1
    assert waiting.statuses() == [("a", "error", "operate.not_ready")]
    assert told(result.stdout)[-1].startswith("  gave up  prod-lab-a  after")
    assert "  still so after" in result.stdout


def test_the_service_says_when_to_come_again(waiting):
    waiting.services("in_a_while")
    waiting.run("--floe-wait=60")

    assert waiting.statuses() == [("a", "error", "authorize.denied")]
    assert waiting.runs("a") == 2
    assert waiting.checks()["a"].details["waited_ms"] >= 2000


def test_who_asks_for_more_time_than_there_is_is_not_asked_again(waiting):
    waiting.services("in_a_year")
    result = waiting.run_apart("--floe-wait=600")

    assert result.returncode == 1
    assert waiting.runs("a") == 1
    assert told(result.stdout) == []


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7.0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0), ("soon", 0.0), ("-1", 0.0), ("", 0.0)],
)
def test_what_a_service_may_say(said, seconds):
    error = ConnectionError()
    error.response = {"ResponseMetadata": {"HTTPHeaders": {"retry-after": said}}}

    assert retry_after(error) == seconds
