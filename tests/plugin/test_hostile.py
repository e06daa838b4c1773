"""What a server says is hostile: markup, control characters, terminal sequences, reordered text, megabytes."""

import json
import re
import unicodedata
import xml.etree.ElementTree as ET

import pytest
from bs4 import BeautifulSoup

#: A bell, a colour, a window title, a link, a cursor that goes up and erases, overrides of direction, half a pair.
HOSTILE = (
    "\x07\x1b[31mREADY\x1b[0m\x1b]0;owned\x07\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\\x1b[2A\x1b[2K\x9b31m"
    "\r\n\u202egnp.exe\u2066\u200b\x00\x08<script>alert(1)</script>]]>&amp;\ud83d"
)
SAID = """

HOSTILE = {hostile!r} + "A" * {size}

def say_it(settings, probe):
    probe.principal(HOSTILE)
    probe.fact(server=HOSTILE, **{{HOSTILE: {{"deep": [HOSTILE]}}}})
    probe.warn("latency.slow", HOSTILE, HOSTILE)
    logging.getLogger("lab.sdk").warning("server said %s", HOSTILE)
    canary = probe.canary(HOSTILE, lambda: 1 / 0)
    with probe.step("operate"):
        canary.made()
        probe.fail("operate.server_error", HOSTILE, HOSTILE)
"""
OWN = """
import logging
import pytest

HOSTILE = {hostile!r} + "A" * {size}

@pytest.mark.preflight("kafka", remediation=HOSTILE)
def test_broker(probe):
    logging.getLogger("lab.sdk").warning("broker said %s", HOSTILE)
    answer = HOSTILE
    with probe.step("operate"):
        raise RuntimeError(answer)
"""


def say(lab, size, *arguments):
    text = {"hostile": HOSTILE, "size": size}
    lab.services("say_it", "ok")
    lab.pytester.makeini("[pytest]\nfloe_checks = own.py\npython_files = own.py\n")
    (lab.path / "own.py").write_text(OWN.format(**text))
    with (lab.path / "conftest.py").open("a") as conftest:
        conftest.write(SAID.format(**text))
    return lab.run_apart("--floe-termination-log=termination", *arguments)


def harmful(text):
    """Code points of control, format and surrogate characters other than line feeds and tabs."""
    return sorted({hex(ord(char)) for char in text if unicodedata.category(char)[0] == "C" and char not in "\n\t"})


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_no_output_is_taken_over(lab, workers):
    done = say(lab, 0, "--junitxml=junit.xml", "-rA", "-l", "-o", "log_cli=true", *workers)
    report_folder = lab.path / "preflight-report"

    assert done.returncode == 1
    assert harmful(done.stdout + done.stderr) == []
    assert harmful((lab.path / "termination").read_text()) == []
    assert harmful(_all_text(lab.report())) == []
    assert harmful(BeautifulSoup((report_folder / "preflight-report.html").read_text(), "html.parser").get_text()) == []
    for line in (report_folder / "preflight.jsonl").read_text().splitlines():
        assert harmful(_all_text(json.loads(line))) == []
    assert harmful("".join(ET.parse(lab.path / "junit.xml").getroot().itertext())) == []
    assert lab.checks()["a"].cause == "operate.server_error"
    assert [line for line in done.stdout.splitlines() if re.match("(NOT )?READY", line)] == [
        done.stdout.rstrip().splitlines()[-1]
    ]


def test_the_pages_hold_no_markup_of_a_server(lab):
    say(lab, 0, "--html=page.html", "--self-contained-html")

    for path in (lab.path / "preflight-report/preflight-report.html", lab.path / "page.html"):
        page = BeautifulSoup(path.read_text(), "html.parser")
        assert "alert(1)" not in "".join(script.get_text() for script in page.find_all("script"))


def test_megabytes_are_cut_wherever_they_are_shown(lab):
    done = say(lab, 20_000_000, "--junitxml=junit.xml", "-rA", "-l")

    assert done.returncode == 1
    sizes = {path: len(text) for path, text in lab.written().items()} | {"stdout": len(done.stdout)}
    assert {path: size for path, size in sizes.items() if size > 3_000_000} == {}
    assert (lab.path / "termination").stat().st_size <= 4096
    assert lab.checks()["a"].cause == "operate.server_error"


def _all_text(data):
    """All keys and values of JSON-like data, a line each."""
    if isinstance(data, dict):
        return "\n".join([*data, *map(_all_text, data.values())])
    return "\n".join(map(_all_text, data)) if isinstance(data, list) else str(data)
