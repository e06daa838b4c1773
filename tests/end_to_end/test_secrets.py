"""No secret of a run is in anything that the run prints or writes."""

from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path

import pytest
from pydantic import SecretStr

from pytest_floe.local.credentials import Credentials
from pytest_floe.local.platform import LocalPlatform
from tests.end_to_end.conftest import run

SENTINELS = {
    "postgres_password": 'sentinel-pg "quoted" <b>/+&=%\'1',
    "s3_secret_access_key": "sentinel/s3+secret/with=base64chars01234",
    "catalog_client_secret": "sentinel-catalog-säcret&x=1",
}
LOUD = [
    "-l", "--tb=long", "-vv", "-rA", "--capture=no", "--showlocals",
    "-o", "log_cli=true", "-o", "log_cli_level=DEBUG", "-o", "log_file=pytest.log", "-o", "log_file_level=DEBUG",
    "--junitxml=junit.xml", "--html=report.html", "--self-contained-html",
]  # fmt: skip
OWN_CHECK = """
import logging
import os
import pytest


@pytest.mark.preflight("leaky", remediation="nothing")
def test_leaks(probe):
    secret = os.environ["FLOE_PG"]
    logging.getLogger("driver").warning("connecting with password %s", secret)
    with probe.step("operate"):
        raise ValueError(f"could not connect: postgresql://floe:{secret}@db/floe")
"""


@pytest.fixture
def platform():
    secrets = {key: SecretStr(value) for key, value in SENTINELS.items()}
    with LocalPlatform(Credentials(**secrets)) as running:
        yield running


def configure(folder: Path, platform: LocalPlatform, wrong: str) -> dict[str, str]:
    """Write a floe.yaml for the running platform, and return the variables its references need; ``wrong`` differs."""
    environment = json.loads(json.dumps(platform.environment(), default=lambda _secret: None))
    environment["postgres"]["password"] = "${env:FLOE_PG}"
    environment["s3"]["secret_access_key"] = "${env:FLOE_S3}"
    environment["polaris"]["client_secret"] = "${env:FLOE_CATALOG}"
    (folder / "floe.yaml").write_text(json.dumps({"environments": {"local": environment}}))
    (folder / "test_leaky.py").write_text(OWN_CHECK)
    (folder / "pytest.ini").write_text("[pytest]\nfloe_checks = test_leaky.py\n")
    secrets = dict(zip(("FLOE_PG", "FLOE_S3", "FLOE_CATALOG"), SENTINELS.values(), strict=True))
    return secrets | {wrong: f"wrong-{secrets[wrong]}"}


def forms(secret: str) -> set[str]:
    """Return the secret as it might appear: raw, in URLs, in JSON, in base64."""
    return {
        secret,
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode(),
    }


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "workers"])
@pytest.mark.parametrize(
    ("wrong", "service"), [("FLOE_PG", "postgres"), ("FLOE_S3", "storage"), ("FLOE_CATALOG", "catalog")]
)
def test_a_wrong_credential_is_named_and_none_is_shown(tmp_path, platform, wrong, service, workers):
    environ = configure(tmp_path, platform, wrong)
    done = run(tmp_path, "--floe-env=local", *LOUD, *workers, **environ)
    assert done.status == 1
    assert done.checks[service]["details"]["cause"] == "authenticate.rejected", done.checks[service]
    failed = {name: check["details"]["cause"] for name, check in done.checks.items() if check["status"] == "error"}
    blocked = {"catalog"} if service == "storage" else set()
    assert failed.keys() == {service, "leaky", *blocked}
    assert all(failed[name] == "blocked" for name in blocked)

    written = [
        path for path in tmp_path.rglob("*") if path.is_file() and path.suffix in (".json", ".html", ".xml", ".log")
    ]
    assert {path.name for path in written} >= {"junit.xml", "report.html", "pytest.log", "preflight-report.html"}
    places = {path.name: path.read_text(errors="replace") for path in written} | {"output": done.output}
    leaks = [
        (place, form)
        for place, text in places.items()
        for secret in environ.values()
        for form in forms(secret)
        if form in text
    ]
    assert not leaks


def test_a_password_that_is_also_the_name_of_the_database_leaves_the_report_readable(tmp_path):
    with LocalPlatform(Credentials(postgres_password=SecretStr("floe"))) as running:
        environment = running.environment()
        section = environment["postgres"] | {"password": "${env:PG}"}
        text = json.dumps({"environments": {"dev": {
            "postgres_host": environment["postgres_host"], "postgres_port": environment["postgres_port"],
            "postgres_database": environment["postgres_database"], "postgres": section,
        }}})  # fmt: skip
        (tmp_path / "floe.yaml").write_text(text)
        done = run(tmp_path, "--floe-env=dev", PG="floe")
    check = done.checks["postgres"]
    assert done.status == 0, done.output
    assert (check["status"], check["details"]["cause"]) == ("warning", "config.weak_secret")
    assert check["details"]["endpoint"].endswith("/floe")
    assert check["details"]["target"] == "dev-postgres-postgres"
    assert "floe" in check["details"]["principal"]
