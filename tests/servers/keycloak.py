"""An OAuth2 issuer: Keycloak, with a realm for the tests in which clients and their roles are made as needed.

Given: ``FLOE_TEST_KEYCLOAK=http://user:password@host:port``, an administrator of the realm ``master``. In a container:
``keycloak/keycloak``. Native: from Maven, with its first start, which takes longest, done when it is installed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import containers, programs
from tests.servers.processes import free_port, healthy, started
from tests.servers.providers import first_that_serves, given

IMAGE = f"quay.io/keycloak/keycloak:{programs.KEYCLOAK}"
REALM = "floe-preflight-tests"
ADMIN, PASSWORD = programs.KEYCLOAK_ADMIN, programs.KEYCLOAK_PASSWORD
STARTS_WITHIN, ANSWERS_WITHIN = 240.0, 60.0
#: What the check asks for unless told otherwise; an issuer refuses scopes that it does not know.
SCOPE = "PRINCIPAL_ROLE:ALL"


@dataclass
class Keycloak:
    """A running Keycloak, and the realm of the tests in it.

    >>> keycloak.client("loader", "create", "drop")     # {"client_id": "loader", "client_secret": …}, with two roles
    >>> keycloak.token("loader")                        # a bearer token
    >>> keycloak.revoke("loader", "drop")               # its next token no longer has the role
    >>> keycloak.disable("loader")
    >>> keycloak.token_lifetime(1)                      # seconds; of all tokens from now on
    """

    url: str
    user: str = ADMIN
    password: str = field(default=PASSWORD, repr=False)
    _token: str = field(default="", repr=False)
    _until: float = 0.0

    @property
    def issuer(self) -> str:
        return f"{self.url}/realms/{REALM}"

    @property
    def token_endpoint(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/token"

    def prepare(self) -> None:
        """Make the realm, or empty the one that is there: who trusts it knows its keys."""
        if self._ask("GET", f"/{REALM}", accept=(404,)).status_code == httpx.codes.NOT_FOUND:
            scope = {"name": SCOPE, "protocol": "openid-connect", "attributes": {"include.in.token.scope": "true"}}
            self._ask("POST", "", json={"realm": REALM, "enabled": True, "sslRequired": "none"})
            self._ask("POST", f"/{REALM}/client-scopes", json=scope)
        self.clear()

    def clear(self) -> None:
        """Remove the clients that the tests made."""
        for client in self._found("clients"):
            if client["serviceAccountsEnabled"]:
                self._ask("DELETE", f"/{REALM}/clients/{client['id']}")

    def client(self, name: str, *roles: str) -> dict[str, str]:
        """Return id and secret of the client ``name``, made with realm ``roles`` on first use."""
        if not self._found("clients", clientId=name):
            self._ask("POST", f"/{REALM}/clients", json=_client(name))
            self.grant(name, *roles)
        return {"client_id": name, "client_secret": secret_of(name)}

    def grant(self, client: str, *roles: str) -> None:
        """Give the client roles."""
        self._ask("POST", self._roles_of(client), json=list(self._roles(roles)))

    def revoke(self, client: str, *roles: str) -> None:
        """Take roles from the client."""
        self._ask("DELETE", self._roles_of(client), json=list(self._roles(roles)))

    def disable(self, client: str) -> None:
        """Let the client no longer log in."""
        self._ask("PUT", self._path_of(client), json={"enabled": False})

    def enable(self, client: str) -> None:
        """Let the client log in again."""
        self._ask("PUT", self._path_of(client), json={"enabled": True})

    def token_lifetime(self, seconds: int) -> None:
        """Let tokens that are issued from now on live so long."""
        self._ask("PUT", f"/{REALM}", json={"accessTokenLifespan": seconds})

    def token(self, client: str) -> str:
        """Return a bearer token of the client."""
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret_of(client)}
        answer = httpx.post(self.token_endpoint, data=form, timeout=ANSWERS_WITHIN)
        return str(answer.raise_for_status().json()["access_token"])

    def _roles(self, names: Iterable[str]) -> Iterator[dict[str, Any]]:
        for name in names:
            self._ask("POST", f"/{REALM}/roles", json={"name": name}, accept=(201, 409))
            yield self._ask("GET", f"/{REALM}/roles/{name}").json()

    def _path_of(self, client: str) -> str:
        return f"/{REALM}/clients/{self._found('clients', clientId=client)[0]['id']}"

    def _roles_of(self, client: str) -> str:
        account = self._ask("GET", f"{self._path_of(client)}/service-account-user").json()
        return f"/{REALM}/users/{account['id']}/role-mappings/realm"

    def _found(self, what: str, **query: str) -> list[dict[str, Any]]:
        return list(self._ask("GET", f"/{REALM}/{what}", params=query).json())

    def _ask(self, method: str, path: str, *, accept: tuple[int, ...] = (), **request: Any) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {self._login()}"}
        answer = httpx.request(
            method, f"{self.url}/admin/realms{path}", headers=bearer, timeout=ANSWERS_WITHIN, **request
        )
        return answer if answer.status_code in accept else answer.raise_for_status()

    def _login(self) -> str:
        """Return the administrator's token; Keycloak makes it hard to compute, so it is used as long as it lives."""
        if time.monotonic() > self._until:
            form = {
                "grant_type": "password",
                "client_id": "admin-cli",
                "username": self.user,
                "password": self.password,
            }
            where = f"{self.url}/realms/master/protocol/openid-connect/token"
            answer = httpx.post(where, data=form, timeout=ANSWERS_WITHIN).raise_for_status().json()
            self._token = answer["access_token"]
            self._until = time.monotonic() + answer["expires_in"] / 2
        return self._token


