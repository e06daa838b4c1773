"""Tests marked `preflight` end in the report like built-in checks."""

import os
import signal
import textwrap
from pathlib import Path

import pytest

from tests.plugin.conftest import WITHIN

KAFKA = """
    import asyncio, threading, unittest
    import pytest

    @pytest.fixture
    def broken():
        raise RuntimeError("no broker to prepare")

    @pytest.fixture
    def untidy():
        yield
        raise RuntimeError("cannot tidy up")
"""


@pytest.fixture
def kafka(lab):
    """Return ``write(tests)``, which puts marked tests where the ini list `floe_checks` says."""
    lab.services("ok")
    lab.pytester.makeini("[pytest]\nfloe_checks = own\naddopts = --strict-markers\n")

    def write(tests):
        (lab.path / "own").mkdir(exist_ok=True)
        (lab.path / "own/test_kafka.py").write_text(textwrap.dedent(KAFKA) + textwrap.dedent(tests))
        return lab

    return write


def test_a_green_one(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka", remediation="start the broker")
        def test_topic(probe):
            with probe.step("connect"):
                probe.reached = True
            probe.ok("3 partitions")

        def test_ordinary():
            assert False, "not a preflight check"
    """)

    assert lab.run().ret == 0
    assert lab.report()["expected"] == ["prod-lab-a", "prod-kafka-topic"]
    topic = lab.checks()["topic"]
    assert (topic.status, topic.message) == ("ok", "3 partitions")
    assert [step["name"] for step in topic.details["steps"]] == ["connect"]
    assert topic.details["scope"] == "read-only"
    assert topic.details["endpoint"] == "own/test_kafka.py::test_topic"


@pytest.mark.parametrize(
    ("body", "cause", "message", "remedy"),
    [
        ("assert 2 == 3", "operate.failed", "assert 2 == 3", "start the broker"),
        ("raise ConnectionRefusedError(111, 'no')", "connect.refused", "no", "start the broker"),
        (
            "probe.fail('authorize.denied', 'may not', 'READ on topic x')",
            "authorize.denied",
            "may not",
            "grant READ on topic x",
        ),
        (
            "{}['queue']",
            "incomplete.check_broken",
            "KeyError: 'queue'",
            "correct the check: own/test_kafka.py::test_topic; what asks a service belongs in a step",
        ),
        (
            "with probe.step('dance'): pass",
            "incomplete.check_broken",
            "step 'dance' is on no rung",
            "correct the check: own/test_kafka.py::test_topic",
        ),
        (
            "probe.fail('operate.nonsense', 'no')",
            "incomplete.check_broken",
            "unknown cause 'operate.nonsense'",
            "correct the check: own/test_kafka.py::test_topic",
        ),
        (
            "with probe.step('operate'): probe.warn('operate.nonsense', 'no')",
            "incomplete.check_broken",
            "unknown cause 'operate.nonsense'",
            "correct the check: own/test_kafka.py::test_topic",
        ),
        ("__import__('json').loads('<')", "operate.unexpected_response", "JSONDecodeError", "start the broker"),
        ("pytest.fail('down')", "operate.failed", "down", "start the broker"),
        ("pytest.skip('later')", "incomplete.not_run", "skipped: later", "pytest --floe-env=prod --floe-check=kafka"),
        ("pytest.xfail('known')", "incomplete.not_run", "skipped: known", "--floe-check=kafka"),
        ("return False", "incomplete.check_broken", "it returned False", "own/test_kafka.py::test_topic; use assert"),
        ("return asyncio.sleep(0, result=True)", "incomplete.check_broken", "it returned True", "use assert"),
        ("raise SystemExit(0)", "incomplete.check_broken", "SystemExit", "report the defect"),
        ("pytest.exit('bye', returncode=0)", "incomplete.check_broken", "bye", "report the defect"),
    ],
    ids=[
        "assert",
        "refused",
        "finding",
        "key",
        "step",
        "cause",
        "notice",
        "answer",
        "fail",
        "skip",
        "xfail",
        "return",
        "awaited return",
        "exit",
        "pytest.exit",
    ],
)
def test_what_it_raises_or_returns_is_a_finding(kafka, body, cause, message, remedy):
    lab = kafka(f"""
        @pytest.mark.preflight("kafka", remediation="start the broker")
        def test_topic(probe):
            {body}
    """)

    assert lab.run().ret == 1
    topic = lab.checks()["topic"]
    assert (topic.status, topic.cause) == ("error", cause)
    assert message in topic.message
    assert remedy in topic.remediation


@pytest.mark.parametrize("body", ["assert 2 == 3", "with probe.step('operate'): assert 2 == 3", "pytest.fail('down')"])
def test_a_failed_assertion_without_a_remedy_of_its_own_is_named(kafka, body):
    lab = kafka(f"""
        @pytest.mark.preflight("kafka")
        def test_topic(probe):
            {body}
    """)

    assert lab.run().ret == 1
    assert lab.checks()["topic"].remediation == "look at the assertion of own/test_kafka.py::test_topic"


@pytest.mark.parametrize(
    ("decorator", "arguments", "cause"),
    [
        ("@pytest.mark.skipif(True, reason='not today')", "", "incomplete.not_run"),
        ("@pytest.mark.skip", "", "incomplete.not_run"),
        ("@pytest.mark.xfail(run=False)", "", "incomplete.not_run"),
        ("@pytest.mark.xfail(strict=True)", "", "incomplete.check_broken"),
        ("", "broken", "incomplete.check_broken"),
        ("", "untidy", "incomplete.check_broken"),
        ("", "no_such_fixture", "incomplete.check_broken"),
    ],
)
def test_what_goes_wrong_around_it_is_no_green(kafka, decorator, arguments, cause):
    lab = kafka(f"""
        {decorator}
        @pytest.mark.preflight("kafka")
        def test_topic({arguments}):
            pass
    """)

    assert lab.run().ret == 1
    assert lab.checks()["topic"].status == "error"
    assert lab.checks()["topic"].cause == cause
    assert lab.report()["overall_status"] == "fail"


def test_an_expected_failure_is_still_a_failure(kafka):
    lab = kafka("""
        @pytest.mark.xfail
        @pytest.mark.preflight("kafka")
        def test_topic():
            assert False
    """)

    assert lab.run().ret == 1
    assert lab.checks()["topic"].cause == "operate.failed"


def test_it_has_a_deadline(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        def test_topic(probe):
            with probe.step("operate.consume"):
                probe.reached = True
                threading.Event().wait()
    """)

    assert lab.run("--floe-timeout=1").ret == 1
    assert lab.checks()["topic"].cause == "timeout"
    assert lab.checks()["topic"].step == "operate.consume"


