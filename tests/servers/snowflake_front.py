"""Runs fakesnow behind what Snowflake has and it lacks: passwords, roles, refusals, and warehouses that sleep.

Usage: snowflake_front.py PORT CONFIG, in an environment that has fakesnow; CONFIG is the JSON of
``tests.servers.snowflake.CONFIG``.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from typing import Any
from urllib.parse import parse_qs, urlencode

import fakesnow.server
import uvicorn

NEEDS_COMPUTE = re.compile(r"^\s*(SELECT|INSERT)\b", re.IGNORECASE)
WAREHOUSE = re.compile(
    r"^\s*(SHOW WAREHOUSES LIKE|ALTER WAREHOUSE|USE WAREHOUSE)\s+['\"]?(\w+)['\"]?\s*(\w*)", re.IGNORECASE
)


class Front:
    """An ASGI application in front of another one."""

    def __init__(self, app: Any, config: dict[str, Any]) -> None:
        self.app = app
        self.passwords = config["passwords"]
        self.tokens = config["tokens"]
        self.expired_tokens = config["expired_tokens"]
        self.no_login = config["no_login"]
        self.roles = config["roles"]
        self.schemas = config["schemas"]
        self.refusals = config["refusals"]
        self.warehouses = config["warehouses"]
        self.not_resumed_by_queries = config["not_resumed_by_queries"]
        self.sessions: dict[str, dict[str, Any]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await read(receive)
        told = json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body) if body else {}
        if scope["path"].endswith("/login-request"):
            await self.log_in(scope, body, told["data"], send)
        elif scope["path"].endswith("/query-request"):
            await self.query(scope, body, told["sqlText"], send)
        else:
            await self.pass_on(scope, body, send)

    async def log_in(self, scope: Any, body: bytes, login: dict[str, Any], send: Any) -> None:
        asked = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        role = asked.get("roleName", "PUBLIC").upper()
        if refused := self.refused(login, role):
            await answer(send, refusal(*refused))
        else:
            user = self.tokens.get(login.get("TOKEN"), login.get("LOGIN_NAME"))
            session = {"user": user, "role": role, "warehouse": asked.get("warehouse", "").upper()}
            await self.pass_on(self.only_what_exists(scope, asked), body, self.completed(send, session))

    def refused(self, login: dict[str, Any], role: str) -> tuple[str, str] | None:
        """Return why a login fails, as code and message; None if it does not."""
        user, token = login.get("LOGIN_NAME"), login.get("TOKEN")
        if user in self.no_login:
            return self.no_login[user]
        if token and token not in self.tokens:
            return self.refused_token(login)
        if not token and (user not in self.passwords or self.passwords[user] != login.get("PASSWORD")):
            return "390100", "Incorrect username or password was specified."
        if role not in self.roles:
            return "390189", f"Role '{role}' specified in the connect string is not granted to this user."
        return None

    def refused_token(self, login: dict[str, Any]) -> tuple[str, str]:
        if login.get("AUTHENTICATOR") == "SNOWFLAKE_JWT":
            return "390144", "JWT token is invalid."  # nobody has registered a key
        if login.get("TOKEN") in self.expired_tokens:
            return "390318", "OAuth access token expired."
        return "390303", "Invalid OAuth access token."

    def only_what_exists(self, scope: Any, asked: dict[str, str]) -> Any:
        """Snowflake ignores a database that is not there; fakesnow would create it."""
        database, schema = asked.get("databaseName", "").upper(), asked.get("schemaName", "").upper()
        if schema not in self.schemas.get(database, ()):
            asked = {name: value for name, value in asked.items() if name not in ("databaseName", "schemaName")}
        return scope | {"query_string": urlencode(asked).encode()}

    def completed(self, send: Any, session: dict[str, Any]) -> Any:
        """Add to the answer of a login what the client expects."""

        async def forward(message: Any) -> None:
            if message["type"] != "http.response.body":
                return
            told = json.loads(message["body"])
            data = told["data"]
            data |= {"masterToken": data["token"], "validityInSeconds": 3600, "masterValidityInSeconds": 14400}
            data |= {"sessionId": 1}
            data["sessionInfo"] |= {"roleName": session["role"], "warehouseName": session["warehouse"]}
            self.sessions[data["token"]] = session
            await answer(send, told)

        return forward

    async def query(self, scope: Any, body: bytes, sql: str, send: Any) -> None:
        token = dict(scope["headers"]).get(b"authorization", b"").decode().partition('"')[2].rstrip('"')
        session = self.sessions.get(token, {"user": None, "warehouse": ""})
        for user, pattern, code, message in self.refusals:
            if user == session["user"] and re.match(pattern, sql, re.IGNORECASE):
                await answer(send, refusal(code, message))
                return
        if about := WAREHOUSE.match(sql):
            await answer(send, self.warehouse(session, *about.groups()))
            return
        if NEEDS_COMPUTE.match(sql) and not self.computes(session["warehouse"]):
            await answer(send, refusal("000606", "No active warehouse selected in the current session."))
            return
        await self.pass_on(scope, body, send)

    def computes(self, name: str) -> bool:
        """Tell whether a query finds the warehouse awake; most are woken by it."""
        if name in self.warehouses and name not in self.not_resumed_by_queries:
            self.warehouses[name] = "STARTED"
        return self.warehouses.get(name) == "STARTED"

    def warehouse(self, session: dict[str, Any], verb: str, name: str, action: str) -> dict[str, Any]:
        if verb.upper().startswith("SHOW"):
            rows = [[name, self.warehouses[name], "true"]] if name in self.warehouses else []
            return table(["name", "state", "auto_resume"], rows)
        if name not in self.warehouses:
            return refusal("002043", "Object does not exist, or operation cannot be performed.")
        if verb.upper().startswith("USE"):
            session["warehouse"] = name
        else:
            self.warehouses[name] = {"RESUME": "STARTED", "SUSPEND": "SUSPENDED"}[action.upper()]
        return table(["status"], [["Statement executed successfully."]])

    async def pass_on(self, scope: Any, body: bytes, send: Any) -> None:
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            return next(messages, {"type": "http.disconnect"})

        await self.app(scope, receive, send)


async def read(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def answer(send: Any, told: dict[str, Any]) -> None:
    content = json.dumps(told).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def refusal(code: str, message: str) -> dict[str, Any]:
    state = {"003001": "42501", "002043": "02000"}.get(code, "08001")
    return {"data": {"errorCode": code, "sqlState": state}, "code": code, "message": message, "success": False}


def table(columns: list[str], rows: list[list[str]]) -> dict[str, Any]:
    text = {"type": "text", "nullable": True, "length": 256, "byteLength": 1024, "precision": None, "scale": None}
    kind = [{"name": name, **text, "database": "", "schema": "", "table": ""} for name in columns]
    told = {"rowtype": kind, "rowset": rows, "total": len(rows), "returned": len(rows), "queryResultFormat": "json"}
    return {"data": {**told, "queryId": "1", "parameters": [], "statementTypeId": 4096}, "success": True}


if __name__ == "__main__":
    front = Front(fakesnow.server.app, json.loads(sys.argv[2]))
    uvicorn.run(front, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
