"""After a run the plugin looks for its secrets in what was written: a hit fails the run, and the file is withheld."""

import json

import pytest

SECRET = "S3ntinel/+<&>\"'\\-of-the-lab"
WITHHELD = "withheld by pytest-floe: this file held a secret of the run\n"

#: Hooks of a conftest.py that write the secret where no scrubbing sees it.
SUITE_PROPERTY = """
import os
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    from _pytest.junitxml import xml_key
    session.config.stash[xml_key].add_global_property("dsn", os.environ["LAB_TOKEN"])
"""
AFTER_ALL = """
import os
import pathlib
import pytest

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_unconfigure():
    path = pathlib.Path("junit.xml")
    path.write_text(path.read_text() + os.environ["LAB_TOKEN"])
    yield
"""
INTO_THE_RECORD = """
import os
import pathlib

def ok(settings, probe):
    with pathlib.Path("preflight-report/preflight.jsonl").open("a") as record:
        record.write(os.environ["LAB_TOKEN"])
"""
INTO_THE_PAGE = """
import os

def pytest_html_results_summary(summary):
    summary.append(f"<p>{os.environ['LAB_TOKEN'].encode().hex()}</p>")
"""
INTO_AN_ASSET = """
import os
import pathlib

def pytest_html_results_summary(summary):
    pathlib.Path("assets/note.txt").write_text(os.environ["LAB_TOKEN"])
"""
#: As allure-pytest does, which takes its texts from the exceptions themselves.
INTO_ALLURES_FOLDER = """
import os
import pathlib

def pytest_addoption(parser):
    parser.addoption("--alluredir", dest="allure_report_dir")

def pytest_collection_finish(session):
    folder = pathlib.Path(session.config.option.allure_report_dir)
    folder.mkdir()
    (folder / "of-a-test.json").write_text(os.environ["LAB_TOKEN"])
"""
INTO_THE_LOG = """
import os

def pytest_collection_finish(session):
    handler = session.config.pluginmanager.getplugin("logging-plugin").log_file_handler
    handler.stream.write(os.environ["LAB_TOKEN"])
"""
INTO_THE_TERMINATION_LOG = """
import os
import pathlib

def pytest_sessionfinish():
    pathlib.Path("termination").write_text(os.environ["LAB_TOKEN"])
"""


def leaking(lab, code, *arguments):
    lab.services("ok", password="${env:LAB_TOKEN}")
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write(f"\n\n{code}")
    return lab.run_apart(*arguments, LAB_TOKEN=SECRET)


@pytest.mark.parametrize(
    ("code", "arguments", "file"),
    [
        (SUITE_PROPERTY, ("--junitxml=junit.xml",), "junit.xml"),
        (SUITE_PROPERTY, ("--junitxml=junit.xml", "-n2"), "junit.xml"),
        (INTO_THE_RECORD, (), "preflight-report/preflight.jsonl"),
        (INTO_THE_PAGE, ("--html=page.html", "--self-contained-html"), "page.html"),
        (INTO_AN_ASSET, ("--html=page.html",), "assets/note.txt"),
        (INTO_THE_LOG, ("--log-file=run.log",), "run.log"),
        (INTO_ALLURES_FOLDER, ("--alluredir=allure",), "allure/of-a-test.json"),
    ],
    ids=["suite property", "with workers", "record", "page of pytest-html", "its assets", "log file", "allure"],
)
def test_a_file_with_a_secret_in_it_is_withheld_and_named(lab, code, arguments, file):
    result = leaking(lab, code, *arguments)

    assert result.returncode == 1
    assert (lab.path / file).read_text().startswith(WITHHELD)
    assert lab.report()["overall_status"] == "fail"
    found = lab.checks()["secrets"]
    assert (found.cause, found.message) == ("leak.secret_written", f"withheld, for a secret stood in it: {file}")
    assert file in result.stdout
    assert "NOT READY" in result.stdout
    written = {**lab.written(), "stdout": result.stdout, "stderr": result.stderr}
    assert [path for path, text in written.items() if "S3ntinel" in text or SECRET.encode().hex() in text] == []


def test_what_is_written_after_all_others_fails_the_run_as_well(lab):
    result = leaking(lab, AFTER_ALL, "--junitxml=junit.xml")

    assert result.returncode == 1
    assert (lab.path / "junit.xml").read_text() == WITHHELD
    assert "withheld, for a secret of the run stood in it: junit.xml" in result.stderr
    assert lab.report()["overall_status"] == "fail"


def test_a_summary_with_a_secret_in_it_is_written_anew(lab):
    result = leaking(lab, INTO_THE_TERMINATION_LOG, "--floe-termination-log=termination")

    assert result.returncode == 1
    assert "leak.secret_written" in (lab.path / "termination").read_text()


def test_the_files_of_others_are_left_alone(lab):
    folder = lab.path / "preflight-report"
    folder.mkdir()
    foreign = [folder / "notes.txt", lab.path / "assets.txt", lab.path / "page.xml"]
    for path in foreign:
        path.write_text(f"mine: {SECRET}")
    result = leaking(lab, "", "--html=page.html", "--junitxml=junit.xml")

    assert result.returncode == 0, result.stdout
    assert {path.read_text() for path in foreign} == {f"mine: {SECRET}"}


def test_a_file_of_an_earlier_run_is_left_alone(lab):
    lab.services("ok", password="${env:LAB_TOKEN}")
    lab.pytester.makeini(f"[pytest]\ncache_dir = {lab.path}/cache\n")
    (lab.path / "cache/v/cache").mkdir(parents=True)
    old = lab.path / "cache/v/cache/old"
    old.write_text(json.dumps(SECRET))
    result = lab.run_apart(LAB_TOKEN=SECRET)

    assert result.returncode == 0, result.stdout
    assert old.read_text() == json.dumps(SECRET)
