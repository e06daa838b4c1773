"""No secret in anything that is written, whatever the flags."""

import base64
import html
import json
import logging
import re
import urllib.parse

import pytest

from pytest_floe.encodings import encodings
from pytest_floe.redaction import shielded
from pytest_floe.secrets import Scrubber
from tests.servers.moto_s3 import moto_s3  # noqa: F401
from tests.servers.s3 import policy

#: One that every encoding has to touch.
SENTINEL = "S3ntinel/+%40&<x>\"q'\\ü ö;=?#end"
FLAGS = (
    *("-l", "--tb=long", "-vv", "-rA", "-o", "log_cli=true", "--log-level=debug"),
    *("-o", "log_file=run.log", "-o", "log_file_level=debug", "--junitxml=junit.xml"),
    *("--html=page.html", "--setup-show", "--durations=0", "--debug=trace.log", "--floe-termination-log=ended.log"),
)
CARELESS = """
import logging
import os
import warnings
import pytest

PASSWORD = os.environ["LAB_TOKEN"]

@pytest.mark.preflight("kafka", remediation=f"use {PASSWORD}")
@pytest.mark.parametrize("password", [PASSWORD])
def test_broker(probe, password, record_property):
    record_property("password", password)
    dsn = {"user": "floe", "nested": [password.encode(), password]}
    print(dsn)
    with probe.step("authenticate"):
        assert dsn == {"user": password}, f"cannot log in with {password}"

@pytest.fixture(params=[PASSWORD])
def broker(request, record_testsuite_property):
    record_testsuite_property("broker", request.param)
    warnings.warn(f"old protocol with {request.param}")
    return request.param

@pytest.mark.preflight("kafka")
def test_with_fixture(probe, broker):
    logging.getLogger("kafka.sdk").debug("sasl handshake with %s", broker)
    with probe.step("authenticate"):
        assert broker == "another"

@pytest.mark.preflight("kafka")
def test_driver(probe):
    try:
        raise ValueError(PASSWORD)
    except ValueError as error:
        raise RuntimeError(f"amqp://floe:{PASSWORD}@broker/") from error
"""
METADATA = """

def pytest_metadata(metadata):
    metadata["Broker"] = {"dsn": [f"amqp://floe:{os.environ['LAB_TOKEN']}@broker/"]}
"""


@pytest.fixture
def careless(lab):
    lab.services("tell_everything", "raise_error", "ok", password="${env:LAB_TOKEN}")
    lab.pytester.makeini("[pytest]\nfloe_checks = own.py\npython_files = own.py\n")
    (lab.path / "own.py").write_text(CARELESS)
    return lab


@pytest.mark.parametrize(
    "more",
    [
        ("--capture=fd",),
        ("--capture=no", "--tb=native"),
        ("--capture=tee-sys", "--self-contained-html", "--tb=short"),
        ("-n2",),
    ],
    ids=lambda more: more[0],
)
def test_no_secret_is_written(careless, more):
    with (careless.path / "conftest.py").open("a") as conftest:
        conftest.write(METADATA)
    result = careless.run_apart(*FLAGS, *more, LAB_TOKEN=SENTINEL, BUILD_URL=f"https://u:{SENTINEL}@ci.example/1")

    assert result.returncode == 1
    assert "secrets" not in careless.checks(), "something was withheld that should have been scrubbed"
    written = careless.written() | {"stdout": result.stdout, "stderr": result.stderr}
    assert {"junit.xml", "page.html", "run.log", "trace.log", "ended.log", "preflight.jsonl"} <= {
        path.rpartition("/")[2] for path in written
    }
    lines = ((path, line) for path, text in written.items() for line in text.splitlines())
    assert [(path, line) for path, line in lines if _holds_secret(line)] == []


def test_what_is_not_secret_stays(careless):
    result = careless.run_apart(*FLAGS, "--capture=no", LAB_TOKEN=SENTINEL)

    assert "printed ***" in result.stdout
    assert "logged {'Authorization': '***'}" in result.stdout
    assert "postgresql://floe:***@lab/db" in careless.checks()["b"].message
    assert careless.checks()["broker[***]"].cause == "operate.failed"