def secret_of(client: str) -> str:
    return f"s3cret-of-{client}"


def _client(name: str) -> dict[str, Any]:
    grants = {"serviceAccountsEnabled": True, "standardFlowEnabled": False, "publicClient": False}
    scopes = {"defaultClientScopes": ["basic", "profile", "roles"], "optionalClientScopes": [SCOPE]}
    return {"clientId": name, "enabled": True, "secret": secret_of(name), **grants, **scopes}


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """Keycloak with an empty realm."""
    with first_that_serves(
        "Keycloak",
        endpoint=at_endpoint,
        container=in_container,
        native=lambda: natively(tmp_path_factory.mktemp("keycloak")),
    ) as server:
        server.prepare()
        yield server
        server.clear()


@contextmanager
def at_endpoint() -> Iterator[Keycloak]:
    """Use a Keycloak that runs already; the realm of the tests stays in it, without clients."""
    there = given("FLOE_TEST_KEYCLOAK")
    yield Keycloak(there.url, there.user, there.password)


@contextmanager
def in_container() -> Iterator[Keycloak]:
    """Run the official image."""
    env = {"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD}
    with containers.running(IMAGE, ports=[8080], command="start-dev", env=env) as container:
        server = Keycloak(f"http://{containers.address(container, 8080)}")
        containers.wait_until(lambda: healthy(f"{server.url}/realms/master"), container)
        yield server


@contextmanager
def natively(folder: Path) -> Iterator[Keycloak]:
    """Run a Keycloak of our own, from the state in which its installation left it."""
    home = programs.keycloak()
    database = Path(shutil.copytree(home / "initial", folder / "database"))
    server = Keycloak(f"http://127.0.0.1:{(port := free_port())}")
    command = [home / "bin" / "kc.sh", "start", "--optimized", "--http-enabled=true", "--hostname-strict=false"]
    command += ["--cache=local", "--http-host=127.0.0.1", f"--http-port={port}"]
    command += ["--http-management-host=127.0.0.1", f"--http-management-port={free_port()}"]
    with started(command, programs.keycloak_environment(database)) as process:
        process.wait_until(lambda: healthy(f"{server.url}/realms/master"), STARTS_WITHIN)
        yield server
