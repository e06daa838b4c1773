"""The examples of docs/writing-checks.md do what the page says."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "writing-checks.md"


def files_of(page: str) -> dict[str, str]:
    """Return the page's code blocks by the path in their first line."""
    blocks = re.findall(r"```\w+\n# (\S+)\n(.*?)```", page, re.DOTALL)
    return dict(blocks)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A schema registry on loopback; the list holds its subjects."""
    subjects = ["orders"]

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(subjects).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("REGISTRY_URL", f"http://127.0.0.1:{server.server_port}")
    yield subjects
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    for name, text in files_of(PAGE.read_text()).items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return pytester


def preflight(project: pytest.Pytester) -> tuple[int, dict]:
    result = project.runpytest_subprocess("--floe-env=prod", "-p", "no:cacheprovider")
    report = json.loads((project.path / "preflight-report" / "preflight-report.json").read_text())
    return result.ret, {check["details"]["target"]: check for check in report["checks"]}


def test_both_examples_stand_in_the_report_beside_each_other(project, registry):
    status, checks = preflight(project)
    assert status == 0
    assert {name: check["status"] for name, check in checks.items()} == {
        "prod-streaming-registry": "ok",
        "prod-registry-subject_is_registered": "ok",
    }
    assert checks["prod-registry-subject_is_registered"]["message"] == "1 subjects"
    assert "operate.list" in [step["name"] for step in checks["prod-streaming-registry"]["details"]["steps"]]


def test_a_failed_assertion_gives_the_remedy_of_the_mark(project, registry):
    registry[:] = ["customers"]
    status, checks = preflight(project)
    assert status == 1
    marked = checks["prod-registry-subject_is_registered"]
    assert marked["details"]["cause"] == "operate.failed"
    assert marked["remediation"] == "ask the streaming team to register the subject `orders`"
    assert checks["prod-streaming-registry"]["details"]["cause"] == "operate.not_found"


def test_a_registry_that_is_down_is_named_as_that(project, monkeypatch):
    monkeypatch.setenv("REGISTRY_URL", "http://127.0.0.1:1")
    status, checks = preflight(project)
    assert status == 1
    assert {check["details"]["cause"] for check in checks.values()} == {"connect.refused"}


def test_an_ordinary_run_of_pytest_skips_the_marked_test(project, registry):
    project.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(skipped=1)