@pytest.mark.parametrize("more", [("--capture=no",), ("-n2",)], ids=lambda more: more[0])
def test_credentials_that_a_service_issues_are_not_written(lab, moto_s3, more):  # noqa: F811 - the fixture
    bucket = moto_s3.bucket(f"lake-{lab.path.name}".replace("_", "-")[:60].lower())
    role = _role(moto_s3, bucket)
    keys = moto_s3.user({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role})
    lab.configure({"environments": {"prod": {"targets": [{
        "service": "storage", "kind": "s3", "bucket": bucket, "endpoint": moto_s3.url, "region": "us-east-1",
        "access_key_id": keys.access_key_id, "secret_access_key": "${env:LAB_TOKEN}", "role_arn": role,
    }]}}})  # fmt: skip

    result = lab.run_apart(*FLAGS, *more, LAB_TOKEN=keys.secret_access_key)

    [check] = lab.report()["checks"]
    assert ":assumed-role/" in check["details"]["principal"], result.stdout
    written = {**lab.written(), "stdout": result.stdout, "stderr": result.stderr}
    assert any("botocore.hooks" in text for text in written.values())
    assert [path for path, text in written.items() if re.search("(<|&lt;)(SecretAccessKey|SessionToken)", text)] == []


def _role(server, bucket):
    iam, everything = server.client("iam"), {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    trust = policy({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=bucket, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=bucket, PolicyName="grants", PolicyDocument=policy(everything))
    return role


@pytest.mark.parametrize("name", ["botocore.endpoint", "botocore.parsers", "msal.managed_identity"])
def test_what_may_hold_a_credential_that_nobody_knows_yet_is_not_logged(pytestconfig, caplog, name):
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger(name)
    with shielded(pytestconfig, Scrubber()):
        logger.debug("Response body: <SecretAccessKey>%s", SENTINEL)
        logger.info("found credentials in a file")
        logging.getLogger("botocore.hooks").debug("calling a handler")
    logger.debug("afterwards")

    assert caplog.messages == ["found credentials in a file", "calling a handler", "afterwards"]


def _holds_secret(text):
    core = [SENTINEL[:8], "S3ntinel", base64.b64encode(SENTINEL.encode()).decode()[:12], SENTINEL[-8:]]
    return any(piece in text for piece in core)


def test_a_secret_that_is_also_a_name_leaves_the_report_readable(lab):
    lab.services("ok", "raise_error", password="${env:LAB_TOKEN}", database="dagster")
    result = lab.run_apart(LAB_TOKEN="dagster")

    assert result.returncode == 1
    assert lab.checks()["a"].cause == "config.weak_secret"
    assert "floe:***@lab" in lab.checks()["b"].message


@pytest.mark.parametrize("word", ["remediation", "authenticate", "environment", "font-size", "<section"])
def test_a_secret_that_is_a_word_of_the_report_leaves_it_whole(lab, word):
    lab.services("ok", password="${env:LAB_TOKEN}")
    result = lab.run_apart(LAB_TOKEN=word)

    assert result.returncode == 0
    assert lab.checks()["a"].cause == "config.weak_secret"
    assert "***" not in (lab.path / "preflight-report/preflight-report.html").read_text()


@pytest.mark.parametrize(
    "encode",
    [
        str,
        repr,
        json.dumps,
        lambda value: json.dumps(json.dumps(value)),
        lambda value: repr(value.encode()),
        lambda value: repr([f"\"{value}'"]),
        html.escape,
        lambda value: urllib.parse.quote(value, safe=""),
        lambda value: urllib.parse.quote(value, safe="").lower(),
        urllib.parse.quote_plus,
        lambda value: urllib.parse.urlencode({"password": value}),
        lambda value: base64.b64encode(f"user:{value}".encode()).decode(),
        lambda value: base64.urlsafe_b64encode(f"us:{value}:x".encode()).decode(),
        lambda value: " ".join(value.split()),
        lambda value: json.dumps({"dsn": f"postgresql://u:{value}@h"}),
    ],
)
@pytest.mark.parametrize(
    "secret", ["plain-secret-1", "a/b+c d%e&f", "quo\"te'd\\back", "two  spaces\tand tab", "ümläut-€"]
)
def test_every_encoding_is_recognised(encode, secret):
    scrubber = Scrubber()
    scrubber.add(secret)
    encoded = encode(secret)
    if encoded == encoded.lower() or "%" not in encoded:
        scrubbed = scrubber.scrub(f"before {encoded} after")
        assert scrubber.leaks(encoded)
        assert not any(form in scrubbed for form in encodings(secret))


def test_a_name_that_a_secret_begins_with_is_still_shown():
    scrubber = Scrubber()
    scrubber.add("reader-of-the-lake")
    scrubber.declare_public(["reader"])
    assert scrubber.scrub("grant it to reader") == "grant it to reader"
    assert scrubber.scrub("grant it to reader-of-the") == "grant it to ***"


def test_what_is_left_of_a_shortened_secret_is_masked():
    scrubber = Scrubber()
    scrubber.add("a-very-long-secret-of-the-lab")

    assert scrubber.scrub("token='a-very-long-se...t-of-the-lab' ...") == "token='***...***' ..."
    assert scrubber.scrub("ends in a-very-lon") == "ends in ***"
    assert scrubber.scrub("a very short story ... of the lab") == "a very short story ... of the lab"


def test_what_was_cut_off_without_a_sign_is_masked_too():
    scrubber = Scrubber()
    scrubber.add("a-very-long-secret-of-the-lab")
    scrubber.add("a-very-long-secret-of-another-lab")
    scrubber.declare_public(["a-very-long-secret-of-nobody"])

    assert scrubber.scrub("it is not a-very-long-secret-of-th (HTTP 401)") == "it is not *** (HTTP 401)"
    assert scrubber.scrub("nor a-very-long-secret-of-an; nor that") == "nor ***; nor that"
    assert scrubber.scrub("but a-very-long-story, and a-very-long-secret-of-nobody") == (
        "but a-very-long-story, and a-very-long-secret-of-nobody"
    )


@pytest.mark.parametrize("proxy", ["http://floe:{}@proxy.lab:3128", "floe:{}@proxy.lab:3128"])
@pytest.mark.parametrize("password", ["Hunter2-of#the/proxy", "Hunter2-of%23the%2Fproxy", "Hunter2-of?the@proxy"])
def test_the_password_of_a_proxy_is_not_shown(lab, monkeypatch, proxy, password):
    for scheme in ("http", "https", "all"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", proxy.format(password))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    trino = {"user": "u", "scheme": "https"}
    lab.configure({"environments": {"prod": {"compute_type": "trino", "compute_host": "trino.lab", "trino": trino}}})
    done = lab.run("--floe-timeout=5")

    shown = done.stdout.str() + "".join(path.read_text() for path in (lab.path / "preflight-report").iterdir())
    assert "Hunter2" not in shown
    [check] = lab.checks().values()
    if "%" in password:
        assert (check.cause, check.details["proxy"]) == ("resolve.not_found", "proxy.lab:3128")
    else:
        assert check.cause == "config.invalid"
        assert "https_proxy: http://USER:PASSWORD@HOST:PORT" in check.remediation


def test_lines_of_a_key_are_masked_one_by_one():
    scrubber = Scrubber()
    scrubber.add("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END KEY-----\n")

    assert "MIIEvQIB" not in scrubber.scrub("  MIIEvQIBADANBgkqhkiG9w0  ")


def test_a_weak_secret_is_masked_between_words_only():
    scrubber = Scrubber()
    scrubber.declare_public(["my-warehouse-1"])
    scrubber.add("pass")
    scrubber.add("warehouse")

    assert scrubber.is_weak("warehouse")
    assert scrubber.scrub("pass the passport of my warehouse") == "*** the passport of my ***"
    assert scrubber.scrub_data({"bucket": "my-warehouse-1"}) == {"bucket": "my-warehouse-1"}
