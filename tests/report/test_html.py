"""The readiness page, as a person reads it."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from pytest_floe.report.html import render
from pytest_floe.report.models import Configuration, ConfigurationError, Notice, PreflightReport, Scope, StepResult
from tests.report import samples
from tests.report.samples import check, report


def page_of(sample):
    return BeautifulSoup(render(sample), "html.parser")


def text(element):
    return " ".join(element.get_text(" ").split())


def section(page, heading):
    """The section under the heading of that text."""
    return next(h2.find_parent("section") for h2 in page.find_all("h2") if text(h2) == heading)


def headline(page):
    return text(page.h1)


def findings(page):
    return [text(item) for item in page.select("li.finding")]


def test_the_pictures_of_the_readme_are_of_a_report_of_today():
    invented = Path(__file__).parents[2] / "docs" / "images" / "report.json"

    page = page_of(PreflightReport.model_validate_json(invented.read_text(encoding="utf-8")))

    assert headline(page) == "NOT READY"
    assert len(page.select("article.check")) == 6


# One cause, one finding


def test_what_a_finding_blocks_stands_under_it():
    page = page_of(samples.with_a_root())

    [only] = findings(page)
    assert "PutObject refused" in only
    assert "Remedy grant s3:PutObject on arn:aws:s3:::floe-warehouse/floe/*" in only
    assert "Blocks catalog polaris, compute trino: not verified before this is resolved" in only


def test_a_blocked_check_leads_to_its_root_and_counts_as_not_verified():
    page = page_of(samples.with_a_root())

    assert "1 error 2 no verdict 0 warnings 1 ok" in text(page.find("header"))
    blocked = page.select("article.check")[1]
    assert [link["href"] for link in blocked.select("a")] == ["#finding-1"]
    assert "catalog polaris" in text(section(page, "Not verified"))


def test_a_blocked_check_whose_root_is_not_in_the_report_is_a_finding_itself():
    [_, blocked, *_] = samples.with_a_root().checks

    [only] = findings(page_of(report([blocked])))
    assert "resolve the finding of prod-storage-s3 first" in only


# The verdict comes first


def test_a_run_with_findings_is_not_ready():
    page = page_of(samples.with_findings())

    assert headline(page) == "NOT READY INCOMPLETE"
    assert page.title.get_text() == "NOT READY: preflight of prod, 2026-03-12 09:41:07 UTC"
    verdict = text(page.find("header"))
    assert verdict.startswith("Preflight of environment prod NOT READY")
    assert "2 errors 1 no verdict 1 warning 5 ok" in verdict
    assert "9 targets expected, checked in 2.1 s" in verdict
    assert "no verdict on 1 of 9 expected targets" in verdict
    assert "Read-only for 1 of 9 targets" in verdict


def test_a_run_that_verified_everything_is_ready():
    page = page_of(samples.all_green())

    assert headline(page) == "READY"
    assert "0 errors 0 no verdict 0 warnings 4 ok" in text(page.find("header"))
    assert "None. Every check succeeded." in text(section(page, "Findings"))
    assert "every configured target was verified by reading, writing and deleting" in text(
        section(page, "Not verified")
    )


def test_the_sections_follow_in_the_order_of_a_release_review():
    page = page_of(samples.with_findings())

    assert page.find(["h1", "h2"]).name == "h1"
    assert [text(h2) for h2 in page.find_all("h2")] == ["Findings", "Checks", "Not verified", "Evidence", "Sign-off"]


def test_a_report_that_claims_to_pass_with_a_lost_target_is_not_called_ready():
    lost = report(
        [check("storage", "s3")], expected=["prod-storage-s3", "prod-postgres-postgres"], overall_status="pass"
    )

    page = page_of(lost)

    assert headline(page) == "NOT READY INCOMPLETE"
    assert "prod-postgres-postgres" in text(section(page, "Not verified"))


def test_nothing_configured_is_not_ready():
    page = page_of(report([]))

    assert headline(page) == "NOT READY INCOMPLETE"
    assert "No service is declared for this environment" in text(section(page, "Not verified"))


def test_strict_runs_say_that_warnings_fail():
    slow = check("postgres", "postgres", "warning", "took 1,840 ms", cause="latency.slow")

    page = page_of(report([slow], scope=Scope(strict=True)))

    assert headline(page) == "NOT READY"
    assert "warnings count as failures" in text(page.find("header"))


def test_a_ready_run_that_was_narrowed_says_so_beside_the_verdict():
    scope = Scope(narrowed_to=["storage"], not_verified=["prod-compute-trino", "prod-catalog-polaris"])

    page = page_of(report([check("storage", "s3")], scope=scope))

    assert headline(page) == "READY"
    assert "Narrowed by --floe-check to storage; targets left out: 2." in text(page.find("header"))
    left_out = text(section(page, "Not verified"))
    assert "prod-compute-trino prod-catalog-polaris" in left_out


# Findings


def test_findings_say_what_is_wrong_and_what_to_do_the_gravest_first():
    page = page_of(samples.with_findings())

    denied, expired, not_run, slow = findings(page)
    assert denied.startswith("Error 1 storage s3 s3://floe-warehouse/floe")
    assert "PutObject refused for role floe-prod (AccessDenied)" in denied
    assert "Remedy grant s3:PutObject on arn:aws:s3:::floe-warehouse/floe/*" in denied
    assert "Step operate.write" in re.sub(r"\. ", ".", denied)
    assert "The principal may not write. See" in denied
    assert expired.startswith("Error 2 catalog polaris")
    assert not_run.startswith("No verdict 3 storage s3 replica")
    assert slow.startswith("Warning 4 postgres")


def test_a_finding_names_its_cause_and_where_it_is_explained():
    page = page_of(samples.with_findings())

    codes = [code.get_text() for code in page.select_one("#finding-1").find_all("code")]
    assert "authorize.write_denied" in codes
    assert "docs/causes.md#authorizewrite_denied" in codes


def test_every_check_with_a_finding_links_to_it():
    page = page_of(samples.with_findings())

    for article in page.select("article.check"):
        links = [link["href"] for link in article.find_all("a")]
        assert bool(links) == ("OK" not in text(article.h3))
        assert all(page.select_one(href) for href in links)


def test_warnings_beside_the_main_finding_are_findings_of_their_own():
    weak = Notice(cause="config.weak_secret", message="the password is short", remediation="choose a longer one")
    denied = check("postgres", "postgres", "error", "no login", cause="authenticate.rejected", notices=[weak])

    page = page_of(report([denied]))

    assert [entry.split()[0] for entry in findings(page)] == ["Error", "Warning"]
    assert "choose a longer one" in findings(page)[1]
    assert text(page.select_one("article.check p a:last-child")) == "Finding 2"


def test_what_stayed_behind_is_an_error_by_name():
    left = ["floe-preflight-20260312-8c1f03ab-canary"]
    denied = check("storage", "s3", "error", "may not delete", cause="authorize.delete_denied", left_behind=left)

    page = page_of(report([denied]))

    assert [entry.split()[0] for entry in findings(page)] == ["Error", "Error"]
    assert "Left behind: floe-preflight-20260312-8c1f03ab-canary" in findings(page)[1]
    assert "remove by hand" in findings(page)[1]


# Checks, and what they did not verify


def test_every_check_shows_each_step_with_its_duration():
    page = page_of(samples.with_findings())

    trino, *_ = page.select("article.check")
    steps = [step.get_text().replace("\N{NO-BREAK SPACE}", " ") for step in trino.select("ol.steps li")]
    assert steps[:4] == ["resolve 7 ms", "connect 14 ms", "tls 21 ms", "authenticate 28 ms"]
    assert steps[-1] == "operate.delete 56 ms"
    assert text(trino.select_one(".time")) == "252 ms"
    assert "as floe-prod scope read-only workers 4" in text(trino)


def test_a_broken_step_is_named_in_words():
    page = page_of(samples.with_findings())

    assert [text(step.b) for step in page.select("li.broken")] == ["31 ms failed", "18 ms failed"]


def test_checks_stand_in_the_order_of_the_report():
    sample = samples.with_findings()

    shown = [text(article.select_one(".endpoint")) for article in page_of(sample).select("article.check")]

    assert shown == [result.details.endpoint for result in sample.checks]


def test_the_page_names_what_was_not_verified_and_why():
    blocked = check("storage", "gcs", "error", "not run: catalog failed", cause="blocked", steps=[], scope=None)
    no_bucket = check("storage", "s3", "warning", "no bucket", name="spare", cause="config.object_not_given")
    own = check("kafka", "kafka", scope=None)
    empty = check("storage", "s3", name="empty", not_verified=["reading: it holds no object"])
    sample = samples.with_findings()
    page = page_of(report([*sample.checks, blocked, no_bucket, own, empty]))

    gaps = {text(gap.h3): [text(item) for item in gap.find_all("li")] for gap in page.select(".gap")}

    assert gaps == {
        "Not run, or not finished": ["storage s3 replica: not run: the session stopped before it"],
        "Blocked": ["storage gcs: not run: catalog failed"],
        "What failed": ["storage s3: nothing after operate.write", "catalog polaris: nothing after tls"],
        "No object to verify": ["storage s3 spare"],
        "Writing and deleting": ["compute trino"],
        "Left out by the check": ["storage s3 empty: reading: it holds no object"],
        "Scope not stated": ["kafka"],
    }


def test_a_failed_check_is_never_said_to_be_wholly_verified():
    refused = check("storage", "s3", "error", "the check says no", cause="operate.failed")

    gap = text(section(page_of(report([refused])), "Not verified"))

    assert "Nothing was left out" not in gap
    assert "storage s3" in gap


def test_retries_and_swept_leftovers_are_told():
    page = page_of(report([check("storage", "s3", attempts=3, waited_ms=12_300, swept=["floe-preflight-old"])]))

    assert "ready after 3 attempts, 12 s swept leftovers of crashed runs floe-preflight-old" in text(
        page.select_one("article.check")
    )


# Evidence and signature


def test_the_evidence_identifies_principals_configuration_and_run():
    page = page_of(samples.all_green())

    evidence = text(section(page, "Evidence"))
    assert "floe-prod compute trino, storage s3, catalog polaris, postgres" in evidence
    assert "File floe.yaml SHA-256 of its values 5f1c5f1c" in evidence
    assert "Run 8c1f03ab Started, ended 2026-03-12 09:41:07 UTC, 2026-03-12 09:41:09 UTC" in evidence
    assert "Host, user ci-7, floe CI job https://ci.example/runs/4182 Git commit 3d1f0a9c2b7e" in evidence
    assert "Command pytest --floe-env=prod Made by pytest-floe 0.1.0" in evidence


def test_what_is_signed_is_one_verdict_of_one_run():
    page = page_of(samples.with_findings())

    signed = section(page, "Sign-off")
    assert "prod was found NOT READY, INCOMPLETE on 2026-03-12 09:41:07 UTC by run 8c1f03ab ." in text(signed)
    assert "no verdict on 1 of 9 expected targets. Read-only for 1 of 9 targets" in text(signed)
    assert [text(term) for term in signed.find_all("dt")] == ["Name", "Role", "Date", "Signature"]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "https://ci.example/" + "x" * 300])
def test_a_ci_address_is_a_link_only_if_it_is_safe_to_follow(address):
    sample = samples.all_green()
    sample.run.ci_url = address

    evidence = section(page_of(sample), "Evidence")

    assert evidence.find("a") is None
    assert address[:100] in text(evidence)


# Configuration errors


def test_configuration_errors_stand_in_place_of_the_checks():
    page = page_of(samples.misconfigured())

    assert headline(page) == "NOT READY INCOMPLETE"
    assert "2 configuration errors, no check was run" in text(page.find("header"))
    assert text(page.h2) == "Configuration errors"
    assert page.find(id="checks") is None
    first, second = findings(page)
    assert first.startswith("Error floe.yaml:12 environments.prod.storage_buket unknown key 'storage_buket'")
    assert first.endswith("Remedy did you mean storage_bucket?")
    assert '"${env:DAGSTER_PG_PASSWORD}"' in second
    assert "no check was run" in text(section(page, "Not verified"))


def test_a_run_without_environment_or_configuration_is_still_a_page():
    error = ConfigurationError(where="--floe-config", message="no such file", remedy="give one")
    page = page_of(report([], environment=None, config=Configuration(errors=[error])))

    assert "no environment" in text(page.find("header"))
    assert "SHA-256 of its values none: not resolved" in text(section(page, "Evidence"))


# One file, for any reader


@pytest.mark.parametrize("sample", [samples.with_findings, samples.all_green, samples.misconfigured])
def test_the_page_loads_nothing_and_runs_nothing(sample):
    page = page_of(sample())

    policy = page.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert not page.find_all(["script", "link", "img", "iframe", "object", "embed", "form", "base"])
    assert not page.find_all(src=True)
    assert not re.search(r"url\(|@import", page.style.get_text())
    assert not [name for tag in page.find_all(True) for name in tag.attrs if name.startswith("on")]


def test_every_link_leads_within_the_page_or_to_the_ci_job():
    page = page_of(samples.with_findings())

    for link in page.find_all("a"):
        target = link["href"]
        assert target == "https://ci.example/runs/4182" or page.select_one(target)


def of_a_hundred(message):
    """A hundred failed checks of twelve steps, each with ``message`` and a remedy of the same length."""
    steps = [StepResult(name=f"operate.{step}", outcome="ok", duration_ms=12) for step in range(12)]
    return report(
        [
            check(
                "storage",
                "s3",
                "error",
                message,
                name=f"bucket-{number}",
                remediation=message,
                endpoint=f"s3://floe-warehouse-{number}/floe",
                cause="authorize.write_denied",
                step="operate.write",
                steps=steps,
                region="eu-west-1",
                versioning="Enabled",
            )
            for number in range(100)
        ]
    )


@pytest.mark.parametrize(
    "sample",
    [samples.of_size(100), of_a_hundred("AccessDenied: may not do that. " * 3), of_a_hundred("<policy>&" * 10_000)],
    ids=["mostly fine", "all failed", "endless messages"],
)
def test_a_hundred_checks_stay_under_200_kb(sample):
    html = render(sample)

    assert len(html.encode()) < 200_000
    assert len(BeautifulSoup(html, "html.parser").select("article.check")) == 100


def test_what_had_to_be_shortened_says_so():
    endless = of_a_hundred("AccessDenied: may not do that. " * 1000)

    assert all(entry.count("…") == 2 for entry in findings(page_of(endless)))
    assert not any("…" in entry for entry in findings(page_of(of_a_hundred("AccessDenied: may not do that."))))


def test_a_screen_reader_finds_landmarks_and_an_unbroken_outline():
    page = page_of(samples.with_findings())

    assert page.html["lang"] == "en"
    assert len(page.find_all("h1")) == len(page.find_all("main")) == len(page.find_all("header")) == 1
    levels = [int(heading.name[1]) for heading in page.find_all(["h1", "h2", "h3", "h4"])]
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert all(icon["aria-hidden"] == "true" for icon in page.find_all("svg"))
    assert all(page.find(id=part["aria-labelledby"]) for part in page.find_all("section"))


def test_no_status_is_told_by_colour_alone():
    page = page_of(samples.with_findings())

    words = {text(badge) for badge in page.select(".badge")}
    assert words == {"Error", "No verdict", "Warning", "OK"}


PALETTES = re.compile(r":root \{(.*?)\}", re.DOTALL)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_contrast_of_wcag_aa(scheme):
    block = PALETTES.findall(page_of(samples.all_green()).style.get_text())[scheme]
    colours = dict(re.findall(r"--(\w+): (#\w+);", block))

    for name in ("ink", "soft", "ok", "warning", "error", "unverified", "link"):
        for background in ("paper", "panel"):
            assert contrast(colours[name], colours[background]) >= 4.5, (name, background)


def contrast(one, other):
    """Contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# What servers say