def test_an_asynchronous_one_is_awaited(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        async def test_topic():
            await asyncio.sleep(0)
            assert False, "awaited"
    """)

    assert lab.run().ret == 1
    assert "awaited" in lab.checks()["topic"].message


def test_one_that_pytest_cannot_put_under_a_deadline_is_not_green(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        class TestTopic(unittest.TestCase):
            def test_topic(self):
                pass
    """)

    assert lab.run().ret == 1
    assert "plain test function" in lab.checks()["topic"].message


def test_same_names_stay_apart(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        @pytest.mark.parametrize("topic", ["orders", "items"])
        def test_topic(topic):
            assert topic == "orders"

        @pytest.mark.preflight("lab")
        def test_a():
            assert False, "not the target a"
    """)
    for folder in ("one", "two"):
        (lab.path / "own" / folder).mkdir()
        (lab.path / "own" / folder / "__init__.py").touch()
        (lab.path / "own" / folder / "test_kafka.py").write_text(
            "import pytest\n\n@pytest.mark.preflight('kafka')\ndef test_same():\n    assert __file__.count('one')\n"
        )

    assert lab.run().ret == 1
    statuses = {name: status for name, status, _ in lab.statuses()}
    assert statuses == {
        "a": "ok",
        "topic[orders]": "ok",
        "topic[items]": "error",
        "test_kafka.a": "error",
        "same": "ok",
        "test_kafka.same": "error",
    }


def test_deselected_ones_are_missing_and_narrowed_ones_left_out(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        def test_topic():
            pass
    """)

    assert lab.run("-k", "lab").ret == 1
    assert lab.checks()["topic"].cause == "incomplete.not_run"
    assert lab.run("--floe-check=lab").ret == 0
    assert lab.report()["scope"]["not_verified"] == ["prod-kafka-topic"]
    assert lab.run("--floe-check=kafka").ret == 0
    assert lab.report()["expected"] == ["prod-kafka-topic"]


