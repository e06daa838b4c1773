"""Trino, by itself: logins, rules, resource groups and certificates, and what it says of its own state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.faults.path import Tamper, relay
from tests.faults.server import Answer, FaultyServer, Request
from tests.servers.trino import CATALOG, PASSWORDS, RULES, SCHEMA, TrinoServer, has_started
from tests.servers.trino_strict import FULL, HASTY, POOR, SMALL, STRAY, WAITING, Booting, StrictTrino, boot

_OLD = {"orders"}
_ALL_BUT_DROP = ["SELECT", "INSERT", "DELETE", "UPDATE"]
#: For cells in which a query waits until the check's time is up.
_SHORT = 10.0

Around = Callable[[StrictTrino, Lab], AbstractContextManager[object]]


def over_tls(server: StrictTrino, user: str, **changes: object) -> dict[str, object]:
    """Return how ``user`` logs in with a password."""
    where = {"host": "localhost", "port": server.tls_port, "ca_file": server.ca_file}
    work = {"catalog": CATALOG, "schema": SCHEMA, "write": True}
    return {**where, **work, "user": user, "password": PASSWORDS.get(user), **changes}


def left_on(server: TrinoServer, catalog: str = CATALOG) -> Callable[[], set[str]]:
    """Return what asks for tables that were not there before."""
    return lambda: {str(name) for (name,) in server.run(f"SHOW TABLES FROM {catalog}.{SCHEMA}")} - _OLD


def as_user(user: str, around: Around | None = None, **changes: object) -> Arrange:
    """Return the arrangement of a ``user`` with the password, while ``around`` is in place."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: StrictTrino = lab.server("trino_strict")
        with ExitStack() as stack:
            if around:
                stack.enter_context(around(server, lab))
            yield Scene(over_tls(server, user, **changes), left_on(server))

    return arrange


def with_token(user: str = "reader", *, of: str | None = None, key: str | None = None, **claims: Any) -> Arrange:
    """Return the arrangement of a ``user`` with a JWT, of another user, by another key, or with other claims."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: StrictTrino = lab.server("trino_strict")
        token = server.signed(of or user, **({"key": key} if key else {}), **claims)
        yield Scene(over_tls(server, user, password=None, token=token, write=False))

    return arrange


def presenting(fault: str) -> Arrange:
    """Return the arrangement of a server whose certificate has a fault."""
    return as_user("writer", lambda server, lab: server.presenting(lab.certificates, fault))


def ruled(**changes: Any) -> Around:
    """Have further rules apply."""
    return lambda server, _: server.ruled(**changes)


@contextmanager
def revoked_before_drop(lab: Lab) -> Iterator[Scene]:
    """Take from the user, as soon as a table is to be dropped, the right to; what the check leaves is dropped."""
    server: StrictTrino = lab.server("trino_strict")
    without_drop = {"user": "writer", "catalog": CATALOG, "privileges": _ALL_BUT_DROP}
    poorer = {**RULES, "tables": [without_drop, *RULES["tables"]]}

    def revoke(_: Request, real: Callable[[], Answer]) -> Answer:
        server.rule(poorer)
        return real()

    tamper = Tamper("POST", "/v1/statement", revoke, body=b"DROP TABLE")
    with FaultyServer(relay(f"http://127.0.0.1:{server.port}", tamper)) as path:
        where = {"host": path.host, "port": path.port, "user": "writer"}
        yield Scene({**where, "catalog": CATALOG, "schema": SCHEMA, "write": True}, left_on(server))
    server.rule(RULES)
    for table in left_on(server)():
        server.run(f'DROP TABLE {CATALOG}.{SCHEMA}."{table}"')


@contextmanager
def small(lab: Lab) -> Iterator[Scene]:
    """Have a catalog that has no room."""
    server: StrictTrino = lab.server("trino_strict")
    yield Scene(over_tls(server, "writer", catalog=SMALL), left_on(server, SMALL))


@contextmanager
def starting(lab: Lab) -> Iterator[Scene]:
    """Ask a server before it is ready: the session's if nobody needed it yet, else another."""
    booting: Booting = lab.server("trino_booting")
    with ExitStack() as stack:
        if has_started(booting.server):
            booting = stack.enter_context(boot(lab.certificates))
        booting.process.wait_until(lambda: booting.is_starting)
        yield Scene({"host": "127.0.0.1", "port": booting.server.port, "user": "writer"})


@contextmanager
def without_workers(lab: Lab) -> Iterator[Scene]:
    """Have nobody who works."""
    server: TrinoServer = lab.server("trino_without_workers")
    yield Scene({"host": "127.0.0.1", "port": server.port, "user": "writer"})


