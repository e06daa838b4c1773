"""A host is a name or an address alone; one of IPv6 may stand in brackets, as it does in a URL, or without."""

import pytest

from pytest_floe import url_host
from tests.config.conftest import Project


@pytest.mark.parametrize("written", ["::1", "[::1]"])
@pytest.mark.parametrize(
    ("keys", "target"),
    [
        ("compute_type: trino, compute_host: '{}'", "compute-trino"),
        ("compute_type: snowflake, snowflake: {{account: a, user: u, token: '${{env:TOKEN}}', host: '{}'}}", None),
        ("postgres_host: '{}'", "postgres-postgres"),
        ("targets: [{{service: postgres, kind: postgres, host: '{}'}}]", "postgres-postgres"),
    ],
    ids=["trino", "snowflake", "postgres", "listed"],
)
def test_brackets_around_an_address_are_no_part_of_it(
    project: Project, keys: str, target: str | None, written: str
) -> None:
    text = f"environments: {{prod: {{{keys.format(written)}}}}}"
    settings = project.settings(text, target or "compute-snowflake", TOKEN="a-token-of-the-lab")
    assert settings.host == "::1"


@pytest.mark.parametrize("written", ["::1", "[::1]"])
def test_so_they_are_where_a_variable_gives_it(project: Project, written: str) -> None:
    text = "environments: {prod: {targets: [{service: postgres, kind: postgres}]}}"
    assert project.settings(text, "postgres-postgres", PGHOST=written).host == "::1"


@pytest.mark.parametrize(
    ("host", "shown"), [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1"), ("db.prod.example", "db.prod.example")]
)
def test_in_a_url_it_has_them(host: str, shown: str) -> None:
    assert url_host(host) == shown
