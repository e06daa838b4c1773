"""The other places where a result shows: JUnit, pytest-html, and the report's own record of the run."""

import xml.etree.ElementTree as ET

import pytest


def test_junit_has_the_result_of_each_check_as_properties(lab):
    lab.services("ok", "fail", "warn")
    lab.run("--junitxml=junit.xml")
    cases = {case.get("name"): case for case in ET.parse(lab.path / "junit.xml").iter("testcase")}
    failed = cases["test_service[prod-lab-b]"]
    properties = {one.get("name"): one.get("value") for one in failed.iter("property")}

    assert properties["floe.service"] == "lab"
    assert properties["floe.status"] == "error"
    assert properties["floe.cause"] == "authorize.denied"
    assert properties["floe.remediation"] == "grant INSERT on lab"
    assert properties["floe.target"] == "prod-lab-b"
    assert all(name.startswith("floe.") for name in properties)
    assert failed.find("failure") is not None
    warned = cases["test_service[prod-lab-c]"]
    assert warned.find("failure") is None
    assert "warning" in [one.get("value") for one in warned.iter("property")]


@pytest.mark.parametrize("workers", [(), ("-n1",)], ids=["alone", "with workers"])
def test_properties_of_tests_are_their_own(lab, workers):
    lab.services("ok")
    lab.pytester.makepyfile(
        test_own="""
        import pytest

        def test_ordinary(record_property):
            record_property("floe", "yes")

        @pytest.mark.preflight("kafka")
        def test_topic(record_property):
            record_property("floe", "no")
        """
    )

    assert lab.run("test_own.py", "--junitxml=junit.xml", "-ojunit_family=legacy", *workers).ret == 0
    assert lab.statuses() == [("a", "ok", None), ("topic", "ok", None)]
    cases = {case.get("name"): case for case in ET.parse(lab.path / "junit.xml").iter("testcase")}
    assert [one.get("value") for one in cases["test_ordinary"].iter("property")] == ["yes"]
    assert "no" in [one.get("value") for one in cases["test_topic"].iter("property")]


def test_the_summary_is_the_last_that_the_terminal_says(lab):
    lab.services("ok", "fail")
    result = lab.run()

    result.stdout.fnmatch_lines(
        [
            "preflight prod  2 targets",
            "*ok*lab*lab:ok*ms*works*read-only",
            "*error*lab*lab:fail*authorize.denied*no grant for you",
            "*remedy: grant INSERT on lab*(docs/causes.md#authorizedenied)",
            "NOT READY  1 error, 1 ok in * s   preflight-report/preflight-report.html",
        ],
        consecutive=True,
    )


def test_the_report_knows_the_run(lab):
    lab.services("ok")
    lab.run("--floe-timeout=7")
    run = lab.report()["run"]

    assert "--floe-timeout=7" in run["arguments"]
    assert run["start"] <= run["end"]
    assert len(run["id"]) == 8


def test_numbers_that_json_has_not_are_text(lab):
    lab.services("ok")
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write("\n\ndef ok(settings, probe):\n    probe.fact(ratio=float('nan'), pair=(1, 'x'))\n")
    lab.run()
    details = lab.checks()["a"].details

    assert details["ratio"] == "nan"
    assert details["pair"] == [1, "x"]


@pytest.mark.parametrize("text", ["\x1b[31mred\x1b[0m", "two\nlines", "back\x08space", "x" * 5000])
def test_what_a_server_says_cannot_take_over_the_terminal(lab, text):
    lab.services("ok")
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write(f"\n\ndef ok(settings, probe):\n    probe.fail('operate.server_error', {text!r})\n")
    lab.run()
    message = lab.checks()["a"].message

    assert message.isprintable()
    assert len(message) <= 1000


def test_the_html_report_of_pytest_shows_verdict_and_remedy(lab):
    lab.services("fail")
    lab.run("--html=page.html", "--self-contained-html")
    page = (lab.path / "page.html").read_text()

    assert "NOT READY 1 error" in page
    assert "grant INSERT on lab" in page


def test_a_report_that_cannot_be_written_whole_leaves_no_page_to_sign(lab):
    lab.services("ok")
    lab.pytester.makepyfile(
        blocker="""
            import pathlib

            def pytest_runtest_teardown():
                pathlib.Path("preflight-report/preflight-report.json").mkdir(exist_ok=True)
        """
    )
    lab.pytester.syspathinsert()
    result = lab.run("-p", "blocker")

    assert result.ret == 1
    result.stderr.fnmatch_lines(["*the report could not be written*"])
    assert not (lab.path / "preflight-report/preflight-report.html").exists()