def test_a_service_that_nobody_checks_is_not_green(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        def test_topic():
            pass
    """)

    assert lab.run("--floe-check=kafak").ret == 1
    assert lab.report()["overall_status"] == "fail"
    assert lab.checks()["none"].remediation.endswith("kafak, or correct --floe-check; did you mean 'kafka'?")
    assert lab.run("--floe-check=unlike").ret == 1
    assert lab.checks()["none"].remediation.endswith("use one of: kafka, lab")


def test_what_cannot_be_collected_is_named(kafka):
    lab = kafka("import no_such_module_here")

    assert lab.run().ret == 1
    broken = next(check for name, check in lab.checks().items() if "test_kafka" in name)
    assert "no_such_module_here" in broken.message
    assert lab.checks()["a"].message == "not run: 1 error during collection"


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_a_wrong_marker_is_a_usage_error(kafka, workers):
    lab = kafka("""
        @pytest.mark.preflight("kafka", remidiation="typo")
        def test_topic():
            pass
    """)
    done = lab.run_apart(*workers)

    said = "own/test_kafka.py::test_topic: @pytest.mark.preflight(service, remediation=...): got an unexpected keyword"
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"ERROR: {said}" in done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert lab.checks()["a"].message.startswith(f"not run: {said}")
    assert lab.runs("a") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("''", "the service must have a name, not ''"),
        ("None", "the service must have a name, not None"),
        ("'kafka', remediation=3", "the remediation must be a text, not 3"),
    ],
)
def test_a_marker_without_a_service_or_with_an_odd_remedy_is_a_usage_error(kafka, arguments, said):
    lab = kafka(f"""
        @pytest.mark.preflight({arguments})
        def test_topic():
            pass
    """)
    result = lab.run()

    assert result.ret == 4
    assert said in result.stderr.str()
    assert lab.report()["overall_status"] == "fail"


def test_a_missing_folder_of_checks_is_a_configuration_error(lab):
    lab.services("ok")
    lab.pytester.makeini("[pytest]\nfloe_checks = nowhere\n")

    assert lab.run().ret == 4
    assert "nowhere does not exist" in lab.report()["config"]["errors"][0]["message"]


def test_without_an_environment_they_are_skipped(lab):
    test = lab.pytester.makepyfile("import pytest\n@pytest.mark.preflight('kafka')\ndef test_topic(probe): 1 / 0\n")
    result = lab.pytester.runpytest_inprocess(str(test), "--strict-markers", "-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*preflight checks run with --floe-env=NAME only*"])


def test_the_probe_is_for_marked_tests(kafka):
    lab = kafka("def test_ordinary(probe): pass")
    result = lab.run("own")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*the probe fixture is for tests marked @pytest.mark.preflight*"])


def test_named_paths_run_beside_all_checks(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        def test_topic():
            pass

        def test_unasked():
            assert False
    """)
    lab.pytester.makepyfile(test_asked="def test_asked(): pass")
    result = lab.run("test_asked.py", "-v")

    assert result.ret == 0
    result.assert_outcomes(passed=3, deselected=1)
    assert lab.report()["expected"] == ["prod-lab-a", "prod-kafka-topic"]