MARKUP = "<img src=x onerror=alert(1)></style></title><script>alert(1)</script>\"'"


def everywhere(hostile):
    """A report in which ``hostile`` stands wherever a server, a driver or a user can put text."""
    step = StepResult(name=hostile, outcome="failed", duration_ms=5)
    notice = Notice(cause=hostile, message=hostile, remediation=hostile)
    failed = check(
        hostile,
        hostile,
        "error",
        hostile,
        name=hostile,
        remediation=hostile,
        endpoint=hostile,
        principal=hostile,
        cause="operate.server_error",
        step=hostile,
        steps=[step],
        notices=[notice],
        left_behind=[hostile],
        swept=[hostile],
        **{hostile: [hostile, {hostile: hostile}]},
    )
    sample = report(
        [failed], environment=hostile, expected=[hostile], config=Configuration(path=hostile, sha256=hostile)
    )
    sample.run.host = sample.run.user = sample.run.git_commit = sample.run.ci_url = sample.run.id = hostile
    sample.run.arguments = [hostile]
    return sample


def test_markup_from_a_server_is_text():
    page = page_of(everywhere(MARKUP))

    assert not page.find_all(["script", "img"])
    assert not page.find_all(onerror=True)
    assert MARKUP in page.select_one("#finding-1 .message").get_text()
    assert len(page.find_all("style")) == len(page.find_all("title")) == 1


