"""Snowflake, by fakesnow behind a front (tests/servers/snowflake_front.py): logins, grants and warehouses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.servers.google_gateway import key_pair
from tests.servers.snowflake import DATABASE, EXPIRED_TOKEN, PASSWORDS, SCHEMA, TOKEN, SnowflakeServer

_GRANTED = f'SCHEMA "{DATABASE}"."{SCHEMA}" to role LOADER'


def settings_of(server: SnowflakeServer, user: str, **changes: object) -> dict[str, object]:
    """Return how ``user``, whose grants are those of tests/servers/snowflake.py, logs in."""
    where = {"account": "test", "host": "127.0.0.1", "port": server.port, "protocol": "http"}
    work = {"role": "loader", "warehouse": "compute", "database": "lake", "schema": "shop"}
    return {**where, **work, "user": user, "password": PASSWORDS.get(user), "write": True, **changes}


def as_user(user: str, **changes: object) -> Arrange:
    """Return the arrangement of a ``user`` with the password."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: SnowflakeServer = lab.server("snowflake_server")
        yield Scene(settings_of(server, user, **changes), lambda: server.tables() - {"ORDERS"})

    return arrange


def by_token(token: str) -> Arrange:
    """Return the arrangement of a reader with an OAuth token."""
    return as_user("reader", password=None, token=token, write=False)


