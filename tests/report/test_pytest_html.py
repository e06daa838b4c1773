"""The report of pytest-html, with the plugin's columns."""

import json

import pytest
from bs4 import BeautifulSoup

pytest.importorskip("pytest_html")

REGISTER = """
    import pytest
    from pytest_floe.report.pytest_html import PytestHtmlColumns

    PROPERTIES = {properties!r}
    checks = []

    def pytest_configure(config):
        config.pluginmanager.register(PytestHtmlColumns(lambda: {verdict}))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(item, call):
        report = yield
        if call.when == "call" and item.name in PROPERTIES:
            checks.append(item.name)
            report.user_properties.extend(("floe." + key, text) for key, text in PROPERTIES[item.name].items())
        return report
"""


@pytest.fixture
def html_report(pytester, monkeypatch):
    """Runs tests whose reports carry preflight properties, by test name; returns what pytest-html wrote."""

    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    plugins = ("-p", "pytest_metadata.plugin", "-p", "pytest_html.plugin")

    def run(tests, properties, verdict="'READY'"):
        pytester.makeconftest(REGISTER.format(properties=properties, verdict=verdict))
        pytester.makepyfile(tests)
        pytester.runpytest_inprocess(*plugins, "--html=report.html", "--self-contained-html")
        return BeautifulSoup((pytester.path / "report.html").read_text(encoding="utf-8"), "html.parser")

    return run


def rows(page):
    """Cells of each test's row as text, by column; pytest-html keeps them as JSON for its script."""
    columns = [head.get_text() for head in page.select("#results-table-head th")]
    tests = json.loads(page.select_one("#data-container")["data-jsonblob"])["tests"]
    cells = [test["resultsTableRow"] for reports in tests.values() for test in reports]
    return [dict(zip(columns, (BeautifulSoup(c, "html.parser").td for c in row), strict=True)) for row in cells]


S3 = {
    "service": "storage",
    "status": "error",
    "cause": "authorize.write_denied",
    "remediation": "grant s3:PutObject on arn:aws:s3:::floe/*",
}


def test_a_failed_check_shows_service_cause_and_remedy(html_report):
    (row,) = rows(html_report("def test_s3(): assert False", {"test_s3": S3}))

    assert row["Result"].get_text() == "Failed"
    assert row["Service"].get_text() == "storage"
    assert row["Cause"].get_text() == "authorize.write_denied"
    assert row["Remedy"].get_text() == "grant s3:PutObject on arn:aws:s3:::floe/*"


def test_a_warning_is_told_from_a_success_though_both_passed(html_report):
    slow = {"service": "postgres", "status": "warning", "cause": "latency.slow", "remediation": "look at load"}

    (row,) = rows(html_report("def test_db(): pass", {"test_db": slow}))

    assert row["Result"].get_text() == "Passed"
    assert row["Cause"].get_text() == "warning: latency.slow"


def test_an_ordinary_test_has_empty_cells(html_report):
    (row,) = rows(html_report("def test_sum(): assert 1 + 1 == 2", {}))

    assert [row[column].get_text() for column in ("Service", "Cause", "Remedy")] == ["", "", ""]


def test_a_module_that_cannot_be_collected_has_empty_cells(html_report):
    (row,) = rows(html_report("import no_such_module", {}))

    assert row["Result"].get_text() == "Error"
    assert row["Service"].get_text() == ""


def test_the_verdict_of_the_end_of_the_session_comes_first(html_report):
    page = html_report("def test_s3(): assert False", {"test_s3": S3}, "f'NOT READY  {len(checks)} error'")

    summary = page.select_one(".additional-summary.prefix")
    assert summary.get_text(strip=True) == "NOT READY 1 error"
    assert page.select_one(".run-count").find_previous(class_="prefix") is summary


def test_text_of_a_server_stays_text(html_report):
    hostile = S3 | {"cause": "<script>alert(1)</script>", "remediation": "\x1b[31mred\u202e</td><td>" + "x" * 5000}

    (row,) = rows(html_report("def test_s3(): assert False", {"test_s3": hostile}, "'<b>READY</b>'"))

    assert row["Cause"].find(True) is None
    assert row["Cause"].get_text() == "<script>alert(1)</script>"
    assert row["Remedy"].get_text().startswith("red\N{REPLACEMENT CHARACTER}</td><td>xxx")
    assert len(row["Remedy"].get_text()) == 1000


def test_without_pytest_html_registering_does_no_harm(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(REGISTER.format(properties={}, verdict="'READY'"))
    pytester.makepyfile("def test_sum(): pass")

    pytester.runpytest_inprocess().assert_outcomes(passed=1)
