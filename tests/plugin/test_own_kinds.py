"""A kind of one's own that is broken is a red target of its own, or a mistake of the configuration; nobody waits."""

from concurrent.futures import Future

import pytest

from pytest_floe.report.models import PreflightResult
from pytest_floe.running import Runner, Task
from pytest_floe.secrets import Scrubber
from pytest_floe.verdict import Identity, Judge
from tests.plugin.conftest import WITHIN

KIND = """

class OwnSettings(Settings):
    address: str = setting(description="where it is")


def plan(settings):
    {plan}


@check("own", "{kind}", settings=OwnSettings, plan=plan)
def of_own(settings, probe):
    with probe.step("operate"):
        {body}
"""


@pytest.fixture
def own(lab):
    """Return ``declare(...)``, which adds a kind to the conftest.py, and a target of it after a good one."""

    def declare(*, kind="own", plan="return Plan(endpoint=settings.address)", body="pass", **keys):
        conftest = lab.path / "conftest.py"
        conftest.write_text(conftest.read_text() + KIND.format(kind=kind, plan=plan, body=body))
        good = {"service": "lab", "kind": "lab", "name": "a", "me": "a", "folder": "traces"}
        lab.configure({"environments": {"prod": {"targets": [good, {"service": "own", "kind": kind, **keys}]}}})
        return lab

    return declare


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("return Plan(endpoint={}['x'])", "KeyError: 'x'"),
        ("return Plan(endpoint=None)", "TypeError: endpoint and principal of a Plan must be text"),
        ("return Plan('own', connects='own:1')", "TypeError: connects of a Plan must be a tuple of texts"),
        ("return Plan('own', reads=(None,))", "TypeError: reads of a Plan must be a tuple of texts"),
        ("return {}", "is a dict, not a Plan"),
    ],
    ids=["raises", "endpoint", "text", "row", "dict"],
)
def test_a_broken_plan_is_a_finding_of_its_target_alone(own, plan, said, workers):
    lab = own(plan=plan, address="x")
    done = lab.run_apart("--floe-timeout=5", *workers)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout
    assert lab.statuses() == [("a", "ok", None), ("own", "error", "incomplete.check_broken")]
    assert said in lab.checks()["own"].message
    assert "the plan function of kind own, in conftest" in lab.checks()["own"].remediation


@pytest.mark.parametrize("flag", ["--floe-plan", "--collect-only"])
def test_listing_says_that_a_plan_is_broken_and_keeps_secrets(own, flag):
    secret = 'raise ValueError(f"hunter2hunter2 of {settings.address}")'
    lab = own(plan=secret, address="x", password=None)
    lab.configure(
        {
            "environments": {
                "prod": {
                    "targets": [
                        {"service": "lab", "kind": "lab", "password": "${env:LAB_TOKEN}"},
                        {"service": "own", "kind": "own", "address": "x"},
                    ]
                }
            }
        }
    )
    done = lab.run_apart(flag, LAB_TOKEN="hunter2hunter2")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "prod-own-own" in done.stdout
    assert ("the plan of kind own fails: ValueError" in done.stdout) == (flag == "--floe-plan")
    assert "hunter2" not in done.stdout + done.stderr


def test_a_cause_that_does_not_exist_is_a_defect_of_the_check(own):
    lab = own(body="probe.fail('operate.nonsense', 'no')", address="x")

    assert lab.run().ret == 1
    assert lab.checks()["own"].cause == "incomplete.check_broken"
    assert lab.checks()["own"].remediation == "report the defect, or correct the check: prod-own-own"


def test_a_key_without_a_default_must_be_given(own):
    lab = own()

    assert lab.run().ret == 4
    [error] = lab.report()["config"]["errors"]
    assert (error["message"], error["remedy"]) == ("is missing", "set address")


def test_an_exception_without_a_text_is_no_green(own):
    silent = "class Silent(Exception):\n            def __str__(self): raise self\n        raise Silent"
    lab = own(body=silent, address="x")
    done = lab.run_apart("--floe-timeout=5")

    assert done.returncode == 1, done.stdout + done.stderr
    assert lab.statuses()[1][1] == "error"
    assert "Silent" in lab.checks()["own"].message


@pytest.mark.parametrize("built_in_first", [False, True], ids=["before", "after"])
def test_a_built_in_kind_can_not_be_registered(lab, built_in_first):
    conftest = lab.path / "conftest.py"
    first = "import pytest_floe.checks.duckdb\n" if built_in_first else ""
    kind = KIND.format(kind="duckdb", plan="return Plan('own')", body="pass")
    conftest.write_text(first + conftest.read_text() + kind)
    lab.configure({"environments": {"prod": {"compute_type": "duckdb"}}})
    done = lab.run_apart()

    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    [error] = lab.report()["config"]["errors"]
    assert error["where"] == "check conftest.of_own"
    assert error["message"] == "kind 'duckdb' can't be registered, for pytest_floe.checks.duckdb is its check"
    assert error["remedy"] in done.stderr


def test_a_kind_can_not_be_registered_twice(own):
    lab = own(kind="lab", address="x")
    done = lab.run_apart("--floe-plan")

    assert done.returncode == 4, done.stdout + done.stderr
    assert "check conftest.of_own: kind 'lab' can't be registered, for conftest.verify is its check" in done.stderr


@pytest.mark.parametrize("name", ["duckdb", "lab"], ids=["built in", "of the conftest"])
def test_an_installed_package_can_not_take_a_kind(lab, name):
    info = lab.path / "site" / "floe_more-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: floe-more\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[pytest_floe.checks]\n{name} = floe_more\n")
    head = "from pytest_floe import Plan, Settings, check, setting\n"
    kind = KIND.format(kind=name, plan="return Plan('own')", body="pass")
    (lab.path / "site" / "floe_more.py").write_text(head + kind)
    lab.services("ok")
    done = lab.run_apart(PYTHONPATH=str(lab.path / "site"))

    assert done.returncode == 4, done.stdout + done.stderr
    assert f"check floe_more.of_own: kind {name!r} can't be registered" in done.stderr


def test_a_check_of_which_no_result_can_be_made_has_one_all_the_same():
    judge = Judge(Scrubber(), 1000)
    identity = Identity("prod-own-own", "own", "own", "own", endpoint=None)

    def no_probe(timeout):
        raise OSError("no probe")

    outcome: Future[PreflightResult] = Runner(judge, timeout=5).start(Task(identity, no_probe, print))
    result = outcome.result(WITHIN)
    assert (result.status, result.details.cause) == ("error", "incomplete.check_broken")
    assert result.details.target in result.remediation