def test_a_kind_can_come_from_an_installed_package(lab):
    package = lab.path / "site"
    info = package / "floe_kafka-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: floe-kafka\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest_floe.checks]\nkafka = floe_kafka\n")
    (package / "floe_kafka.py").write_text(
        textwrap.dedent("""
            from pytest_floe import Plan, Settings, check, setting

            class Kafka(Settings):
                topic: str = setting("t", "topic")

            @check("streaming", "kafka", settings=Kafka, plan=lambda settings: Plan(endpoint=settings.topic))
            def verify(settings, probe):
                with probe.step("connect"):
                    probe.ok(f"topic {settings.topic}")
        """)
    )
    (lab.path / "conftest.py").write_text("")
    target = {"service": "streaming", "kind": "kafka", "topic": "orders"}
    lab.configure({"environments": {"prod": {"targets": [target]}}})
    result = lab.run_apart(PYTHONPATH=str(package))

    assert result.returncode == 0, result.stdout + result.stderr
    assert lab.checks()["kafka"].message == "topic orders"
    assert Path(lab.report()["config"]["path"]).name == "floe.yaml"


def test_a_folder_in_which_nothing_is_marked_is_not_passed_over(kafka):
    lab = kafka("""
        def test_ordinary():
            pass
    """)

    assert lab.run().ret == 1
    missing = lab.checks()["own"]
    assert (missing.status, missing.cause) == ("error", "incomplete.not_run")
    assert "no test in it was collected that is marked `preflight`" in missing.message
    assert lab.checks()["a"].status == "ok"


def test_a_service_asked_for_in_vain_beside_a_good_one_is_not_passed_over(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        def test_topic():
            assert True
    """)

    assert lab.run("--floe-check=lab,kafak").ret == 1
    assert lab.report()["expected"] == ["prod-lab-a", "prod-kafak-none"]
    missing = lab.checks()["none"]
    assert (missing.cause, missing.details["target"]) == ("incomplete.no_targets", "prod-kafak-none")
    assert missing.remediation.endswith("kafak, or correct --floe-check; did you mean 'kafka'?")


def test_one_that_hangs_in_a_step_of_its_own_is_a_matter_of_the_service(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        def test_topic(probe):
            with probe.step("operate.write"):
                threading.Event().wait()
    """)

    assert lab.run("--floe-timeout=1").ret == 1
    assert (lab.checks()["topic"].cause, lab.checks()["topic"].step) == ("timeout", "operate.write")


def test_no_two_checks_of_a_run_create_the_same_thing(kafka):
    lab = kafka("""
        names = set()

        @pytest.mark.preflight("kafka")
        @pytest.mark.parametrize("number", range(3))
        def test_topic(probe, number):
            names.add(probe.canary_name("topic"))
            assert all(name.endswith("-topic") for name in names)
            assert number < 2 or len(names) == 3
    """)

    lab.run("-p", "no:randomly")
    assert [check.status for name, check in lab.checks().items() if name != "a"] == 3 * ["ok"]


def test_leftovers_that_stay_are_one_warning_by_name(kafka):
    lab = kafka("""
        from pytest_floe import Finding

        def refuse():
            raise PermissionError("topics stay")

        def is_gone():
            raise Finding("operate.not_found", "another run was faster")

        @pytest.mark.preflight("kafka")
        def test_topic(probe):
            left = [f"floe-preflight-20200101t000000z-00c0ffee-{n}" for n in range(14)]
            signature = "pytest-floe canary; safe to delete; run 00c0ffee"
            with probe.step("operate.sweep"):
                for name, remove in zip(left, [bool, is_gone, *12 * [refuse]]):
                    probe.sweep(name, signature, remove, address=f"topic {name}")
                probe.sweep("floe-preflight-20200101t000000z-00c0ffee-mine", "somebody else's", refuse)
                probe.sweep(probe.canary_name("of-this-run"), probe.signature, refuse)
            probe.ok("swept")
    """)

    assert lab.run().ret == 0
    topic = lab.checks()["topic"]
    assert (topic.status, topic.cause) == ("warning", "operate.not_removed")
    assert topic.details["swept"] == ["floe-preflight-20200101t000000z-00c0ffee-0"]
    assert "(12 in all): PermissionError: topics stay" in topic.message
    first, *_, last = topic.remediation.removeprefix("remove by hand: ").split(", ")
    assert (first, last) == ("topic floe-preflight-20200101t000000z-00c0ffee-2", "and 2 more")


