"""Azure storage, by Azurite: shared keys, signatures and the claims of tokens, as it verifies them."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.edits import headed
from tests.faults.lab import Lab
from tests.faults.path import Tamper, relay
from tests.faults.server import Answer, FaultyServer
from tests.servers.azurite import ACCOUNT, Azurite
from tests.servers.entra import application, entra, unsigned_token

PREFIX = "wh"
STRANGERS_KEY = base64.b64encode(b"x" * 64).decode()
_HOUR = 1.0
_LAST_WEEK = {"nbf": int(time.time()) - 700_000, "exp": int(time.time()) - 600_000}
_NEXT_WEEK = {"nbf": int(time.time()) + 600_000, "exp": int(time.time()) + 700_000}

#: Returns the login for a container.
Login = Callable[[Azurite, str], dict[str, object]]


def logged_in(login: Login, *, data: bool = False, **changes: object) -> Arrange:
    """Return the arrangement of a new container, with a blob in it if it is to hold ``data``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: Azurite = lab.server("azurite")
        container = server.container(f"matrix-{lab.number()}")
        if data:
            server.put(container, f"{PREFIX}/part-0", "data")
        where = {"container": container, "account": ACCOUNT, "endpoint": server.url, "ca_file": server.ca_file}
        told = {**where, "prefix": PREFIX, "hierarchical_namespace": False, **login(server, container), **changes}
        yield Scene(told, lambda: set(server.everything_in(container)) - {f"{PREFIX}/part-0"})

    return arrange


def signed(permissions: str = "rcdl", **how: Any) -> Login:
    """Log in by a signature for the container: r, c, w, d, l are read, create, write, delete, list."""
    return lambda server, container: {"sas_token": server.signature(container, permissions, **how)}


def signed_for_account(services: str = "b", kinds: str = "co", permissions: str = "rcdl") -> Login:
    """Log in by a signature for the account: its services b, q, f, t, and kinds of resources s, c, o."""
    return lambda server, _: {"sas_token": server.account_signature(services, kinds, permissions)}


def with_key(key: str | None = None) -> Login:
    """Log in by the shared key of the account."""
    return lambda server, _: {"account_key": key or server.account_key}


def of_another_container(server: Azurite, _: str) -> dict[str, object]:
    return {"sas_token": server.signature("elsewhere", "rcdl")}


def changed(server: Azurite, container: str) -> dict[str, object]:
    """A signature for less, with the permissions of more."""
    return {"sas_token": server.signature(container, "l").replace("sp=l", "sp=rcdl")}


def of_a_revoked_policy(server: Azurite, container: str) -> dict[str, object]:
    return {"sas_token": server.signature(container, None, policy="revoked")}


def applied(answer: Answer | None = None, **claims: Any) -> Arrange:
    """Return the arrangement of an application whose token has ``claims``, or that gets another ``answer``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        token = unsigned_token(**claims)
        with ExitStack() as stack:
            issuer = stack.enter_context(entra(lab.certificates, answer, token))
            scene = stack.enter_context(logged_in(lambda _server, _container: application(issuer))(lab))
            yield Scene(scene.settings, scene.leftovers, secrets=(token,))

    return arrange


@contextmanager
def nobody(lab: Lab) -> Iterator[Scene]:
    """Have nothing to log in with, and nobody else to ask."""
    lab.monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    with logged_in(lambda _server, _container: {})(lab) as scene:
        yield scene


@contextmanager
def kept(lab: Lab) -> Iterator[Scene]:
    """Have a signature that deletes nothing; what the check leaves is removed afterwards."""
    server: Azurite = lab.server("azurite")
    with logged_in(signed("rcl"))(lab) as scene:
        yield scene
        server.empty(str(scene.settings["container"]))


def refused(login: Login, code: str) -> Arrange:
    """Return the arrangement of an account that refuses all that it is asked, as Azurite never does."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: Azurite = lab.server("azurite")
        with logged_in(login)(lab) as scene:
            account = urlsplit(server.url)
            refusal = Tamper("", "", Answer(403, b"", {"x-ms-error-code": code}))
            origin = f"{account.scheme}://{account.netloc}"
            with FaultyServer(relay(origin, refusal, ca_file=server.ca_file)) as path:
                yield replace(
                    scene, settings={**scene.settings, "endpoint": f"{path.url}{account.path}", "ca_file": None}
                )

    return arrange


