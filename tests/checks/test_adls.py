"""The ADLS check: against Azurite for flat accounts, against a strict fake for those with a hierarchical namespace."""

from __future__ import annotations

import base64
import itertools
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from pytest_floe.checks import adls

from pytest_floe import canary
from pytest_floe.registry import find
from tests.checks.conftest import Outcome, RunCheck
from tests.faults.certificates import Certificates
from tests.faults.server import Answer, FaultyServer, hang, http
from tests.servers.adls_dfs import DfsServer
from tests.servers.azurite import Azurite
from tests.servers.entra import application, entra, unsigned_token

_NUMBERS = itertools.count()
STRANGERS_KEY = base64.b64encode(b"x" * 64).decode()
LISTED = '<EnumerationResults ServiceEndpoint="http://x/" ContainerName="lakefs"><Blobs/></EnumerationResults>'

TAGGED = {"ETag": "0x1", "Last-Modified": "Mon, 23 Nov 2026 12:00:00 GMT"}
EMPTY = Answer(200, LISTED, headers={"Content-Type": "application/xml", **TAGGED})
BUSY = Answer(503, headers={"x-ms-error-code": "ServerBusy"})


TOKEN = unsigned_token()


@pytest.fixture(autouse=True)
def _no_azure_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Neither variables, nor a log-in of the command line, of the machine that runs the tests."""
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))


@pytest.fixture
def container(azurite: Azurite) -> str:
    return azurite.container(f"lake-{next(_NUMBERS)}")


class Lake:
    """Runs the check on one container of the server, with a signature for the given permissions."""

    def __init__(self, run_check: RunCheck, server: Azurite) -> None:
        self._run = run_check
        self._server = server

    def check(self, container: str | None, permissions: str = "rcdl", **settings: object) -> Outcome:
        signature = self._server.signature(container or "none", permissions)
        defaults = {"container": container, "account": "lake", "endpoint": self._server.url, "prefix": "wh"}
        trusted = {"ca_file": self._server.ca_file, "sas_token": signature}
        return self._run("adls", **(defaults | trusted | settings))


@pytest.fixture
def lake(run_check: RunCheck, azurite: Azurite) -> Lake:
    return Lake(run_check, azurite)


# What a workload may do


def test_a_signature_for_read_create_delete_and_list_is_enough(lake: Lake, azurite: Azurite, container: str) -> None:
    outcome = lake.check(container, "rcdl")

    assert (outcome.status, outcome.left) == ("ok", [])
    assert outcome.message == f"listed, wrote, read back and deleted under abfss://{container}@lake/wh/"
    assert outcome.probe.known_as == "shared access signature for account lake"
    assert outcome.probe.facts["sas_permissions"] == "rcdl"
    assert outcome.probe.facts["hierarchical_namespace"] is False
    assert azurite.everything_in(container) == []


def test_shared_key_and_connection_string_log_in_as_well(lake: Lake, azurite: Azurite, container: str) -> None:
    connection = f"AccountName=lake;AccountKey={azurite.account_key};BlobEndpoint={azurite.url}"

    by_key = lake.check(container, sas_token=None, account_key=azurite.account_key)
    by_string = lake.check(container, sas_token=None, endpoint=None, account=None, connection_string=connection)

    assert (by_key.status, by_string.status) == ("ok", "ok")
    assert by_string.probe.known_as == "shared key of account lake"
    assert azurite.everything_in(container) == []


# What is missing is told apart


@pytest.mark.parametrize(
    ("permissions", "verb", "step"),
    [("rcd", "list", "authorize.list"), ("rdl", "write", "operate.write"), ("cdl", "read", "operate.read")],
)
def test_a_missing_permission_is_named(
    lake: Lake, azurite: Azurite, container: str, permissions: str, verb: str, step: str
) -> None:
    outcome = lake.check(container, permissions)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", f"authorize.{verb}_denied", step)
    assert outcome.subject is not None
    assert outcome.subject.endswith(f" on abfss://{container}@lake/wh/")
    assert azurite.everything_in(container) == []


def test_delete_denied_names_what_stays(lake: Lake, azurite: Azurite, container: str) -> None:
    outcome = lake.check(container, "rcl")

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authorize.delete_denied", "operate.delete")
    [key] = azurite.everything_in(container)
    [named] = outcome.left
    assert named.startswith(f"abfss://{container}@lake/{key} ")


def test_read_only_reads_a_blob_that_is_there(lake: Lake, azurite: Azurite, container: str) -> None:
    azurite.put(container, "wh/part-0", "data")

    granted = lake.check(container, "rl", write=False)
    refused = lake.check(container, "l", write=False)

    assert (granted.status, granted.message) == (
        "ok",
        f"listed abfss://{container}@lake/wh/ and read from wh/part-0",
    )
    assert (refused.status, refused.cause) == ("error", "authorize.read_denied")
    assert azurite.everything_in(container) == ["wh/part-0"]


# Credentials


def test_wrong_key(lake: Lake, container: str) -> None:
    outcome = lake.check(container, sas_token=None, account_key=STRANGERS_KEY)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authenticate.rejected", "authenticate.account")
    assert outcome.subject == "shared key of account lake"


def test_a_key_that_is_none(lake: Lake, container: str) -> None:
    outcome = lake.check(container, sas_token=None, account_key="sentinel, not base64")

    assert (outcome.status, outcome.cause) == ("error", "authenticate.rejected")
    assert "sentinel" not in outcome.message


def test_an_expired_signature(lake: Lake, azurite: Azurite, container: str) -> None:
    outcome = lake.check(container, sas_token=azurite.signature(container, "rcdl", hours=-1))

    assert (outcome.status, outcome.cause) == ("error", "authenticate.rejected")
    assert outcome.subject == "shared access signature for account lake"


def test_no_credentials_anywhere(lake: Lake, container: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")

    outcome = lake.check(container, sas_token=None)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "config.missing_credentials", "authenticate")


def test_an_application_logs_in_at_entra(
    lake: Lake, azurite: Azurite, container: str, certificates: Certificates
) -> None:
    with entra(certificates, token=TOKEN) as issuer:
        outcome = lake.check(container, sas_token=None, **application(issuer))

    assert (outcome.status, outcome.message) == (
        "ok",
        f"listed, wrote, read back and deleted under abfss://{container}@lake/wh/",
    )
    assert outcome.probe.known_as == "floe-app (object floe-object)"
    assert outcome.probe._scrubber.leaks(f"Bearer {TOKEN}")
    assert azurite.everything_in(container) == []


def test_an_application_with_a_wrong_secret(lake: Lake, container: str, certificates: Certificates) -> None:
    told = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
    with entra(certificates, Answer(401, told)) as issuer:
        outcome = lake.check(container, sas_token=None, **application(issuer))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authenticate.rejected", "authenticate")
    assert "AADSTS7000215" in outcome.message
    assert "sentinel" not in outcome.message
    assert outcome.subject == "application floe-app"


# The container


def test_missing_container(lake: Lake) -> None:
    outcome = lake.check("no-such-container")

    assert (outcome.status, outcome.cause, outcome.subject) == (
        "error",
        "operate.not_found",
        "abfss://no-such-container@lake/",
    )


def test_no_container_given_is_never_ok(lake: Lake) -> None:
    outcome = lake.check(None)

    assert (outcome.status, outcome.cause) == ("warning", "config.object_not_given")


# Nothing is left


@pytest.mark.parametrize(
    ("header", "reason"),
    [("x-ms-has-immutability-policy", "immutability policy"), ("x-ms-has-legal-hold", "legal hold")],
)
def test_nothing_is_written_where_it_could_not_be_removed(run_check: RunCheck, header: str, reason: str) -> None:
    told = {header: "true", "ETag": "0x1", "Last-Modified": "Mon, 23 Nov 2026 12:00:00 GMT"}
    held = Answer(200, LISTED, headers={"Content-Type": "application/xml", **told})
    with FaultyServer(http(held)) as server:
        outcome = run_check("adls", **played(server))

        assert (outcome.status, outcome.cause) == ("warning", "operate.retained")
        assert reason in outcome.message
        assert {request.method for request in server.requests} == {"GET"}


def test_nothing_is_written_while_retention_can_not_be_asked_for(run_check: RunCheck) -> None:
    with FaultyServer(http(routes={"GET /lake/lakefs": [EMPTY, BUSY]})) as server:
        outcome = run_check("adls", **played(server))

        assert {request.method for request in server.requests} == {"GET"}
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_ready", "operate.retention")


def test_versions_that_could_not_be_looked_for_are_not_taken_for_none(run_check: RunCheck) -> None:
    outcome = _check_with_versions(run_check, BUSY)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_ready", "operate.delete")
    assert outcome.left[0].startswith("abfss://lakefs@lake/floe-preflight-")


def test_versions_that_may_not_be_looked_for_are_said_to_be_unknown(run_check: RunCheck) -> None:
    refused = Answer(403, headers={"x-ms-error-code": "AuthorizationPermissionMismatch"})

    outcome = _check_with_versions(run_check, refused, EMPTY)

    assert (outcome.status, outcome.left) == ("ok", [])
    assert outcome.probe.facts["not_verified"] == ["whether versions are kept: they may not be listed"]


def _check_with_versions(run_check: RunCheck, *told: Answer) -> Outcome:
    """The fourth answer, after those for list, retention and sweep, is to the question for versions."""
    asked = {"GET /lake/lakefs": [EMPTY, EMPTY, EMPTY, *told]}
    body = canary.signature("00000000")
    read = Answer(206, body, headers={**TAGGED, "Content-Range": f"bytes 0-{len(body) - 1}/{len(body)}"})
    round_trip = (Answer(201, headers=TAGGED), read, Answer(202))
    with FaultyServer(http(*round_trip, routes=asked)) as server:
        return run_check("adls", **played(server))


def test_leftovers_of_a_crashed_run_are_swept(lake: Lake, azurite: Azurite, container: str) -> None:
    body, now = canary.signature("0badcafe"), datetime.now(UTC)
    old = canary.name("0badcafe", "x", now - timedelta(hours=2))
    young = canary.name("0badcafe", "x", now - timedelta(minutes=5))
    foreign = canary.name("0badcafe", "y", now - timedelta(hours=2))
    for name, content in {old: body, young: body, foreign: "somebody's data"}.items():
        azurite.put(container, f"wh/{name}", content)

    outcome = lake.check(container)

    assert (outcome.status, outcome.probe.swept) == ("ok", [old])
    assert sorted(azurite.everything_in(container)) == sorted([f"wh/{young}", f"wh/{foreign}"])


# The way there


def test_an_authority_that_is_not_trusted(lake: Lake, container: str) -> None:
    outcome = lake.check(container, ca_file=None)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "tls.untrusted", "tls")


def test_an_account_that_never_answers_ends_in_time(run_check: RunCheck) -> None:
    with FaultyServer(hang) as server:
        outcome = run_check("adls", **played(server), within=0.5)

    assert time.monotonic() < outcome.probe.deadline + 1
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "timeout", "authorize.list")


@pytest.mark.parametrize("hierarchical", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200),
        Answer(200, "<html>Please log in</html>"),
        Answer(200, "<Results><Blobs/></Results>", headers={"Content-Type": "application/xml"}),
        Answer(200, {}),
    ],
)
def test_another_service_is_not_taken_for_a_store(run_check: RunCheck, answer: Answer, hierarchical: bool) -> None:
    with FaultyServer(http(answer)) as server:
        outcome = run_check("adls", **played(server) | {"write": False, "hierarchical_namespace": hierarchical})

    assert (outcome.status, outcome.cause) == ("error", "operate.unexpected_response")


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (503, "ServerBusy", "operate.not_ready"),
        (409, "ContainerBeingDeleted", "operate.not_ready"),
        (403, "KeyBasedAuthenticationNotPermitted", "authenticate.not_admitted"),
        (403, "AuthorizationSourceIPMismatch", "authorize.denied"),
    ],
)
def test_what_no_emulator_answers_on_demand(run_check: RunCheck, status: int, code: str, cause: str) -> None:
    with FaultyServer(http(Answer(status, headers={"x-ms-error-code": code}))) as server:
        outcome = run_check("adls", **played(server))

        assert len(server.requests) == 1
    assert (outcome.status, outcome.cause, outcome.left) == ("error", cause, [])


def played(server: FaultyServer) -> dict[str, object]:
    endpoint = f"{server.url}/lake"
    return {
        "container": "lakefs",
        "endpoint": endpoint,
        "account": "lake",
        "account_key": STRANGERS_KEY,
        "hierarchical_namespace": False,
    }


# Accounts with a hierarchical namespace


@pytest.fixture
def dfs() -> Iterator[DfsServer]:
    with DfsServer() as server:
        yield server
    assert server.refused == []


def _check_hierarchical(run_check: RunCheck, dfs: DfsServer, permissions: str = "rcwdl", **settings: object) -> Outcome:
    defaults = {"container": "lakefs", "account": "lake", "endpoint": dfs.url, "prefix": "wh/raw"}
    return run_check("adls", **(defaults | {"sas_token": dfs.signature(permissions)} | settings))


def test_directories_that_came_with_the_canary_go_with_it(run_check: RunCheck, dfs: DfsServer) -> None:
    outcome = _check_hierarchical(run_check, dfs)

    assert (outcome.status, outcome.message) == (
        "ok",
        "listed, wrote, read back and deleted under abfss://lakefs@lake/wh/raw/",
    )
    assert outcome.probe.facts["hierarchical_namespace"] is True
    assert dfs.paths == {}


def test_directories_that_were_there_stay(run_check: RunCheck, dfs: DfsServer) -> None:
    dfs.directory("wh/raw")

    outcome = _check_hierarchical(run_check, dfs)

    assert outcome.status == "ok"
    assert list(dfs.paths) == ["wh", "wh/raw"]


@pytest.mark.parametrize(
    ("permissions", "verb", "step"),
    [
        ("rcwd", "list", "authorize.list"),
        ("rwdl", "write", "operate.write"),
        ("rcdl", "write", "operate.write"),
    ],
)
def test_a_missing_permission_is_named_there_too(
    run_check: RunCheck, dfs: DfsServer, permissions: str, verb: str, step: str
) -> None:
    outcome = _check_hierarchical(run_check, dfs, permissions)

    assert (outcome.status, outcome.cause, outcome.step) == ("error", f"authorize.{verb}_denied", step)
    assert (outcome.left, dfs.paths) == ([], {})


def test_delete_denied_names_what_stays_there_too(run_check: RunCheck, dfs: DfsServer) -> None:
    outcome = _check_hierarchical(run_check, dfs, "rcwl")

    assert (outcome.status, outcome.cause) == ("error", "authorize.delete_denied")
    [file] = [name for name, path in dfs.paths.items() if not path.is_directory]
    assert outcome.left[0].startswith(f"abfss://lakefs@lake/{file} ")


def test_read_only_reads_a_file_that_is_there(run_check: RunCheck, dfs: DfsServer) -> None:
    dfs.put("wh/raw/part-0", "data")

    granted = _check_hierarchical(run_check, dfs, "rl", write=False)
    refused = _check_hierarchical(run_check, dfs, "l", write=False)

    assert (granted.status, granted.message) == (
        "ok",
        "listed abfss://lakefs@lake/wh/raw/ and read from wh/raw/part-0",
    )
    assert (refused.status, refused.cause) == ("error", "authorize.read_denied")


def test_leftovers_of_a_crashed_run_are_swept_there_too(run_check: RunCheck, dfs: DfsServer) -> None:
    body, now = canary.signature("0badcafe"), datetime.now(UTC)
    old = canary.name("0badcafe", "x", now - timedelta(hours=2))
    young = canary.name("0badcafe", "x", now - timedelta(minutes=5))
    for name in (old, young):
        dfs.put(f"wh/raw/{name}", body)

    outcome = _check_hierarchical(run_check, dfs)

    assert (outcome.status, outcome.probe.swept) == ("ok", [old])
    assert [name for name, path in dfs.paths.items() if not path.is_directory] == [f"wh/raw/{young}"]


def test_what_soft_delete_keeps_is_said(run_check: RunCheck) -> None:
    with DfsServer(soft_delete=True) as careful:
        outcome = _check_hierarchical(run_check, careful)

    assert (outcome.status, outcome.cause) == ("warning", "operate.retained")
    assert "soft-deleted copy (7 days)" in outcome.message
    assert careful.paths == {}


def test_what_soft_delete_keeps_may_be_accepted(run_check: RunCheck) -> None:
    with DfsServer(soft_delete=True) as careful:
        outcome = _check_hierarchical(run_check, careful, accept_soft_delete=True)

    assert outcome.status == "ok"
    assert outcome.probe.facts["soft_deleted"] == ["a soft-deleted copy (7 days)"]


def test_a_deletion_that_is_only_claimed_is_noticed(run_check: RunCheck) -> None:
    class Stubborn(DfsServer):
        def delete(self, name: str, query: dict[str, str]) -> None:
            """Say that it is done."""

    with Stubborn() as server:
        outcome = _check_hierarchical(run_check, server)

    [file] = [name for name, path in server.paths.items() if not path.is_directory]
    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_removed", "operate.delete")
    assert outcome.left[0].startswith(f"abfss://lakefs@lake/{file} ")
    assert outcome.subject == f"abfss://lakefs@lake/{file}"


@pytest.mark.parametrize("write", [True, False])
def test_a_missing_file_system(run_check: RunCheck, dfs: DfsServer, write: bool) -> None:
    outcome = _check_hierarchical(run_check, dfs, container="no-such-filesystem", write=write)

    assert (outcome.status, outcome.cause) == ("error", "operate.not_found")


def test_a_signature_that_is_not_known(run_check: RunCheck, dfs: DfsServer) -> None:
    outcome = _check_hierarchical(run_check, dfs, sas_token="sp=rcwdl&sig=sentinel-of-a-signature")

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authenticate.rejected", "authenticate.account")
    assert "sentinel" not in outcome.message


# The plan


def test_the_plan_names_what_is_touched_and_needed() -> None:
    settings = adls.AdlsSettings(container="lakefs", account="floe", prefix="wh", account_key=STRANGERS_KEY)

    plan = adls.plan(settings)

    assert plan.endpoint == "abfss://lakefs@floe.dfs.core.windows.net/wh"
    assert plan.connects == ("https://floe.blob.core.windows.net:443", "https://floe.dfs.core.windows.net:443")
    assert plan.principal == "shared key of account floe"
    assert plan.creates == ("abfss://lakefs@floe.dfs.core.windows.net/wh/floe-preflight-*",)
    assert len(plan.needs) == 4


APPLICATION = {"tenant_id": "tenant", "client_id": "floe-app", "client_secret": "secret"}


@pytest.mark.parametrize(
    ("authority", "entra"),
    [
        (None, "https://login.microsoftonline.com:443"),
        ("https://login.microsoftonline.us", "https://login.microsoftonline.us:443"),
        ("login.partner.microsoftonline.cn", "https://login.partner.microsoftonline.cn:443"),
    ],
)
def test_the_plan_names_entra_if_it_is_asked(authority: str | None, entra: str) -> None:
    plan = adls.plan(adls.AdlsSettings(container="lakefs", account="floe", authority=authority, **APPLICATION))

    assert plan.connects[-1] == entra


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"endpoint": "http://azurite:10000/lake", "sas_token": "sig=x"}, "endpoint"),
        ({"endpoint": "http://azurite:10000/lake", "account_key": STRANGERS_KEY}, "endpoint"),
        ({"endpoint": "http://azurite:10000/lake", **APPLICATION}, "endpoint"),
        ({"account": "lake", "authority": "http://entra", **APPLICATION}, "authority"),
        (
            {"connection_string": f"AccountName=lake;AccountKey={STRANGERS_KEY};BlobEndpoint=http://azurite/lake"},
            "connection_string",
        ),
    ],
)
def test_credentials_do_not_travel_in_plain_text(settings: dict[str, str], key: str) -> None:
    with pytest.raises(ValueError, match=f"would travel unencrypted: write https in {key}"):
        adls.AdlsSettings(container="lakefs", **settings)


def test_plain_text_on_this_machine_is_fine() -> None:
    adls.AdlsSettings(container="lakefs", endpoint="http://127.0.0.1:10000/lake", account_key=STRANGERS_KEY)


def test_a_container_without_account_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="give account, endpoint or connection_string"):
        adls.AdlsSettings(container="lakefs")


@pytest.mark.parametrize("name", ["abfss://lake@shop.dfs.core.windows.net/", "lake@shop"])
def test_an_address_is_no_name_of_a_container(name: str) -> None:
    with pytest.raises(ValidationError, match="write the name alone"):
        find("adls").settings(container=name, account="shop")
