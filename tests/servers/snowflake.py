"""Snowflake: fakesnow behind a front with passwords, roles, refusals, and warehouses that sleep."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector

from tests.servers import programs
from tests.servers.processes import free_port, running
from tests.servers.providers import first_that_serves

FRONT = Path(__file__).with_name("snowflake_front.py")
DATABASE, SCHEMA = "LAKE", "SHOP"

_USERS = ("writer", "reader", "creator", "onlooker", "outsider", "outcast", "blind", "idler", "spectator",
          "hoarder", "spender", "sluggard", "neighbour", "locked", "disabled", "abroad", "late", "unfactored",
          "walled", "confused")  # fmt: skip
PASSWORDS = {user: f"{user}-of-snowflake-test" for user in _USERS}
TOKEN, EXPIRED_TOKEN = "a-token-of-the-reader", "yesterdays-token-of-the-reader"
_NOT_HERE = "Object does not exist, or operation cannot be performed."
_SPENT = "Warehouse 'COMPUTE' cannot be resumed because resource monitor 'M' has exceeded its quota."
_TOO_LONG = "Statement reached its statement or warehouse timeout of 60 second(s) and was canceled."
_DENIED = "SQL access control error:\nInsufficient privileges to operate on"
CONFIG = {
    "passwords": PASSWORDS,
    "tokens": {TOKEN: "reader"},
    "expired_tokens": [EXPIRED_TOKEN],
    "no_login": {
        "locked": ("390102", "User temporarily locked. Try again later, or contact your local system administrator."),
        "disabled": ("390101", "User access disabled. Contact your local system administrator."),
        "abroad": ("390422", "Incoming request with IP 127.0.0.1 is not allowed to access Snowflake."),
        "late": ("394304", "JWT token is invalid."),
        "unfactored": ("394508", "Failed to authenticate: MFA authentication is required, but none is supported."),
        "walled": ("395090", "Network policy is required."),
        "confused": ("390195", "Incoming request does not contain a valid OAuth token type."),
    },
    "roles": ["LOADER", "PUBLIC"],
    "schemas": {DATABASE: [SCHEMA, "EMPTY"]},
    "warehouses": {"COMPUTE": "STARTED", "SLEEPER": "SUSPENDED", "DEEP_SLEEPER": "SUSPENDED"},
    "not_resumed_by_queries": ["DEEP_SLEEPER"],
    "refusals": [
        ("reader", "CREATE", "003001", f"{_DENIED} schema '{SCHEMA}'"),
        ("creator", "INSERT", "003001", f"{_DENIED} table 'SCRATCH'"),
        ("onlooker", "SELECT \\* FROM", "003001", f"{_DENIED} table 'ORDERS'"),
        ("outsider", "USE DATABASE", "002043", _NOT_HERE),
        ("outcast", "USE SCHEMA", "002043", _NOT_HERE),
        ("blind", "SHOW TABLES", "003001", f"{_DENIED} schema '{SCHEMA}'"),
        ("spectator", "ALTER WAREHOUSE", "003001", f"{_DENIED} warehouse 'SLEEPER'"),
        ("sluggard", "SELECT COUNT", "000630", _TOO_LONG),
        ("hoarder", "DROP", "003001", f"{_DENIED} table 'SCRATCH'"),
        ("neighbour", "DROP TABLE .*-guarded", "003001", f"{_DENIED} table 'SCRATCH'"),
        ("spender", "SELECT COUNT", "090073", _SPENT),
        ("idler", "USE WAREHOUSE", "003001", f"{_DENIED} warehouse 'COMPUTE'"),
    ],
}


@dataclass(frozen=True)
class SnowflakeServer:
    """A running server; it speaks plain HTTP."""

    port: int

    def run(self, *statements: str) -> list[Any]:
        """Run ``statements`` as the user who may do everything, and return the rows of the last one."""
        options = {"connect_timeout": 5, "enable_server_session_keep_alive_auto_detection": False}
        where = {"host": "127.0.0.1", "port": self.port, "protocol": "http", "account": "test", **options}
        login = {"user": "writer", "password": PASSWORDS["writer"], "database": DATABASE, "schema": SCHEMA}
        with closing(snowflake.connector.connect(**where, **login)) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def tables(self) -> set[str]:
        return {row[1] for row in self.run(f"SHOW TABLES IN SCHEMA {DATABASE}.{SCHEMA}")}

    def state(self, warehouse: str) -> str:
        return str(self.run(f"SHOW WAREHOUSES LIKE '{warehouse}'")[0][1])


@pytest.fixture(scope="session")
def snowflake_server() -> Iterator[SnowflakeServer]:
    """Snowflake with a schema ``LAKE.SHOP`` that has one table with one row."""
    with first_that_serves("fakesnow", native=natively) as server:
        yield server


@contextmanager
def natively() -> Iterator[SnowflakeServer]:
    """Run the emulator from an environment of its own."""
    home = programs.fakesnow()
    server = SnowflakeServer(free_port())
    # -P: beside the script lies a module named snowflake.
    command = [home / "bin" / "python", "-P", FRONT, str(server.port), json.dumps(CONFIG)]
    with running(command, f"http://127.0.0.1:{server.port}", os.environ):
        server.run("CREATE TABLE ORDERS AS SELECT 1 AS id")
        yield server