def test_markup_in_a_configuration_error_is_text():
    error = ConfigurationError(where=MARKUP, message=MARKUP, remedy=MARKUP)

    page = page_of(report([], expected=[], errors=[error]))

    assert not page.find_all(["script", "img"])
    assert findings(page) == [f"Error {MARKUP} {MARKUP} Remedy {MARKUP}"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[1;31mdenied\x1b[0m", "denied"),
        ("\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("user \u202egnp.exe", "user \ufffdgnp.exe"),
        ("pay\u200bpal", "pay\ufffdpal"),
        ("a\x00b\x7fc\x85d", "a\ufffdb\ufffdc d"),
        ("line\r\nbreak\ttab", "line break tab"),
        ("Zugriff verweigert: größe 木 \N{GRINNING FACE}", "Zugriff verweigert: größe 木 \N{GRINNING FACE}"),
    ],
    ids=[
        "colour",
        "terminal link",
        "direction override",
        "zero width",
        "control",
        "line breaks",
        "letters",
    ],
)
def test_characters_that_deceive_are_made_visible_or_dropped(said, shown):
    html = render(everywhere(said))

    html.encode()
    assert BeautifulSoup(html, "html.parser").select_one("#finding-1 .message").get_text() == shown


def test_half_a_surrogate_pair_does_not_keep_the_page_from_being_written():
    page = render(report([check("storage", "s3", owner="half \ud83d")]))

    assert b"half \xef\xbf\xbd" in page.encode()


def test_ten_megabytes_are_shortened():
    html = render(everywhere("x" * 10_000_000))

    assert len(html.encode()) < 60_000
    message = BeautifulSoup(html, "html.parser").select_one("#finding-1 .message").get_text()
    assert message == "x" * 999 + "…"