def test_the_plan_lists_them_too(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        def test_topic():
            raise AssertionError("the plan ran it")

        @pytest.mark.preflight("queue")
        def test_queue():
            pass
    """)
    done = lab.run_apart("--floe-plan", "-n2", "--floe-check=lab,kafka")

    assert done.returncode == 0, done.stdout + done.stderr
    first, *rest = done.stdout.rstrip().splitlines()
    assert first == "prod-lab-a  lab lab  lab:ok"
    assert [" ".join(line.split()) for line in rest] == [
        "creates and removes nothing",
        "prod-kafka-topic kafka own/test_kafka.py::test_topic",
        "own check what it touches is not known",
    ]
    assert not (lab.path / "preflight-report").exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_module_here", "could not be collected: ModuleNotFoundError"),
        ("pytest.importorskip('no_such_module_here')", "is left out: skipped: could not import"),
    ],
    ids=["broken", "skipped"],
)
def test_a_plan_without_what_can_not_be_collected_is_not_taken_for_whole(kafka, code, said):
    lab = kafka(code)
    done = lab.run_apart("--floe-plan")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "prod-lab-a  lab lab  lab:ok" in done.stdout
    assert f"own/test_kafka.py  {said}" in done.stdout


def test_the_header_says_that_there_are_some(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        def test_topic():
            pass
    """)

    lab.run().stdout.fnmatch_lines(["preflight: prod, 1 target and the marked tests, *", "preflight prod  2 targets"])


#: What a file or its neighbours do so that pytest never gets to know of the checks in it.
PASSED_OVER = {
    "skipped at import": (
        {"test_b.py": "pytest.importorskip('no_such_module_here')\n\n@MARK\ndef test_group(): pass"},
        (),
        ("own.test_b", "could not import 'no_such_module_here'"),
    ),
    "ignored": (
        {"test_b.py": "@MARK\ndef test_group(): pass"},
        ("--ignore=own/test_b.py",),
        ("own.test_b", "ignored"),
    ),
    "ignored folder": (
        {"sub/test_b.py": "@MARK\ndef test_group(): pass"},
        ("--ignore-glob=*/sub",),
        ("own.sub", "ignored"),
    ),
    "ignored by a conftest": (
        {"test_b.py": "@MARK\ndef test_group(): pass", "conftest.py": "collect_ignore = ['test_b.py']"},
        (),
        ("own.test_b", "ignored"),
    ),
    "class with a constructor": (
        {"test_b.py": "class TestGroup:\n    def __init__(self): pass\n\n    @MARK\n    def test_group(self): pass"},
        ("-Wignore::pytest.PytestCollectionWarning",),
        ("own.test_b.py::TestGroup::test_group", "marked `preflight`"),
    ),
    "marked class with a constructor": (
        {"test_b.py": "@MARK\nclass TestGroup:\n    def __init__(self): pass\n    def test_group(self): pass"},
        ("-Wignore::pytest.PytestCollectionWarning",),
        ("own.test_b.py::TestGroup::test_group", "marked `preflight`"),
    ),
    "function of another name": (
        {"test_b.py": "@MARK\ndef check_group(): pass\n\n@MARK\ndef test_group(): pass"},
        (),
        ("own.test_b.py::check_group", "marked `preflight`"),
    ),
}


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "with workers"])
@pytest.mark.parametrize("way", PASSED_OVER)
def test_what_pytest_passes_over_is_named_beside_a_good_one(kafka, way, workers):
    files, arguments, (name, said) = PASSED_OVER[way]
    lab = kafka("@pytest.mark.preflight('kafka')\ndef test_topic(): pass")
    for file, code in files.items():
        (lab.path / "own" / file).parent.mkdir(exist_ok=True)
        (lab.path / "own" / file).write_text("import pytest\n" + code.replace("MARK", "pytest.mark.preflight('kafka')"))

    assert lab.run(*arguments, *workers).ret == 1
    assert (lab.checks()["topic"].status, lab.report()["overall_status"]) == ("ok", "fail")
    assert (lab.checks()[name].status, lab.checks()[name].cause) == ("error", "incomplete.not_run")
    assert said in lab.checks()[name].message