def archived(*others: str) -> Arrange:
    """Return the arrangement of a container to read, whose first blob is archived, and that has ``others``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: Azurite = lab.server("azurite")
        with logged_in(signed("rl"), data=True, write=False)(lab) as scene:
            container = str(scene.settings["container"])
            server.archive(container, f"{PREFIX}/part-0")
            for name in others:
                server.put(container, f"{PREFIX}/{name}", "data")
            yield Scene(scene.settings)

    return arrange


@contextmanager
def held(lab: Lab) -> Iterator[Scene]:
    """Look at a container under legal hold, which Azurite does not have, with the key of its account."""
    server: Azurite = lab.server("azurite")
    with logged_in(with_key())(lab) as scene:
        account = urlsplit(server.url)
        hold = Tamper("GET", r"restype=container(?!.*comp=list)", headed({"x-ms-has-legal-hold": "true"}))
        origin = f"{account.scheme}://{account.netloc}"
        with FaultyServer(relay(origin, hold, ca_file=server.ca_file)) as path:
            yield replace(scene, settings={**scene.settings, "endpoint": f"{path.url}{account.path}", "ca_file": None})


_BY_KEY, _BY_SIGNATURE = f"shared key of account {ACCOUNT}", f"shared access signature for account {ACCOUNT}"
_WHERE = f"abfss://{{container}}@{ACCOUNT}/"
TWIN = Twin(kind="adls", name="a signature for what is needed", server="Azurite", arrange=logged_in(signed()))
KEY = Twin(kind="adls", name="shared key", server="Azurite", arrange=logged_in(with_key()))
READ = Twin(
    kind="adls", name="a signature to read", server="Azurite", arrange=logged_in(signed("rl"), data=True, write=False)
)
ACCOUNT_WIDE = Twin(
    kind="adls", name="a signature for the account", server="Azurite", arrange=logged_in(signed_for_account())
)
APPLICATION = Twin(kind="adls", name="an application", server="Azurite", arrange=applied())
_REAL: dict[str, Any] = {"kind": "adls", "source": "real", "server": "Azurite", "twin": TWIN}
_REJECTED: dict[str, Any] = {
    **_REAL,
    "cause": "authenticate.rejected",
    "step": "authorize.list",
    "remedy": f"correct or renew the credentials of {_BY_SIGNATURE}",
}

CELLS = [
    # Who one is
    Cell(
        **{**_REJECTED, "twin": KEY, "remedy": f"correct or renew the credentials of {_BY_KEY}"},
        fault="wrong-secret",
        at="shared key",
        arrange=logged_in(with_key(STRANGERS_KEY)),
    ),
    Cell(
        **{**_REJECTED, "twin": KEY, "remedy": f"correct or renew the credentials of {_BY_KEY}"},
        fault="wrong-secret",
        at="no key at all",
        arrange=logged_in(with_key("not-in-base64-at-all")),
    ),
    Cell(**_REJECTED, fault="wrong-secret", at="changed signature", arrange=logged_in(changed)),
    Cell(**_REJECTED, fault="wrong-secret", at="revoked policy", arrange=logged_in(of_a_revoked_policy)),
    Cell(
        **{**_REJECTED, "twin": KEY, "remedy": "the credentials of shared key of account nobody-known"},
        fault="wrong-user",
        arrange=logged_in(lambda server, _: {"account_key": server.account_key, "account": "nobody-known"}),
    ),
    Cell(
        **_REJECTED, fault="wrong-user", at="signature for another container", arrange=logged_in(of_another_container)
    ),
    Cell(**_REJECTED, fault="expired-token", at="signature", arrange=logged_in(signed(hours=-_HOUR))),
    Cell(
        **_REJECTED,
        fault="early-token",
        at="signature",
        arrange=logged_in(signed(hours=3 * _HOUR, begins=2 * _HOUR)),
    ),
    Cell(
        **{**_REJECTED, "twin": APPLICATION, "remedy": "correct or renew the credentials of application floe-app"},
        fault="expired-token",
        at="bearer",
        arrange=applied(**_LAST_WEEK),
    ),
    Cell(
        **{**_REJECTED, "twin": APPLICATION, "remedy": "correct or renew the credentials of application floe-app"},
        fault="early-token",
        at="bearer",
        arrange=applied(**_NEXT_WEEK),
    ),
    Cell(
        **{**_REJECTED, "twin": APPLICATION, "remedy": "correct or renew the credentials of application floe-app"},
        fault="missing-scope",
        at="token for another service",
        arrange=applied(aud="https://graph.microsoft.com"),
    ),
    Cell(
        **_REAL,
        fault="no-credentials",
        arrange=nobody,
        cause="config.missing_credentials",
        step="authenticate",
        remedy="give credentials: account_key, sas_token, connection_string",
    ),
    # What one may do
    Cell(
        **_REAL,
        fault="list-denied",
        arrange=logged_in(signed("rcd")),
        cause="authorize.list_denied",
        step="authorize.list",
        remedy=f"grant Storage Blob Data Reader, or a SAS with permission l, on {_WHERE}{PREFIX}/",
    ),
    Cell(
        **_REAL,
        fault="write-denied",
        arrange=logged_in(signed("rdl")),
        cause="authorize.write_denied",
        step="operate.write",
        remedy=f"grant Storage Blob Data Contributor, or a SAS with permissions cw, on {_WHERE}{PREFIX}/",
    ),
    Cell(
        **_REAL,
        fault="read-denied",
        arrange=logged_in(signed("cdl")),
        cause="authorize.read_denied",
        step="operate.read",
        remedy=f"grant Storage Blob Data Reader, or a SAS with permission r, on {_WHERE}{PREFIX}/",
    ),
    Cell(
        **{**_REAL, "twin": READ},
        fault="read-denied",
        at="of what is there",
        arrange=logged_in(signed("l"), data=True, write=False),
        cause="authorize.read_denied",
        step="operate.read",
        remedy=f"grant Storage Blob Data Reader, or a SAS with permission r, on {_WHERE}{PREFIX}/",
    ),
    Cell(
        **_REAL,
        fault="delete-denied",
        arrange=kept,
        cause="authorize.delete_denied",
        step="operate.delete",
        remedy=f"grant Storage Blob Data Contributor, or a SAS with permission d, on {_WHERE}{PREFIX}/",
        stays=True,
    ),
    Cell(
        **{**_REAL, "twin": ACCOUNT_WIDE},
        fault="service-denied",
        arrange=logged_in(signed_for_account(services="q")),
        cause="authorize.denied",
        step="authorize.list",
        remedy=f"grant the blob service (ss=b) to the {_BY_SIGNATURE}",
    ),
    Cell(
        **{**_REAL, "twin": ACCOUNT_WIDE},
        fault="write-denied",
        at="containers only",
        arrange=logged_in(signed_for_account(kinds="c")),
        cause="authorize.denied",
        step="operate.write",
        remedy=f"grant containers and objects (srt=co) to the {_BY_SIGNATURE}",
    ),
    Cell(
        **{**_REAL, "twin": KEY, "source": "path"},
        fault="not-admitted",
        at="shared key",
        arrange=refused(with_key(), "KeyBasedAuthenticationNotPermitted"),
        cause="authenticate.not_admitted",
        step="authorize.list",
        remedy=f"admit the {_BY_KEY} (allow shared key access there), or log in through Entra",
    ),
    Cell(
        **{**_REAL, "source": "path"},
        fault="list-denied",
        at="firewall",
        arrange=refused(signed(), "AuthorizationFailure"),
        cause="authorize.list_denied",
        step="authorize.list",
        remedy="and admit this machine in the network rules of the storage account",
    ),
    # What is there
    Cell(
        **{**_REAL, "twin": KEY, "source": "path"},
        fault="retained",
        at="legal hold",
        arrange=held,
        status="warning",
        cause="operate.retained",
        step=None,
        remedy="use a bucket that lets go of what is deleted",
        says="under legal hold",
    ),
    *(
        Cell(
            **{**_REAL, "twin": READ},
            fault="archived",
            at=at,
            arrange=arrange,
            status="ok",
            cause=None,
            step=None,
            remedy="",
            says=says,
        )
        for at, arrange, says in (
            ("first", archived("part-1"), f"read from {PREFIX}/part-1"),
            ("all", archived(), "can't be read before it is restored"),
        )
    ),
    Cell(
        **{**_REAL, "twin": KEY},
        fault="no-bucket",
        arrange=logged_in(with_key(), container="matrix-nowhere"),
        cause="operate.not_found",
        step="authorize.list",
        remedy=f"create it, or correct its name: abfss://matrix-nowhere@{ACCOUNT}/",
    ),
]
