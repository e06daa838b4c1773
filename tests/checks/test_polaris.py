"""The check of Iceberg REST catalogs against a real one; what that does not do comes from tests/faults."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from pytest_floe import Plan, Probe, canary
from pytest_floe.blocking import Needs
from pytest_floe.registry import find
from pytest_floe.report.models import Details, PreflightResult
from pytest_floe.secrets import Scrubber
from tests.checks.conftest import Outcome, RunCheck
from tests.faults.certificates import Certificates
from tests.faults.server import GARBAGE, Answer, FaultyServer, Move, hang, hear, http, reset, say, tls
from tests.local.waiting import eventually
from tests.servers.iceberg_rest import IcebergRest, run_iceberg_rest

_UNAUTHORIZED = 401
Check = Callable[..., Outcome]


@pytest.fixture
def check(iceberg_rest: IcebergRest, run_check: RunCheck) -> Check:
    """Run the check against the real catalog as the client that may do everything, but for what ``changes`` says."""

    def run(client: str = "keeper", **changes: object) -> Outcome:
        return run_check("polaris", **{**iceberg_rest.client(client), **changes})

    return run


@pytest.fixture
def shop(iceberg_rest: IcebergRest) -> str:
    """A namespace with a level below it."""
    for levels in (["shop"], ["shop", "raw & odd é%"]):
        if levels not in iceberg_rest.namespaces("\x1f".join(levels[:-1])):
            iceberg_rest.ask("POST", "/namespaces", json={"namespace": levels})
    return "shop"


# What works


def test_reading(check: Check, shop: str):
    outcome = check()
    assert (outcome.status, outcome.cause) == ("ok", None)
    assert outcome.message == "1 namespace, token valid 3,600 s"
    assert outcome.probe.known_as == "keeper"
    assert outcome.probe.canaries == []


@pytest.mark.parametrize("namespace", [None, "shop", "shop.raw & odd é%"])
def test_writing_leaves_nothing(check: Check, iceberg_rest: IcebergRest, shop: str, namespace: str | None):
    outcome = check(write=True, namespace=namespace)
    assert (outcome.status, outcome.left) == ("ok", [])
    assert outcome.message == "1 namespace, table created and dropped, token valid 3,600 s"
    assert [canary.removed for canary in outcome.probe.canaries] == [True, True]
    assert iceberg_rest.namespaces() == [["shop"]]
    assert iceberg_rest.namespaces("shop") == [["shop", "raw & odd é%"]]


def test_ready_made_token(check: Check, iceberg_rest: IcebergRest, shop: str):
    outcome = check(client_id=None, client_secret=None, token=iceberg_rest.token())
    assert (outcome.status, outcome.message) == ("ok", "1 namespace")


def test_without_a_warehouse_it_warns(check: Check):
    outcome = check(warehouse=None)
    assert (outcome.status, outcome.cause) == ("warning", "config.object_not_given")
    assert outcome.subject == "polaris.warehouse"
    assert outcome.probe.message == "logged in, token valid 3,600 s"


def test_leftovers_of_crashed_runs_are_swept_and_others_left_alone(check: Check, iceberg_rest: IcebergRest):
    signed = {"pytest-floe": canary.signature("00000001")}
    old, unsigned = "floe-preflight-20250101t000000z-00000001-namespace", "floe-preflight-20250101t000000z-00000002-x"
    iceberg_rest.ask("POST", "/namespaces", json={"namespace": [old], "properties": signed})
    schema = {"type": "struct", "fields": []}
    iceberg_rest.ask("POST", f"/namespaces/{old}/tables", json={"name": "t", "schema": schema})
    iceberg_rest.ask("POST", "/namespaces", json={"namespace": [unsigned]})
    outcome = check(write=True)
    assert outcome.probe.swept == [old]
    remaining = iceberg_rest.namespaces()
    iceberg_rest.ask("DELETE", f"/namespaces/{unsigned}")
    assert [old] not in remaining
    assert [unsigned] in remaining


def test_a_belated_table_is_swept_although_its_namespace_has_lost_its_signature(
    check: Check, iceberg_rest: IcebergRest
):
    namespace, table = (f"floe-preflight-20250101t000000z-00000003-{purpose}" for purpose in ("namespace", "table"))
    iceberg_rest.ask("POST", "/namespaces", json={"namespace": [namespace]})
    schema = {"type": "struct", "fields": []}
    for name, signature in ((table, canary.signature("00000003")), ("t", "mine")):
        body = {"name": name, "schema": schema, "properties": {"pytest-floe": signature}}
        iceberg_rest.ask("POST", f"/namespaces/{namespace}/tables", json=body)
    outcome = check(write=True)
    remaining = iceberg_rest.ask("GET", f"/namespaces/{namespace}/tables")["identifiers"]
    for name in ("t", ""):
        iceberg_rest.ask("DELETE", f"/namespaces/{namespace}{f'/tables/{name}' * bool(name)}")
    assert (outcome.status, outcome.probe.swept) == ("ok", [table])
    assert [identifier["name"] for identifier in remaining] == ["t"]


def test_a_token_that_ends_while_the_check_waits_for_its_storage(tmp_path: Path):
    verified: Future[PreflightResult] = Future()

    def until_tokens_end() -> None:
        bearer = {"Authorization": f"Bearer {catalog.token()}"}
        assert eventually(lambda: httpx.get(f"{catalog.uri}/v1/config", headers=bearer).status_code == _UNAUTHORIZED)
        details = Details(target="prod-storage-s3", kind="s3", name="s3")
        verified.set_result(PreflightResult(service="storage", status="ok", message="", duration_ms=1, details=details))

    with run_iceberg_rest(tmp_path, token_lifetime=4) as server:
        catalog = IcebergRest(f"http://127.0.0.1:{server.port}")
        needs = Needs(["prod-storage-s3"], lambda: [verified], until_tokens_end)
        probe = Probe(endpoint="catalog", write=True, needs=needs)
        check = find("polaris")
        check.run(check.settings(**catalog.client(), write=True), probe)
        assert (probe.clean_up(None), catalog.namespaces()) == ([], [])

    assert probe.message == "0 namespaces, table created and dropped, token valid 4 s"
    assert [step.name for step in probe.steps if step.name in ("wait", "authenticate")] == [
        "authenticate",
        "wait",
        "authenticate",
    ]


# Who one is


@pytest.mark.parametrize(
    ("changes", "cause", "step"),
    [
        ({"client_secret": "wrong-secret"}, "authenticate.rejected", "authenticate"),
        ({"client_id": "stranger"}, "authenticate.rejected", "authenticate"),
        ({"scope": "PRINCIPAL_ROLE:admin"}, "authorize.denied", "authenticate"),
        ({"realm": "ELSEWHERE"}, "operate.not_found", "authenticate"),
        ({"token": "not-a-token-of-theirs"}, "authenticate.rejected", "operate.config"),
        ({"client_id": None, "client_secret": None}, "config.missing_credentials", "operate.config"),
        ({"warehouse": "swamp"}, "operate.not_found", "operate.config"),
        ({"namespace": "swamp"}, "operate.not_found", "authorize.list_tables"),
    ],
)
def test_what_is_wrong_is_named(check: Check, changes: dict[str, object], cause: str, step: str):
    outcome = check(**changes)
    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, step)
    named = next(iter(changes.values())) if cause in ("operate.not_found", "authorize.denied") else ""
    assert str(named) in str(outcome.subject)
    assert "wrong-secret" not in f"{outcome.message} {outcome.subject}"


def test_token_that_has_expired(run_check: RunCheck, tmp_path: Path):
    with run_iceberg_rest(tmp_path, token_lifetime=0) as server:
        catalog = IcebergRest(f"http://127.0.0.1:{server.port}")
        outcome = run_check("polaris", **catalog.client())
    assert (outcome.cause, outcome.step) == ("authenticate.rejected", "operate.config")
    assert "expired" in outcome.message


# What one may do


def test_nothing_allowed(check: Check):
    outcome = check("outsider")
    assert (outcome.cause, outcome.step) == ("authorize.denied", "operate.config")


def test_write_denied(check: Check):
    outcome = check("reader", write=True)
    assert (outcome.cause, outcome.step) == ("authorize.write_denied", "operate.create_namespace")
    assert outcome.subject == "NAMESPACE_CREATE on catalog lake to client reader"


def test_delete_denied_names_what_stays(check: Check, iceberg_rest: IcebergRest):
    outcome = check("hoarder", write=True)
    assert (outcome.cause, outcome.step) == ("authorize.delete_denied", "operate.drop_table")
    assert outcome.subject == "TABLE_DROP on catalog lake to client hoarder"
    [namespace] = [levels[0] for levels in iceberg_rest.namespaces() if levels[0].startswith(canary.PREFIX)]
    [table] = iceberg_rest.ask("GET", f"/namespaces/{namespace}/tables")["identifiers"]
    assert [entry.partition(" ")[0] for entry in outcome.left] == [f"{namespace}.{table['name']}", namespace]
    iceberg_rest.ask("DELETE", f"/namespaces/{namespace}/tables/{table['name']}")
    iceberg_rest.ask("DELETE", f"/namespaces/{namespace}")


# A catalog that plays by a script

TOKEN = Answer(200, {"access_token": "t0ken-of-the-script", "token_type": "Bearer", "expires_in": 60})
CONFIG = Answer(200, {"defaults": {"prefix": "unused"}, "overrides": {"prefix": "my lake"}})
GREEN = {
    "POST /v1/oauth/tokens": TOKEN,
    "GET /v1/config": CONFIG,
    "GET /v1/my%20lake/namespaces": Answer(200, {"namespaces": [["a"]]}),
}
LOGIN = {"warehouse": "lake", "client_id": "keeper", "client_secret": "s3cret-of-keeper"}


def refusal(status: int, kind: str, message: str = "no") -> Answer:
    return Answer(status, {"error": {"message": message, "type": kind, "code": status}})


def test_prefix_and_pages(run_check: RunCheck):
    pages = [Answer(200, {"namespaces": [["a"], ["b"]], "next-page-token": "2"}), Answer(200, {"namespaces": [["c"]]})]
    with FaultyServer(http(routes={**GREEN, "GET /v1/my%20lake/namespaces": pages})) as server:
        outcome = run_check("polaris", uri=server.url, realm="SHOP", **LOGIN)
    assert (outcome.status, outcome.message) == ("ok", "3 namespaces, token valid 60 s")
    assert [request.path.partition("pageToken=")[2] for request in server.requests[2:]] == ["", "2"]
    assert {request.headers["polaris-realm"] for request in server.requests} == {"SHOP"}
    assert server.requests[-1].headers["authorization"] == "Bearer t0ken-of-the-script"


def test_names_are_quoted_level_by_level(run_check: RunCheck):
    namespace = "GET /v1/my%20lake/namespaces/shop%1Fraw%2F%C3%A9%20%26"
    there = {f"{namespace}/tables": Answer(200, {"identifiers": []}), namespace: Answer(200, {"namespace": ["shop"]})}
    with FaultyServer(http(routes={**GREEN, **there})) as server:
        outcome = run_check("polaris", uri=server.url, namespace="shop.raw/é &", **LOGIN)
    assert (outcome.status, outcome.probe.facts["tables"]) == ("ok", 0)


def test_external_issuer_gets_the_credentials_and_the_catalog_does_not(run_check: RunCheck):
    with FaultyServer(http(routes={"POST /token": TOKEN})) as issuer, FaultyServer(http(routes=GREEN)) as catalog:
        settings = {"uri": catalog.url, "oauth2_server_uri": f"{issuer.url}/token", "realm": "SHOP"}
        outcome = run_check("polaris", **settings, **LOGIN)
    assert outcome.status == "ok"
    assert b"s3cret-of-keeper" in issuer.requests[0].body
    assert "polaris-realm" not in issuer.requests[0].headers
    assert not any(b"s3cret" in request.body for request in catalog.requests)


def test_empty_scope_is_not_sent(run_check: RunCheck):
    with FaultyServer(http(routes=GREEN)) as server:
        run_check("polaris", uri=server.url, scope="", **LOGIN)
    assert b"scope" not in server.requests[0].body


def test_plain_text_passes_no_proxy(run_check: RunCheck, monkeypatch: pytest.MonkeyPatch):
    with FaultyServer(http(Answer(200, {}))) as proxy, FaultyServer(http(routes=GREEN)) as catalog:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        outcome = run_check("polaris", uri=catalog.url, **LOGIN)
    assert (outcome.status, proxy.requests) == ("ok", [])


def test_external_issuer_down(run_check: RunCheck, iceberg_rest: IcebergRest):
    with FaultyServer(hang) as issuer:
        gone = issuer.url
    outcome = run_check("polaris", **iceberg_rest.client(), oauth2_server_uri=f"{gone}/token")
    assert (outcome.cause, outcome.subject) == ("connect.refused", gone.removeprefix("http://"))


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(401, {"error": "invalid_client"}), "authenticate.rejected"),
        (Answer(400, {"error": "unauthorized_client", "error_description": "no such"}), "authenticate.rejected"),
        (Answer(400, {"error": "invalid_scope"}), "authorize.denied"),
        (Answer(400, {"error": "unsupported_grant_type"}), "authenticate.not_admitted"),
        (Answer(200, {"token_type": "bearer"}), "operate.unexpected_response"),
        (Answer(200, {"access_token": 7, "token_type": "bearer"}), "operate.unexpected_response"),
        (Answer(200, {"access_token": "x", "token_type": "mac"}), "operate.unexpected_response"),
        (Answer(200, {**TOKEN.body, "expires_in": "soon"}), "operate.unexpected_response"),
    ],
)
def test_answers_of_token_endpoints(run_check: RunCheck, answer: Answer, cause: str):
    with FaultyServer(http(routes={**GREEN, "POST /v1/oauth/tokens": answer})) as server:
        outcome = run_check("polaris", uri=server.url, **LOGIN)
    assert (outcome.cause, outcome.step) == (cause, "authenticate")


@pytest.mark.parametrize("padding", range(270, 300, 6))
def test_an_issuer_that_echoes_a_secret_in_a_long_answer(run_check: RunCheck, padding: int):
    scrubber = Scrubber()
    scrubber.add(LOGIN["client_secret"])
    echo = Answer(401, {"error": "invalid_client", "error_description": "x" * padding + LOGIN["client_secret"]})
    with FaultyServer(http(routes={**GREEN, "POST /v1/oauth/tokens": echo})) as server:
        outcome = run_check("polaris", uri=server.url, **LOGIN)
    shown = scrubber.scrub(outcome.message)
    assert outcome.message.endswith("(HTTP 401)")
    assert LOGIN["client_secret"][:6] not in shown


ELSEWHERE = Answer(301, headers={"Location": "https://login.example/sso?next=1"})
ANSWERS = [
    (ELSEWHERE, "operate.unexpected_response", "login.example"),
    (Answer(403, "<html>"), "authorize.denied", "403"),
    (Answer(404, "<html>"), "operate.not_found", "404"),
    (Answer(429, headers={"Retry-After": "7"}), "operate.not_ready", "retry after 7"),
    (Answer(500, {"error": {"message": "disk on fire", "type": "X"}}), "operate.server_error", "X: disk on fire"),
    (Answer(503, headers={"Retry-After": "7"}), "operate.not_ready", "retry after 7"),
    (Answer(503, "<html>"), "operate.not_ready", "503"),
    (Answer(200, "<html>log in</html>"), "operate.unexpected_response", "text/html"),
    (Answer(200, ["a list"]), "operate.unexpected_response", "not a JSON object"),
    (Answer(200, {"unexpected": True}), "operate.unexpected_response", "is missing"),
    (Answer(200, b"[" * 100_000), "operate.unexpected_response", "not a JSON object"),
    (Answer(200, {"a": 1}, cut=3), "operate.unexpected_response", "complete message"),
    (Answer(200, "x" * 65536, endless=True), "operate.unexpected_response", "no end"),
    (Answer(200, {}, after=1.5), "timeout", ""),
]


@pytest.mark.parametrize("route", list(GREEN), ids=["token", "config", "list"])
@pytest.mark.parametrize(("answer", "cause", "said"), ANSWERS)
def test_wrong_answers(run_check: RunCheck, route: str, answer: Answer, cause: str, said: str):
    with FaultyServer(http(routes={**GREEN, route: answer})) as server:
        outcome = run_check("polaris", within=1.0, uri=server.url, **LOGIN)
    steps = dict(zip(GREEN, ("authenticate", "operate.config", "authorize.list"), strict=True))
    expected = "authorize.list_denied" if (route, cause) == (list(GREEN)[2], "authorize.denied") else cause
    assert (outcome.status, outcome.cause, outcome.step) == ("error", expected, steps[route])
    assert said in outcome.message
    assert "s3cret" not in outcome.message
    assert len(outcome.message) < 500


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("route", list(GREEN), ids=["token", "config", "list"])
def test_it_is_not_asked_again_before_it_wants_to_be(run_check: RunCheck, route: str, form: str):
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    said = "3600" if form == "seconds" else in_an_hour
    with FaultyServer(http(routes={**GREEN, route: Answer(503, headers={"Retry-After": said})})) as server:
        outcome = run_check("polaris", uri=server.url, **LOGIN)
    assert outcome.retry_after == pytest.approx(3600, abs=120)


def test_list_without_end(run_check: RunCheck):
    for_ever = Answer(200, {"namespaces": [], "next-page-token": "again"})
    with FaultyServer(http(routes={**GREEN, "GET /v1/my%20lake/namespaces": for_ever})) as server:
        outcome = run_check("polaris", uri=server.url, **LOGIN)
    assert outcome.cause == "operate.unexpected_response"
    assert "no end" in outcome.message


def test_body_that_trickles_is_ended_by_the_deadline(run_check: RunCheck):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    def trickle(connection: Any) -> None:
        while not connection.stopping.wait(0.05):
            connection.sock.sendall(b"1\r\n \r\n")

    with FaultyServer(hear, say(head), trickle) as server:
        outcome = run_check("polaris", within=0.5, uri=server.url, **LOGIN)
    assert (outcome.cause, outcome.step) == ("timeout", "authenticate")


# The table


NOT_FOUND = refusal(404, "NoSuchNamespaceException")
DONE = Answer(204)
GONE = refusal(404, "NoSuchNamespaceException")
METADATA = {
    "location": "s3://lake/scratch",
    "properties": {"pytest-floe": canary.signature("00000000")},
    "schemas": [{"schema-id": 0, "fields": [{"name": "id"}, {"name": "note"}]}],
    "current-schema-id": 0,
}
LOADED = Answer(200, {"metadata": METADATA})


def writable(namespace_made: Answer, *then: Answer) -> Move:
    """A catalog that answers the creation of a namespace, and ``then`` what follows it, in turn."""
    empty = Answer(200, {"namespaces": []})
    return http(
        *then, routes={**GREEN, "GET /v1/my%20lake/namespaces": empty, "POST /v1/my%20lake/namespaces": namespace_made}
    )


def test_catalog_that_forbids_purging_keeps_the_files_of_the_table(run_check: RunCheck):
    """Polaris refuses purgeRequested=true unless DROP_WITH_PURGE_ENABLED is set."""
    forbidden = refusal(403, "ForbiddenException", "Unable to purge entity")
    script = writable(Answer(200, {}), LOADED, LOADED, forbidden, LOADED, DONE, DONE, NOT_FOUND)
    with FaultyServer(script) as server:
        outcome = run_check("polaris", uri=server.url, write=True, **LOGIN)
    assert (outcome.status, outcome.cause, outcome.subject) == ("warning", "operate.not_removed", "s3://lake/scratch")
    assert "Unable to purge entity" in outcome.message
    assert "purgeRequested=false" in server.requests[-3].path


def test_table_reads_back_as_another(run_check: RunCheck):
    other = Answer(200, {"metadata": {**METADATA, "properties": {}}})
    with FaultyServer(writable(Answer(200, {}), LOADED, other, DONE, DONE, GONE)) as server:
        outcome = run_check("polaris", uri=server.url, write=True, **LOGIN)
    assert (outcome.cause, outcome.step, outcome.left) == ("operate.wrong_content", "operate.read", [])
    assert [request.method for request in server.requests[-3:]] == ["DELETE", "DELETE", "GET"]


def test_namespace_that_was_dropped_and_is_still_there(run_check: RunCheck):
    there = Answer(200, {"namespace": ["x"], "properties": {}})
    with FaultyServer(writable(Answer(200, {}), LOADED, LOADED, DONE, DONE, there)) as server:
        outcome = run_check("polaris", uri=server.url, write=True, **LOGIN)
    assert (outcome.cause, outcome.step) == ("operate.not_removed", "operate.drop_namespace")


@pytest.mark.parametrize(
    ("script", "cause", "step"),
    [
        ((refusal(403, "ForbiddenException"),), "authorize.write_denied", "operate.create_namespace"),
        ((DONE, refusal(403, "ForbiddenException"), DONE, GONE), "authorize.write_denied", "operate.create_table"),
        (
            (DONE, LOADED, refusal(403, "ForbiddenException"), DONE, DONE, GONE),
            "authorize.read_denied",
            "operate.read",
        ),
        (
            (DONE, LOADED, LOADED, DONE, refusal(403, "ForbiddenException"), DONE, GONE),
            "authorize.delete_denied",
            "operate.drop_namespace",
        ),
    ],
)
def test_each_lacking_privilege_is_told_apart(run_check: RunCheck, script: tuple[Answer, ...], cause: str, step: str):
    with FaultyServer(writable(*script)) as server:
        outcome = run_check("polaris", uri=server.url, write=True, **LOGIN)
    assert (outcome.cause, outcome.step, outcome.left) == (cause, step, [])


def test_list_denied(run_check: RunCheck):
    denied = {"GET /v1/my%20lake/namespaces": refusal(403, "ForbiddenException")}
    with FaultyServer(http(routes={**GREEN, **denied})) as server:
        outcome = run_check("polaris", uri=server.url, **LOGIN)
    assert (outcome.cause, outcome.step) == ("authorize.list_denied", "authorize.list")
    assert outcome.subject == "NAMESPACE_LIST on catalog lake to client keeper"


def test_namespace_that_was_perhaps_made_is_removed(run_check: RunCheck):
    with FaultyServer(writable(Answer(500, "<html>"), DONE, GONE)) as server:
        outcome = run_check("polaris", uri=server.url, write=True, **LOGIN)
    assert (outcome.cause, outcome.step) == ("operate.server_error", "operate.create_namespace")
    assert [request.method for request in server.requests[-2:]] == ["DELETE", "GET"]
    assert "/namespaces/floe-preflight-" in server.requests[-2].path


# Name, TCP and TLS


def test_name_does_not_resolve(run_check: RunCheck):
    outcome = run_check("polaris", uri="https://catalog.invalid/api", **LOGIN)
    assert (outcome.cause, outcome.step, outcome.subject) == ("resolve.not_found", "resolve", "catalog.invalid")


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ((hang,), "timeout"),
        ((hear, say(b"H"), hang), "timeout"),
        ((hear,), "operate.unexpected_response"),
        ((hear, reset), "operate.unexpected_response"),
        ((hear, say(GARBAGE)), "operate.unexpected_response"),
    ],
    ids=["hangs", "one byte", "closes", "resets", "garbage"],
)
def test_no_http_behind_the_port(run_check: RunCheck, script: tuple[Move, ...], cause: str):
    with FaultyServer(*script) as server:
        outcome = run_check("polaris", within=0.5, uri=server.url, **LOGIN)
    assert (outcome.cause, outcome.step) == (cause, "authenticate")


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("expired", "tls.expired"),
        ("not_yet_valid", "tls.not_yet_valid"),
        ("wrong_host", "tls.hostname_mismatch"),
        ("self_signed", "tls.untrusted"),
    ],
)
def test_bad_certificate(run_check: RunCheck, certificates: Certificates, fault: str, cause: str):
    with FaultyServer(tls(getattr(certificates, fault)), http(routes=GREEN)) as server:
        outcome = run_check("polaris", uri=server.https_url, ca_file=certificates.ca_file, **LOGIN)
    assert (outcome.cause, outcome.step) == (cause, "tls")
    assert server.requests == []


def test_valid_certificate(run_check: RunCheck, certificates: Certificates):
    with FaultyServer(tls(certificates.valid), http(routes=GREEN)) as server:
        outcome = run_check("polaris", uri=server.https_url, ca_file=certificates.ca_file, **LOGIN)
    assert outcome.status == "ok"


def test_plain_text_on_a_tls_port(run_check: RunCheck):
    with FaultyServer(http(routes=GREEN)) as server:
        outcome = run_check("polaris", uri=server.https_url, **LOGIN)
    assert (outcome.cause, outcome.step) == ("tls.handshake_failed", "tls")


def test_tls_on_a_plain_port(run_check: RunCheck, certificates: Certificates):
    with FaultyServer(tls(certificates.valid), http(routes=GREEN)) as server:
        outcome = run_check("polaris", uri=server.url, **LOGIN)
    assert (outcome.cause, outcome.step) == ("operate.unexpected_response", "authenticate")


def test_driver_missing(check: Check, uninstall: Callable[[str], None]):
    uninstall("httpx")
    outcome = check()
    assert (outcome.cause, outcome.subject) == ("config.missing_driver", "pip install 'pytest-floe[polaris]'")


# Settings and plan


def plan_of(**settings: Any) -> Plan:
    polaris = find("polaris")
    return polaris.plan(polaris.settings(**settings))


@pytest.mark.parametrize("key", ["uri", "oauth2_server_uri"])
def test_credentials_never_travel_in_plain_text(key: str):
    urls = {"uri": "https://catalog.example", key: "http://catalog.example"}
    with pytest.raises(ValidationError, match=f"would travel unencrypted: write https in {key}"):
        plan_of(**urls, client_id="keeper", client_secret="s3cret")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "catalog.localhost"])
def test_plain_text_on_this_machine_is_fine(host: str):
    assert plan_of(uri=f"http://{host}:8181", client_id="keeper", client_secret="s3cret").endpoint == f"{host}:8181"


def test_an_identifier_needs_its_secret():
    with pytest.raises(ValidationError, match="go together: set client_secret"):
        plan_of(uri="https://catalog.example", client_id="keeper")


def test_plan_names_what_is_touched():
    issuer = "https://login.example/token"
    plan = plan_of(
        uri="https://catalog.example/api/", **LOGIN, oauth2_server_uri=issuer, namespace="shop.raw", write=True
    )
    assert plan.endpoint == "catalog.example/api"
    assert plan.connects == ("https://catalog.example", "https://login.example")
    assert plan.principal == "keeper"
    assert plan.creates == (
        "namespace shop.raw.floe-preflight-*",
        "table shop.raw.floe-preflight-*.floe-preflight-*",
    )
    assert "TABLE_DROP on namespace shop.raw of catalog lake to client keeper" in plan.needs


def test_plan_of_a_reader_creates_nothing():
    plan = plan_of(uri="https://catalog.example", **LOGIN)
    assert (plan.creates, plan.needs) == ((), ("NAMESPACE_LIST on catalog lake to client keeper",))
