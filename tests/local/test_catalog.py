"""The embedded Iceberg REST catalog as its protocol says, through HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_floe.local.configs import ALL_ROLES, DELETE, READ, WRITE, CatalogConfig, Principal
from pytest_floe.local.launch import running
from tests.local.waiting import eventually

SCHEMA = {"type": "struct", "fields": [{"id": 1, "name": "id", "type": "long", "required": True}]}
LIFETIME = 2  # seconds: long enough for a test's few requests, short enough to wait for


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    config = CatalogConfig(
        principals=[
            Principal("writer", "writer-secret", {ALL_ROLES: [READ, WRITE, DELETE], "PRINCIPAL_ROLE:viewer": [READ]}),
            Principal("reader", "reader-secret", {ALL_ROLES: [READ]}),
            Principal("keeper", "keeper-secret", {ALL_ROLES: [READ, WRITE]}),
        ],
        warehouse="shop",
        location=tmp_path_factory.mktemp("warehouse").as_uri(),
        realm="POLARIS",
    )
    with running(config) as server:
        yield f"http://127.0.0.1:{server.port}"


def ask_for_token(catalog: str, client: str = "writer", secret: str | None = None, **form: str) -> httpx.Response:
    given = {"client_id": client, "client_secret": secret or f"{client}-secret", "scope": ALL_ROLES}
    return httpx.post(f"{catalog}/v1/oauth/tokens", data={"grant_type": "client_credentials", **given, **form})


def session(catalog: str, client: str = "writer", **form: str) -> httpx.Client:
    token = ask_for_token(catalog, client, **form).json()["access_token"]
    return httpx.Client(base_url=f"{catalog}/v1", headers={"Authorization": f"Bearer {token}"})


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and type of a refusal, whose body has to be the specification's ErrorModel."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code"}
    assert error["code"] == answer.status_code
    return answer.status_code, error["type"]


def commit(name: str, schema_id: int) -> dict[str, Any]:
    """A change that is only right while the table's current schema is ``schema_id``."""
    return {
        "identifier": {"namespace": ["books"], "name": name},
        "requirements": [{"type": "assert-current-schema-id", "current-schema-id": schema_id}],
        "updates": [{"action": "set-properties", "updates": {"seen": "yes"}}],
    }


@pytest.fixture
def tables(catalog: str) -> Iterator[httpx.Client]:
    """A session of the writer, with the tables books.orders and books.items."""
    with session(catalog) as writer:
        writer.post("/shop/namespaces", json={"namespace": ["books"]})
        for name in ("orders", "items"):
            writer.post("/shop/namespaces/books/tables", json={"name": name, "schema": SCHEMA}).raise_for_status()
        yield writer
        for name in ("orders", "items"):
            writer.delete(f"/shop/namespaces/books/tables/{name}")
        writer.delete("/shop/namespaces/books").raise_for_status()


# Tokens


def test_a_client_gets_a_token(catalog: str) -> None:
    answer = ask_for_token(catalog)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["token_type"] == "bearer"
    assert answer.json()["expires_in"] == 3600
    assert answer.json()["scope"] == ALL_ROLES