@contextmanager
def without_password(lab: Lab) -> Iterator[Scene]:
    """Have nothing to log in with."""
    server: StrictTrino = lab.server("trino_strict")
    yield Scene(over_tls(server, "reader", password=None, scheme="https"))


TWIN = Twin(kind="trino", name="a password over verified TLS", server="Trino", arrange=as_user("writer"))
BY_TOKEN = Twin(kind="trino", name="a JWT", server="Trino", arrange=with_token())
_REAL: dict[str, Any] = {"kind": "trino", "source": "real", "server": "Trino", "twin": TWIN}
_AT_LOGIN: dict[str, Any] = {**_REAL, "step": "authenticate"}
_TOKEN: dict[str, Any] = {
    **_AT_LOGIN,
    "twin": BY_TOKEN,
    "cause": "authenticate.rejected",
    "remedy": "correct or renew the credentials of user reader at https://{address}",
}
_TLS: dict[str, Any] = {**_REAL, "step": "tls"}
_PLACE = f'"{CATALOG}"."{SCHEMA}"'

CELLS = [
    # How it is; the first of these is asked before the server is ready
    Cell(
        **_REAL,
        fault="starting",
        arrange=starting,
        cause="operate.not_ready",
        step="operate.ready",
        remedy="wait until it is ready, or look at its health: http://{address}",
    ),
    Cell(
        **_REAL,
        fault="no-workers",
        arrange=without_workers,
        cause="operate.not_ready",
        step="authenticate",
        remedy="look at its health: http://{address}",
        says="no worker is active",
        deadline=_SHORT,
    ),
    Cell(
        **_AT_LOGIN,
        fault="no-connections",
        at="resource group full",
        arrange=as_user("writer", source=FULL),
        cause="operate.exhausted",
        remedy="free or raise the limit of https://{address}",
        says="QUERY_QUEUE_FULL",
    ),
    Cell(
        **_AT_LOGIN,
        fault="no-connections",
        at="resource group queues",
        arrange=as_user("writer", source=WAITING),
        cause="operate.not_ready",
        remedy="look at its health: https://{address}",
        says="the resource group is full",
        deadline=_SHORT,
    ),
    Cell(
        **_AT_LOGIN,
        fault="no-connections",
        at="no resource group",
        arrange=as_user("writer", source=STRAY),
        cause="operate.exhausted",
        remedy="https://{address}",
        says="QUERY_REJECTED",
    ),
    Cell(
        **_AT_LOGIN,
        fault="statement-timeout",
        arrange=as_user("writer", source=HASTY),
        cause="timeout",
        remedy="look at the load of the service, or raise --floe-timeout: https://{address}",
        says="EXCEEDED_TIME_LIMIT",
    ),
    Cell(
        **_AT_LOGIN,
        fault="no-memory",
        arrange=as_user("writer", source=POOR),
        cause="operate.exhausted",
        remedy="free or raise the limit of https://{address}",
        says="EXCEEDED_LOCAL_MEMORY_LIMIT",
    ),
    Cell(
        **_REAL,
        fault="catalog-full",
        arrange=small,
        cause="operate.out_of_space",
        step="operate.write",
        remedy=f'free or add space at "{SMALL}"."{SCHEMA}"',
    ),
    Cell(
        **_REAL,
        fault="recovery",
        at="catalog that takes no tables",
        arrange=as_user("writer", catalog="tpch", schema="tiny"),
        cause="operate.read_only",
        step="operate.create",
        remedy='end the read-only mode of "tpch"."tiny"',
    ),
    # Who one is
    Cell(
        **_AT_LOGIN,
        fault="wrong-user",
        arrange=as_user("nobody_known", password="of-nobody-known"),
        cause="authenticate.rejected",
        remedy="the credentials of user nobody_known at https://{address}",
    ),
    Cell(
        **_AT_LOGIN,
        fault="no-credentials",
        arrange=without_password,
        cause="config.missing_credentials",
        remedy="give credentials: trino.password or trino.token",
    ),
    Cell(**_TOKEN, fault="expired-token", arrange=with_token(exp=time.time() - 60)),
    Cell(**_TOKEN, fault="wrong-secret", at="token of another key", arrange=with_token(key="another key " * 4)),
    Cell(**_TOKEN, fault="wrong-secret", at="no token at all", arrange=as_user("reader", password=None, token="none")),
    Cell(**_TOKEN, fault="wrong-user", at="token without user", arrange=with_token(sub="")),
    Cell(**_TOKEN, fault="wrong-issuer", arrange=with_token(iss="https://elsewhere.example")),
    Cell(**_TOKEN, fault="wrong-audience", arrange=with_token(aud="another")),
    Cell(
        **{**_TOKEN, "cause": "authenticate.clock_skew", "remedy": "then look at the one of https://{address}"},
        fault="early-token",
        arrange=with_token(nbf=time.time() + 100_000, exp=time.time() + 200_000),
    ),
    Cell(
        **{**_TOKEN, "cause": "authorize.denied", "remedy": "grant impersonation of user writer to user reader"},
        fault="impersonation-denied",
        arrange=with_token("writer", of="reader"),
    ),
    Cell(
        **_AT_LOGIN,
        fault="role-denied",
        arrange=as_user("writer", roles={"system": "admin"}),
        cause="authorize.denied",
        remedy="grant role admin to user writer",
    ),
    # What one may do
    Cell(
        **_AT_LOGIN,
        fault="queries-denied",
        arrange=as_user("silenced"),
        cause="authorize.denied",
        remedy="grant user silenced the right to run queries",
    ),
    Cell(
        **_REAL,
        fault="read-denied",
        at="catalog",
        arrange=as_user("outsider"),
        cause="authorize.read_denied",
        step="authorize.catalog",
        remedy=f'grant access to catalog "{CATALOG}" to user outsider',
    ),
    Cell(
        **_REAL,
        fault="read-denied",
        at="schema",
        arrange=as_user("outsider", ruled(catalogs=[{"user": "outsider", "catalog": CATALOG, "allow": "all"}])),
        cause="authorize.read_denied",
        step="authorize.schema",
        remedy=f"grant select from tables of {_PLACE} to user outsider",
    ),
    Cell(
        **_REAL,
        fault="read-denied",
        arrange=as_user("onlooker"),
        cause="authorize.read_denied",
        step="authorize.read",
        remedy=f"grant select from tables of {_PLACE} to user onlooker",
    ),
    Cell(
        **_REAL,
        fault="read-denied",
        at="of what was written",
        arrange=as_user(
            "writer",
            ruled(tables=[{"user": "writer", "table": "floe-.*", "privileges": ["INSERT", "DELETE", "OWNERSHIP"]}]),
        ),
        cause="authorize.read_denied",
        step="operate.read",
        remedy=f"grant select from tables of {_PLACE} to user writer",
    ),
    Cell(
        **_REAL,
        fault="write-denied",
        at="catalog is read-only",
        arrange=as_user("reader"),
        cause="authorize.write_denied",
        step="operate.create",
        remedy=f"grant create tables of {_PLACE} to user reader",
    ),
    Cell(
        **_REAL,
        fault="write-denied",
        at="insert",
        arrange=as_user("creator"),
        cause="authorize.write_denied",
        step="operate.write",
        remedy=f"grant insert into tables of {_PLACE} to user creator",
    ),
    Cell(
        **_REAL,
        fault="delete-denied",
        arrange=revoked_before_drop,
        cause="authorize.delete_denied",
        step="operate.delete",
        remedy=f"grant drop tables of {_PLACE} to user writer",
        stays=True,
    ),
    # What is there
    Cell(
        **_REAL,
        fault="no-catalog",
        arrange=as_user("writer", catalog="nowhere"),
        cause="operate.not_found",
        step="authorize.catalog",
        remedy=f'create it, or correct its name: "nowhere"."{SCHEMA}"',
    ),
    Cell(
        **_REAL,
        fault="no-schema",
        arrange=as_user("writer", schema="nowhere"),
        cause="operate.not_found",
        step="authorize.schema",
        remedy=f'create it, or correct its name: "{CATALOG}"."nowhere"',
    ),
    # Certificates
    Cell(
        **_TLS,
        fault="cert-expired",
        at="Trino's own",
        arrange=presenting("expired"),
        cause="tls.expired",
        remedy="renew the certificate of {address}",
    ),
    Cell(
        **_TLS,
        fault="cert-not-yet-valid",
        at="Trino's own",
        arrange=presenting("not yet valid"),
        cause="tls.not_yet_valid",
        remedy="install the certificate of {address} when it is valid",
    ),
    Cell(
        **_TLS,
        fault="cert-wrong-host",
        at="Trino's own",
        arrange=presenting("wrong host"),
        cause="tls.hostname_mismatch",
        remedy="issue one for {address}",
    ),
    Cell(
        **_TLS,
        fault="cert-self-signed",
        at="Trino's own",
        arrange=presenting("self signed"),
        cause="tls.untrusted",
        remedy="install a trusted one at {address}",
    ),
    Cell(
        **_TLS,
        fault="cert-unknown-authority",
        at="Trino's own",
        arrange=presenting("unknown authority"),
        cause="tls.untrusted",
        remedy="install a trusted one at {address}",
    ),
    Cell(
        **{**_TLS, "step": None},
        fault="cert-expires-soon",
        at="Trino's own",
        arrange=presenting("expires soon"),
        status="warning",
        cause="tls.expires_soon",
        remedy="renew the certificate of {address}",
    ),
]