def test_what_pytest_passes_over_for_good_reason_is_no_finding(kafka):
    lab = kafka("""
        @pytest.mark.preflight("kafka")
        class TestTopics:
            @pytest.mark.parametrize("topic", ["orders", "items"])
            def test_topic(self, topic):
                pass

            def topic(self):
                pass
    """)
    for folder in (".hidden", "build", "environment"):
        (lab.path / "own" / folder).mkdir(exist_ok=True)
        (lab.path / "own" / folder / "test_kafka.py").write_text("pytest.mark.preflight")
    (lab.path / "own/environment/bin").mkdir()
    for file in ("pyvenv.cfg", "bin/activate"):  # as pytest knows one since 8.3, and before
        (lab.path / "own/environment" / file).touch()
    (lab.path / "own/test_of_an_sdk.py").write_text("import pytest\n\ndef test_sdk(): pass\n")
    (lab.path / "own/test_ignored.py").write_text("def test_ordinary(): pass\n")
    lab.pytester.makepyfile(test_asked="import pytest\npytest.skip('not here', allow_module_level=True)")

    assert lab.run("test_asked.py", "--ignore=own/test_ignored.py").ret == 0
    assert lab.report()["expected"] == ["prod-lab-a", "prod-kafka-topic[orders]", "prod-kafka-topic[items]"]


def after_a_failure(kafka):
    """Run a good check and a file that sorts after it, whose check fails; return the lab."""
    lab = kafka("@pytest.mark.preflight('kafka')\ndef test_topic(): pass")
    broken = "import pytest\n\n@pytest.mark.preflight('kafka')\ndef test_group(): assert False"
    (lab.path / "own/test_b.py").write_text(broken)
    assert lab.run().ret == 1
    return lab


def test_the_last_failed_alone_are_refused(kafka):
    lab = after_a_failure(kafka)

    result = lab.run("--lf")
    assert result.ret == 4
    assert "--last-failed: would leave out checks" in result.stderr.str()
    assert lab.report()["overall_status"] == "fail"


