"""Iceberg REST by Nessie, with tokens of Keycloak and tables in MinIO: three real servers that refuse by themselves."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.servers.nessie import NessieServer

#: What a cell does to a server and to the settings of its client, which it may change.
Setting = Callable[[NessieServer, dict[str, object]], None]


def as_principal(name: str, setting: Setting | None = None, **changes: object) -> Arrange:
    """Return the arrangement of a client that has the rights of ``name`` in tests/servers/nessie.py."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: NessieServer = lab.server("nessie")
        settings = {**server.principal(name), "write": True, **changes}
        if setting:
            setting(server, settings)
        yield Scene(settings, server.canaries, {"issuer": server.keycloak.token_endpoint})
        server.clear()

    return arrange


# Tokens


def without_login(_: NessieServer, settings: dict[str, object]) -> None:
    for key in ("client_id", "client_secret", "oauth2_server_uri"):
        settings[key] = None


def with_token(token: str | None = None) -> Setting:
    """Return what sends a ready-made token; one of the client's own, past its end, if none is given."""

    def change(server: NessieServer, settings: dict[str, object]) -> None:
        settings["token"] = token or expired(server, str(settings["client_id"]))
        without_login(server, settings)

    return change


def expired(server: NessieServer, client: str) -> str:
    """Return a token that the catalog takes no longer."""
    server.keycloak.token_lifetime(1)
    try:
        token = server.keycloak.token(client)
    finally:
        server.keycloak.token_lifetime(300)
    bearer = {"Authorization": f"Bearer {token}"}
    while httpx.get(f"{server.uri}/v1/config", headers=bearer).status_code != httpx.codes.UNAUTHORIZED:
        continue  # it lives for a second
    return token


def in_realm(name: str) -> Setting:
    """Return what asks the issuer of another realm for the token."""

    def change(server: NessieServer, settings: dict[str, object]) -> None:
        settings["oauth2_server_uri"] = f"{server.keycloak.url}/realms/{name}/protocol/openid-connect/token"

    return change


@contextmanager
def locked_out(lab: Lab) -> Iterator[Scene]:
    server: NessieServer = lab.server("nessie")
    login = server.keycloak.client("locked_out")
    server.keycloak.disable("locked_out")
    settings = server.principal("full") | login
    yield Scene(settings, server.canaries, {"issuer": server.keycloak.token_endpoint})


# What is beneath


def frozen(which: Callable[[NessieServer], str]) -> Arrange:
    """Return the arrangement in which the process that serves a URL does nothing any more."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: NessieServer = lab.server("nessie")
        settings = {**server.principal("full"), "write": True}
        pid = listening(urlsplit(which(server)).port)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield Scene(settings, names={"issuer_address": urlsplit(server.keycloak.url).netloc})
        finally:
            os.kill(pid, signal.SIGCONT)

    return arrange


def listening(port: int | None) -> int:
    """Return the process that listens on ``port`` of this machine."""
    found = [one.pid for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.laddr.port == port]
    if not found or not found[0]:
        pytest.skip(f"the server on port {port} is no process of this machine that could be frozen")
    return found[0]


def plain_text_called_tls(server: NessieServer, settings: dict[str, object]) -> None:
    settings["uri"] = server.uri.replace("http://", "https://")


TWIN = Twin(kind="polaris", name="Nessie with Keycloak", server="Nessie", arrange=as_principal("full"))


def cell(fault: str, arrange: Arrange, cause: str, step: str | None, remedy: str, **more: Any) -> Cell:
    return Cell(**{  # type: ignore[arg-type]
        "kind": "polaris", "source": "real", "server": "Nessie", "twin": TWIN, "at": "Nessie",
        "fault": fault, "arrange": arrange, "cause": cause, "step": step, "remedy": remedy, **more,
    })  # fmt: skip


def lacking(verb: str, privilege: str, step: str, principal: str, **more: Any) -> Cell:
    remedy = f"grant {privilege} on catalog {{warehouse}} to client {principal}"
    return cell(f"{verb}-denied", as_principal(principal), f"authorize.{verb}_denied", step, remedy, **more)


_ISSUER = {"server": "Keycloak"}

CELLS = [
    # Who one is.
    cell("wrong-secret", as_principal("full", client_secret="not-the-right-secret"), "authenticate.rejected",
         "authenticate", "credentials of client full at {issuer}", **_ISSUER),
    cell("wrong-user", as_principal("full", client_id="nobody-knows-this"), "authenticate.rejected", "authenticate",
         "credentials of client nobody-knows-this at {issuer}", **_ISSUER),
    cell("wrong-user", locked_out, "authenticate.rejected", "authenticate", "credentials of client locked_out",
         at="Keycloak disabled", **_ISSUER),
    cell("no-credentials", as_principal("full", without_login), "config.missing_credentials", "operate.config",
         "polaris.client_id and polaris.client_secret"),
    cell("missing-scope", as_principal("full", scope="PRINCIPAL_ROLE:unheard-of"), "authorize.denied", "authenticate",
         "grant scope PRINCIPAL_ROLE:unheard-of to client full", **_ISSUER),
    cell("wrong-realm", as_principal("full", in_realm("elsewhere")), "operate.not_found", "authenticate",
         "/realms/elsewhere", **_ISSUER),
    cell("expired-token", as_principal("full", with_token()), "authenticate.rejected", "operate.config",
         "credentials of the token's principal"),
    cell("expired-token", as_principal("full", with_token("not-a-token")), "authenticate.rejected", "operate.config",
         "credentials of the token's principal", at="Nessie forged"),
    # What one may do.
    lacking("list", "NAMESPACE_LIST", "authorize.list", "no_list"),
    lacking("write", "NAMESPACE_CREATE", "operate.create_namespace", "no_create"),
    lacking("write", "TABLE_CREATE", "operate.create_table", "no_create_table", at="Nessie table"),
    lacking("delete", "TABLE_DROP", "operate.drop_table", "no_drop", stays=True),
    lacking("delete", "NAMESPACE_DROP", "operate.drop_namespace", "no_drop_namespace", at="Nessie namespace",
            stays=True),
    cell("list-denied", as_principal("unknown"), "authorize.list_denied", "authorize.list",
         "grant NAMESPACE_LIST on catalog {warehouse} to client unknown", at="Nessie no role"),
    # What is there.
    cell("no-warehouse", as_principal("full", warehouse="nobody-made-this"), "operate.not_found", "operate.config",
         "warehouse nobody-made-this"),
    cell("no-schema", as_principal("full", namespace="nobody.made_this"), "operate.not_found",
         "authorize.list_tables", "namespace nobody.made_this"),
    # How it is.
    cell("vanish", frozen(lambda server: server.uri), "timeout", "operate.config", "--floe-timeout: {address}",
         deadline=3.0, at="Nessie frozen"),
    cell("vanish", frozen(lambda server: server.keycloak.url), "timeout", "authenticate",
         "--floe-timeout: {issuer_address}", deadline=3.0, at="Keycloak frozen", **_ISSUER),
    cell("plain-on-tls", as_principal("full", plain_text_called_tls), "tls.handshake_failed", "tls", "{address}"),
]  # fmt: skip