def test_a_client_may_name_itself_in_the_basic_header(catalog: str) -> None:
    form = {"grant_type": "client_credentials", "scope": ALL_ROLES}
    url = f"{catalog}/v1/oauth/tokens"
    assert httpx.post(url, data=form, auth=("writer", "writer-secret")).status_code == 200
    assert httpx.post(url, data=form, auth=("writer", "not it")).json()["error"] == "invalid_client"
    assert httpx.post(url, data=form, headers={"Authorization": "Basic ???"}).json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("asked", "status", "error"),
    [
        ({"secret": "not it"}, 401, "invalid_client"),
        ({"client": "nobody"}, 401, "invalid_client"),
        ({"client": "nobody", "client_secret": ""}, 401, "invalid_client"),
        ({"scope": "PRINCIPAL_ROLE:owner"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_token_is_refused_as_rfc_6749_says(catalog: str, asked: dict[str, str], status: int, error: str) -> None:
    answer = ask_for_token(catalog, **asked)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "not it" not in answer.text


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic made-up"}])
def test_without_a_known_token_everything_is_401(catalog: str, header: dict[str, str]) -> None:
    answer = httpx.get(f"{catalog}/v1/config?warehouse=shop", headers=header)
    assert refused(answer) == (401, "NotAuthorizedException")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_tokens_expire(tmp_path: Path) -> None:
    principal = Principal("writer", "writer-secret", {ALL_ROLES: [READ]})
    config = CatalogConfig([principal], "shop", tmp_path.as_uri(), token_lifetime=LIFETIME)
    with running(config) as server:
        catalog = f"http://127.0.0.1:{server.port}"
        assert ask_for_token(catalog).json()["expires_in"] == LIFETIME
        with session(catalog) as writer:
            assert writer.get("/shop/namespaces").status_code == 200
            assert eventually(lambda: writer.get("/shop/namespaces").status_code != 200, within=5 * LIFETIME)
            answer = writer.get("/shop/namespaces")
        assert refused(answer) == (401, "NotAuthorizedException")
        assert "expired" in answer.json()["error"]["message"]
        with session(catalog) as renewed:
            assert renewed.get("/shop/namespaces").status_code == 200


# What a token allows


def test_a_token_without_scope_allows_nothing(catalog: str) -> None:
    with session(catalog, scope="") as unscoped:
        assert refused(unscoped.get("/config?warehouse=shop")) == (403, "ForbiddenException")
        assert refused(unscoped.get("/shop/namespaces")) == (403, "ForbiddenException")


def test_a_narrow_scope_allows_less_than_the_client_may(catalog: str) -> None:
    with session(catalog, scope="PRINCIPAL_ROLE:viewer") as narrow:
        assert narrow.get("/shop/namespaces").status_code == 200
        assert refused(narrow.post("/shop/namespaces", json={"namespace": ["x"]})) == (403, "ForbiddenException")


def test_a_reader_reads_and_does_not_write(catalog: str, tables: httpx.Client) -> None:
    with session(catalog, "reader") as reader:
        assert reader.get("/shop/namespaces/books/tables/orders").status_code == 200
        assert refused(reader.post("/shop/namespaces/books/tables", json={"name": "x", "schema": SCHEMA}))[0] == 403
        assert refused(reader.post("/shop/transactions/commit", json={"table-changes": []}))[0] == 403
        assert refused(reader.delete("/shop/namespaces/books/tables/orders"))[0] == 403
    assert tables.get("/shop/namespaces/books/tables/orders").status_code == 200


def test_writing_and_deleting_are_granted_apart(catalog: str, tables: httpx.Client) -> None:
    with session(catalog, "keeper") as keeper:
        assert keeper.post("/shop/namespaces/books/properties", json={"updates": {"a": "b"}}).status_code == 200
        assert refused(keeper.delete("/shop/namespaces/books/tables/orders"))[0] == 403


# Warehouse and realm


def test_the_configuration_leads_to_the_warehouse(catalog: str) -> None:
    with session(catalog) as writer:
        answer = writer.get("/config?warehouse=shop").json()
    assert answer["overrides"]["prefix"] == "shop"
    assert "POST /v1/{prefix}/namespaces/{namespace}/tables" in answer["endpoints"]


def test_an_unknown_warehouse_is_404_and_none_is_400(catalog: str) -> None:
    with session(catalog) as writer:
        assert refused(writer.get("/config?warehouse=other")) == (404, "NotFoundException")
        assert refused(writer.get("/other/namespaces")) == (404, "NotFoundException")
        assert refused(writer.get("/config")) == (400, "BadRequestException")


def test_another_realm_is_refused(catalog: str) -> None:
    other = {"Polaris-Realm": "OTHER"}
    form = {"grant_type": "client_credentials", "client_id": "writer", "client_secret": "writer-secret"}
    assert refused(httpx.post(f"{catalog}/v1/oauth/tokens", data=form, headers=other))[0] == 404
    with session(catalog) as writer:
        assert refused(writer.get("/config?warehouse=shop", headers=other)) == (404, "MissingOrInvalidRealm")
        assert writer.get("/config?warehouse=shop", headers={"Polaris-Realm": "POLARIS"}).status_code == 200


# Namespaces and tables


def test_a_namespace_is_created_changed_listed_and_dropped(catalog: str) -> None:
    with session(catalog) as writer:
        created = writer.post("/shop/namespaces", json={"namespace": ["toys"], "properties": {"owner": "floe"}})
        assert created.json() == {"namespace": ["toys"], "properties": {"owner": "floe"}}
        assert ["toys"] in writer.get("/shop/namespaces").json()["namespaces"]
        change = {"updates": {"owner": "shop"}, "removals": ["never-there"]}
        changed = writer.post("/shop/namespaces/toys/properties", json=change).json()
        assert changed == {"removed": [], "updated": ["owner"], "missing": ["never-there"]}
        assert writer.get("/shop/namespaces/toys").json()["properties"]["owner"] == "shop"
        assert writer.delete("/shop/namespaces/toys").status_code == 204
        assert writer.head("/shop/namespaces/toys").status_code == 404


def test_nested_namespaces_are_listed_under_their_parent(catalog: str) -> None:
    with session(catalog) as writer:
        for namespace in (["outer"], ["outer", "inner"]):
            writer.post("/shop/namespaces", json={"namespace": namespace}).raise_for_status()
        found = writer.get("/shop/namespaces", params={"parent": "outer"}).json()
        assert found == {"namespaces": [["outer", "inner"]]}
        for path in ("outer%1Finner", "outer"):
            writer.delete(f"/shop/namespaces/{path}").raise_for_status()


def test_a_table_is_created_loaded_committed_renamed_and_dropped(tables: httpx.Client) -> None:
    loaded = tables.get("/shop/namespaces/books/tables/orders").json()
    assert loaded["metadata-location"].endswith(".metadata.json")
    assert loaded["metadata"]["schemas"][0]["fields"][0]["name"] == "id"
    committed = tables.post("/shop/namespaces/books/tables/orders", json=commit("orders", schema_id=0)).json()
    assert committed["metadata"]["properties"] == {"seen": "yes"}
    assert committed["metadata-location"] != loaded["metadata-location"]
    names = [{"namespace": ["books"], "name": name} for name in ("orders", "orders2")]
    for source, destination in (names, reversed(names)):
        move = {"source": source, "destination": destination}
        assert tables.post("/shop/tables/rename", json=move).status_code == 204
    assert tables.delete("/shop/namespaces/books/tables/orders").status_code == 204
    assert tables.head("/shop/namespaces/books/tables/orders").status_code == 404


def test_a_staged_table_is_there_only_after_its_commit(tables: httpx.Client) -> None:
    request = {"name": "staged", "schema": SCHEMA, "stage-create": True}
    staged = tables.post("/shop/namespaces/books/tables", json=request).json()
    assert staged["metadata-location"] is None
    assert tables.head("/shop/namespaces/books/tables/staged").status_code == 404


def test_a_transaction_commits_all_of_its_tables(tables: httpx.Client) -> None:
    changes = {"table-changes": [commit("orders", 0), commit("items", 0)]}
    assert tables.post("/shop/transactions/commit", json=changes).status_code == 204
    for name in ("orders", "items"):
        assert tables.get(f"/shop/namespaces/books/tables/{name}").json()["metadata"]["properties"] == {"seen": "yes"}


def test_a_transaction_with_one_unmet_requirement_commits_nothing(tables: httpx.Client) -> None:
    changes = {"table-changes": [commit("orders", 0), commit("items", 9)]}
    assert refused(tables.post("/shop/transactions/commit", json=changes)) == (409, "CommitFailedException")
    for name in ("orders", "items"):
        assert tables.get(f"/shop/namespaces/books/tables/{name}").json()["metadata"]["properties"] == {}


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/shop/namespaces/books/tables/none", None, (404, "NoSuchTableException")),
        (
            "POST",
            "/shop/namespaces/books/tables/none",
            {"requirements": [], "updates": []},
            (404, "NoSuchTableException"),
        ),
        ("GET", "/shop/namespaces/none/tables", None, (404, "NoSuchNamespaceException")),
        ("POST", "/shop/namespaces/none/tables", {"name": "x", "schema": SCHEMA}, (404, "NoSuchNamespaceException")),
        ("POST", "/shop/namespaces", {"namespace": ["books"]}, (409, "AlreadyExistsException")),
        (
            "POST",
            "/shop/namespaces/books/tables",
            {"name": "orders", "schema": SCHEMA},
            (409, "AlreadyExistsException"),
        ),
        ("DELETE", "/shop/namespaces/books", None, (409, "NamespaceNotEmptyException")),
        ("POST", "/shop/namespaces", {}, (400, "BadRequestException")),
        ("POST", "/shop/namespaces/books/tables", {"name": "x", "schema": 7}, (400, "BadRequestException")),
        ("POST", "/shop/namespaces", ["no", "object"], (400, "BadRequestException")),
        ("GET", "/no/such/path", None, (404, "NotFoundException")),
        ("PUT", "/shop/namespaces", {}, (405, "MethodNotAllowedException")),
    ],
)
def test_refusals_have_the_form_of_the_specification(
    tables: httpx.Client, method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    assert refused(tables.request(method, path, json=body)) == expected
