"""The catalog check against Nessie, which asks Keycloak's tokens for rights of its own, over MinIO."""

from __future__ import annotations

import time
from collections.abc import Iterator

import jwt
import pytest

from tests.checks.conftest import RunCheck
from tests.servers.nessie import PRINCIPALS, WAREHOUSE, NessieServer


@pytest.fixture(autouse=True)
def _nothing_of_other_tests(nessie: NessieServer) -> Iterator[None]:
    yield
    nessie.clear()


def test_full_rights_are_enough(run_check: RunCheck, nessie: NessieServer) -> None:
    outcome = run_check("polaris", write=True, **nessie.principal("full"))

    assert (outcome.status, outcome.cause, outcome.left) == ("ok", None, [])
    assert ", table created and dropped, token valid" in outcome.message
    assert nessie.canaries() == []


def test_reading_needs_no_more_than_reading(run_check: RunCheck, nessie: NessieServer) -> None:
    outcome = run_check("polaris", **nessie.principal("read_only"))

    assert outcome.status == "ok"


@pytest.mark.parametrize(
    ("principal", "cause", "step", "privilege"),
    [
        ("unknown", "authorize.list_denied", "authorize.list", "NAMESPACE_LIST"),
        ("no_list", "authorize.list_denied", "authorize.list", "NAMESPACE_LIST"),
        ("read_only", "authorize.write_denied", "operate.create_namespace", "NAMESPACE_CREATE"),
        ("no_create", "authorize.write_denied", "operate.create_namespace", "NAMESPACE_CREATE"),
        ("no_create_table", "authorize.write_denied", "operate.create_table", "TABLE_CREATE"),
        ("no_drop", "authorize.delete_denied", "operate.drop_table", "TABLE_DROP"),
        ("no_drop_namespace", "authorize.delete_denied", "operate.drop_namespace", "NAMESPACE_DROP"),
    ],
)
def test_a_missing_right_is_named(
    run_check: RunCheck, nessie: NessieServer, principal: str, cause: str, step: str, privilege: str
) -> None:
    outcome = run_check("polaris", write=True, **nessie.principal(principal))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, step)
    assert outcome.subject == f"{privilege} on catalog lake to client {principal}"
    assert bool(nessie.canaries()) == bool(outcome.left) == (cause == "authorize.delete_denied")


def test_a_warehouse_that_is_not_there(run_check: RunCheck, nessie: NessieServer) -> None:
    outcome = run_check("polaris", **(nessie.principal("full") | {"warehouse": "nowhere"}))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "operate.not_found", "operate.config")
    assert outcome.subject == "warehouse nowhere"


def test_a_role_that_was_taken_away(run_check: RunCheck, nessie: NessieServer) -> None:
    nessie.keycloak.client("demoted", *PRINCIPALS["full"])
    login = nessie.principal("full") | nessie.keycloak.client("demoted")
    before = run_check("polaris", write=True, **login)

    nessie.keycloak.revoke("demoted", "create_table")
    after = run_check("polaris", write=True, **login)

    assert (before.status, after.cause, after.step) == ("ok", "authorize.write_denied", "operate.create_table")


@pytest.mark.parametrize(
    ("login", "cause", "subject"),
    [
        ({"client_secret": "not-the-secret"}, "authenticate.rejected", "client full at {issuer}"),
        ({"client_id": "nobody"}, "authenticate.rejected", "client nobody at {issuer}"),
        ({"scope": "everything"}, "authorize.denied", "scope everything to client full"),
    ],
)
def test_what_keycloak_refuses(
    run_check: RunCheck, nessie: NessieServer, login: dict[str, str], cause: str, subject: str
) -> None:
    outcome = run_check("polaris", **(nessie.principal("full") | login))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, "authenticate")
    assert outcome.subject == subject.format(issuer=nessie.keycloak.token_endpoint)


def test_a_client_that_is_disabled(run_check: RunCheck, nessie: NessieServer) -> None:
    login = nessie.principal("read_only")
    nessie.keycloak.disable("read_only")

    outcome = run_check("polaris", **login)
    nessie.keycloak.enable("read_only")

    assert (outcome.status, outcome.cause, outcome.step) == ("error", "authenticate.rejected", "authenticate")


def test_a_token_of_ones_own(run_check: RunCheck, nessie: NessieServer) -> None:
    where = {"uri": nessie.uri, "warehouse": WAREHOUSE}
    nessie.principal("read_only")

    right = run_check("polaris", **where, token=nessie.keycloak.token("read_only"))
    forged = run_check("polaris", **where, token="not.a.token")
    none = run_check("polaris", **where)

    assert right.status == "ok"
    assert (forged.cause, none.cause) == ("authenticate.rejected", "config.missing_credentials")


def test_a_token_that_has_expired(run_check: RunCheck, nessie: NessieServer) -> None:
    nessie.principal("read_only")
    nessie.keycloak.token_lifetime(1)
    token = nessie.keycloak.token("read_only")
    nessie.keycloak.token_lifetime(300)
    expiry = jwt.decode(token, options={"verify_signature": False})["exp"]

    while time.time() <= expiry:
        time.sleep(0.05)
    outcome = run_check("polaris", uri=nessie.uri, warehouse=WAREHOUSE, token=token)

    assert (outcome.status, outcome.cause) == ("error", "authenticate.rejected")