@pytest.mark.parametrize("option", ["--ff", "--sw", "--sw-skip"])
def test_the_last_failed_first_leave_nothing_out(kafka, option):
    lab = after_a_failure(kafka)
    lab.run(option)

    assert lab.run(option).ret == 1
    assert sorted(lab.report()["expected"]) == ["prod-kafka-group", "prod-kafka-topic", "prod-lab-a"]


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest has subtests since 9.0")
@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "with a worker"])
@pytest.mark.parametrize(
    ("body", "cause", "message"),
    [
        ("assert 2 == 3", "operate.failed", "assert 2 == 3"),
        ("probe.reach_url('http://127.0.0.1:1')", "connect.refused", "refuses connections"),
        ("pytest.skip('later')", "incomplete.not_run", "skipped: later"),
    ],
    ids=["assert", "step", "skip"],
)
def test_what_ends_a_subtest_is_a_finding(kafka, workers, body, cause, message):
    lab = kafka(f"""
        @pytest.mark.preflight("kafka")
        def test_topic(probe, subtests):
            with subtests.test("orders"):
                pass
            with subtests.test("items"):
                {body}
            with subtests.test("customers"):
                probe.fact(went_on=True)

        @pytest.mark.preflight("kafka")
        def test_green(subtests):
            with subtests.test("orders"):
                pass
    """)
    done = lab.run_apart(*workers)

    assert done.returncode == 1, done.stdout
    topic = lab.checks()["topic"]
    assert (topic.status, topic.cause) == ("error", cause)
    assert message in topic.message
    assert topic.details["went_on"] is True
    assert lab.checks()["green"].status == "ok"
    assert "NOT READY  1 error, 2 ok" in done.stdout


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest has subtests since 9.0")
def test_an_abandoned_one_does_not_go_on_after_its_subtest(kafka):
    lab = kafka("""
        import pathlib, time

        @pytest.mark.preflight("kafka")
        def test_late(probe, subtests):
            with subtests.test("orders"), probe.step("operate"):
                while not pathlib.Path("go").exists():
                    time.sleep(0.01)
            pathlib.Path("wrote").touch()

        @pytest.mark.preflight("kafka")
        def test_after_it():
            [abandoned] = [thread for thread in threading.enumerate() if thread.name.endswith("::test_late")]
            pathlib.Path("go").touch()
            abandoned.join()
            assert not pathlib.Path("wrote").exists()
    """)

    assert lab.run("--floe-timeout=1", "-p", "no:randomly").ret == 1
    assert lab.checks()["late"].cause == "timeout"
    assert lab.checks()["after_it"].status == "ok"


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "with a worker"])
def test_one_that_was_stopped_in_its_teardown_is_not_green(kafka, workers):
    lab = kafka("""
        import os, pathlib

        @pytest.fixture
        def never_gone():
            yield
            pathlib.Path("traces/teardown").write_text(str(os.getpid()))
            threading.Event().wait()

        @pytest.mark.preflight("kafka")
        def test_topic(never_gone):
            pass
    """)
    process = lab.start("--floe-termination-log=termination", *workers)
    lab.wait_for_trace("teardown")
    os.kill(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=WITHIN)

    assert process.returncode == 143
    topic = lab.checks()["topic"]
    assert (topic.status, topic.cause) == ("error", "incomplete.check_broken")
    assert topic.message == "its teardown did not end: stopped by SIGTERM"
    assert "NOT READY  1 error, 1 ok" in out
    assert (lab.path / "termination").read_text().startswith("NOT READY  1 error, 1 ok")


HANGING = """
    @pytest.fixture(scope="module")
    def broker():
        threading.Event().wait()

    @pytest.fixture
    def client():
        yield
        try:
            threading.Event().wait()
        except Exception:  # a driver that tries again for ever
            pass

    @pytest.mark.preflight("kafka", remediation="start the broker")
    def test_topic(broker):
        pass

    @pytest.mark.preflight("kafka")
    def test_group(broker):
        pass

    @pytest.mark.preflight("kafka")
    def test_partitions(client):
        pass

    @pytest.mark.preflight("kafka")
    def test_green():
        pass
"""


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "with a worker"])
def test_its_fixtures_have_a_deadline_too(kafka, workers):
    lab = kafka(HANGING)

    assert lab.run_apart("--floe-timeout=1", *workers).returncode == 1
    assert {
        name: (check.status, check.cause, check.message) for name, check in lab.checks().items() if name != "a"
    } == {
        "topic": ("error", "timeout", "its setup did not end within 1 s"),
        "group": ("error", "timeout", "its setup did not end within 1 s"),
        "partitions": ("error", "timeout", "its teardown did not end within 1 s"),
        "green": ("ok", None, "passed; it names no step"),
    }
    assert lab.checks()["topic"].remediation == "start the broker"


def test_every_fixture_that_hangs_at_the_end_is_ended(kafka):
    lab = kafka("""
        @pytest.fixture
        def producer():
            yield
            threading.Event().wait()

        @pytest.fixture
        def consumer():
            yield
            threading.Event().wait()

        @pytest.mark.preflight("kafka")
        def test_topic(producer, consumer):
            pass
    """)

    assert lab.run_apart("--floe-timeout=1").returncode == 1
    assert lab.checks()["topic"].status == "error"