def by_key(user: str) -> Arrange:
    """Return the arrangement of a ``user`` with a key that the server does not know."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        file = lab.tmp_path / "key.p8"
        file.write_text(key_pair()[0])
        with as_user(user, password=None, private_key_file=file)(lab) as scene:
            yield scene

    return arrange


@contextmanager
def kept(lab: Lab) -> Iterator[Scene]:
    """Have a user who drops nothing; what the check leaves is dropped afterwards."""
    server: SnowflakeServer = lab.server("snowflake_server")
    with as_user("hoarder")(lab) as scene:
        yield scene
        for table in server.tables() - {"ORDERS"}:
            server.run(f'DROP TABLE {DATABASE}.{SCHEMA}."{table}"')


_FRONT = "fakesnow behind a front"
TWIN = Twin(kind="snowflake", name="a role with all grants", server=_FRONT, arrange=as_user("writer"))
BY_TOKEN = Twin(kind="snowflake", name="an OAuth token", server=_FRONT, arrange=by_token(TOKEN))
_OF: dict[str, Any] = {"kind": "snowflake", "source": "emulator", "server": _FRONT, "twin": TWIN}
_AT_LOGIN: dict[str, Any] = {**_OF, "step": "authenticate"}
_REJECTED: dict[str, Any] = {**_AT_LOGIN, "cause": "authenticate.rejected"}
_NOT_THERE: dict[str, Any] = {**_OF, "cause": "operate.not_found"}

CELLS = [
    # Who one is
    Cell(
        **_REJECTED,
        fault="wrong-secret",
        at="password",
        arrange=as_user("reader", password="not-the-readers-password"),
        remedy="correct or renew the credentials of user reader as loader at http://{address}",
    ),
    Cell(
        **_REJECTED,
        fault="wrong-secret",
        at="key",
        arrange=by_key("reader"),
        remedy="the credentials of user reader as loader at http://{address}",
    ),
    Cell(
        **{**_REJECTED, "twin": BY_TOKEN},
        fault="wrong-secret",
        at="token",
        arrange=by_token("nobodys-token-at-all"),
        remedy="the credentials of user reader as loader at http://{address}",
    ),
    Cell(
        **{**_REJECTED, "twin": BY_TOKEN},
        fault="expired-token",
        arrange=by_token(EXPIRED_TOKEN),
        remedy="correct or renew the credentials of user reader as loader at http://{address}",
    ),
    Cell(
        **_REJECTED,
        fault="wrong-user",
        arrange=as_user("nobody_known", password="of-nobody-known"),
        remedy="the credentials of user nobody_known as loader at http://{address}",
    ),
    Cell(
        **_OF,
        fault="no-credentials",
        arrange=as_user("reader", password=None),
        cause="config.missing_credentials",
        step="driver",
        remedy="snowflake.password, snowflake.private_key_file or snowflake.token",
    ),
    Cell(
        **_AT_LOGIN,
        fault="clock-skew",
        arrange=by_key("late"),
        cause="authenticate.clock_skew",
        remedy="set the clock of this machine by NTP",
    ),
    Cell(
        **_AT_LOGIN,
        fault="not-admitted",
        at="user locked",
        arrange=as_user("locked"),
        cause="authenticate.not_admitted",
        remedy="admit user locked as loader at http://{address}",
    ),
    Cell(
        **_AT_LOGIN,
        fault="not-admitted",
        at="user disabled",
        arrange=as_user("disabled"),
        cause="authenticate.not_admitted",
        remedy="admit user disabled as loader at http://{address}",
    ),
    Cell(
        **_AT_LOGIN,
        fault="not-admitted",
        at="network policy",
        arrange=as_user("abroad"),
        cause="authorize.denied",
        remedy="user abroad",
        says="is not allowed to access Snowflake",
    ),
    Cell(
        **_AT_LOGIN,
        fault="not-admitted",
        at="without a second factor",
        arrange=as_user("unfactored"),
        cause="authenticate.not_admitted",
        remedy="admit user unfactored as loader at http://{address}",
        says="MFA authentication is required",
    ),
    Cell(
        **_AT_LOGIN,
        fault="not-admitted",
        at="without a network policy",
        arrange=as_user("walled"),
        cause="authenticate.not_admitted",
        remedy="admit user walled as loader at http://{address}",
        says="Network policy is required",
    ),
    Cell(
        **_REJECTED,
        fault="wrong-secret",
        at="for a reason that is not listed",
        arrange=as_user("confused"),
        remedy="the credentials of user confused as loader at http://{address}",
    ),
    Cell(
        **_AT_LOGIN,
        fault="missing-scope",
        at="role",
        arrange=as_user("reader", role="ACCOUNTADMIN"),
        cause="authorize.denied",
        remedy="ACCOUNTADMIN",
    ),
    # The warehouse
    Cell(
        **_NOT_THERE,
        fault="no-warehouse",
        arrange=as_user("writer", warehouse="nowhere"),
        step="authorize.warehouse",
        remedy="WAREHOUSE NOWHERE, or USAGE on it for role LOADER",
    ),
    Cell(
        **_OF,
        fault="warehouse-denied",
        at="usage",
        arrange=as_user("idler"),
        cause="authorize.denied",
        step="authorize.warehouse",
        remedy="grant USAGE on WAREHOUSE COMPUTE to role LOADER",
    ),
    Cell(
        **_OF,
        fault="warehouse-denied",
        at="operate",
        arrange=as_user("spectator", warehouse="DEEP_SLEEPER", resume_warehouse=True),
        cause="authorize.denied",
        step="operate.query",
        remedy="grant OPERATE on WAREHOUSE DEEP_SLEEPER to role LOADER",
    ),
    Cell(
        **_OF,
        fault="suspended",
        arrange=as_user("writer", warehouse="DEEP_SLEEPER"),
        status="warning",
        cause="operate.suspended",
        step=None,
        remedy="set snowflake.resume_warehouse, or ALTER WAREHOUSE DEEP_SLEEPER RESUME",
    ),
    Cell(
        **_OF,
        fault="no-credits",
        arrange=as_user("spender"),
        cause="operate.exhausted",
        step="operate.query",
        remedy="free or raise the limit of WAREHOUSE COMPUTE",
    ),
    Cell(
        **_OF,
        fault="statement-timeout",
        arrange=as_user("sluggard"),
        cause="timeout",
        step="operate.query",
        remedy="look at the load of the service, or raise --floe-timeout: WAREHOUSE COMPUTE",
    ),
    # What is there; Snowflake says the same of what is not there and of what is not granted
    Cell(
        **_NOT_THERE,
        fault="no-database",
        arrange=as_user("writer", database="nowhere"),
        step="authorize.database",
        remedy='DATABASE "NOWHERE", or USAGE on it for role LOADER',
    ),
    Cell(
        **_NOT_THERE,
        fault="no-database",
        at="usage denied",
        arrange=as_user("outsider"),
        step="authorize.database",
        remedy=f'DATABASE "{DATABASE}", or USAGE on it for role LOADER',
    ),
    Cell(
        **_NOT_THERE,
        fault="no-schema",
        arrange=as_user("writer", schema="nowhere"),
        step="authorize.schema",
        remedy=f'SCHEMA "{DATABASE}"."NOWHERE", or USAGE on it for role LOADER',
    ),
    Cell(
        **_NOT_THERE,
        fault="no-schema",
        at="usage denied",
        arrange=as_user("outcast"),
        step="authorize.schema",
        remedy=f'SCHEMA "{DATABASE}"."{SCHEMA}", or USAGE on it for role LOADER',
    ),
    # What one may do
    Cell(
        **_OF,
        fault="list-denied",
        arrange=as_user("blind"),
        cause="authorize.list_denied",
        step="authorize.list",
        remedy=f"grant USAGE on {_GRANTED}",
    ),
    Cell(
        **_OF,
        fault="read-denied",
        arrange=as_user("onlooker"),
        cause="authorize.read_denied",
        step="authorize.read",
        remedy=f"grant SELECT on tables of {_GRANTED}",
    ),
    Cell(
        **_OF,
        fault="write-denied",
        at="create",
        arrange=as_user("reader"),
        cause="authorize.write_denied",
        step="operate.create",
        remedy=f"grant CREATE TABLE on {_GRANTED}",
    ),
    Cell(
        **_OF,
        fault="write-denied",
        at="insert",
        arrange=as_user("creator"),
        cause="authorize.write_denied",
        step="operate.write",
        remedy=f"grant INSERT on FUTURE TABLES in {_GRANTED}",
    ),
    Cell(
        **_OF,
        fault="delete-denied",
        arrange=kept,
        cause="authorize.delete_denied",
        step="operate.delete",
        remedy=f"grant OWNERSHIP on FUTURE TABLES in {_GRANTED}",
        stays=True,
    ),
]
