"""The catalog check against Polaris' own: realms, and tokens of the catalog itself, on Nessie and Keycloak."""

from __future__ import annotations

import pytest

from tests.checks.conftest import RunCheck
from tests.servers.polaris import PolarisServer


def test_a_token_of_the_catalog_itself_lets_one_write(run_check: RunCheck, polaris: PolarisServer) -> None:
    outcome = run_check("polaris", write=True, **polaris.principal("full"))

    assert (outcome.status, outcome.cause, outcome.left) == ("ok", None, [])
    assert outcome.probe.facts["token_scope"] == "PRINCIPAL_ROLE:ALL"


@pytest.mark.parametrize(
    ("wrong", "cause", "subject"),
    [
        ({"realm": "ELSEWHERE"}, "operate.not_found", "realm ELSEWHERE"),
        ({"realm": None}, "operate.not_found", "realm (none given)"),
        ({"client_secret": "not-the-secret"}, "authenticate.rejected", "client full at {uri}/v1/oauth/tokens"),
        ({"scope": "PRINCIPAL_ROLE:other"}, "authorize.denied", "scope PRINCIPAL_ROLE:other to client full"),
        ({"scope": ""}, "authorize.denied", "scope  to client full"),
    ],
)
def test_what_polaris_refuses(
    run_check: RunCheck, polaris: PolarisServer, wrong: dict[str, str], cause: str, subject: str
) -> None:
    outcome = run_check("polaris", **(polaris.principal("full") | wrong))

    assert (outcome.status, outcome.cause, outcome.step) == ("error", cause, "authenticate")
    assert outcome.subject == subject.format(uri=polaris.uri)


def test_a_missing_right_is_named(run_check: RunCheck, polaris: PolarisServer) -> None:
    outcome = run_check("polaris", write=True, **polaris.principal("read_only"))

    assert (outcome.cause, outcome.step) == ("authorize.write_denied", "operate.create_namespace")
