"""The files that configure the tests' Trino: who may log in and do what, and how it listens."""

from __future__ import annotations

import base64
import hashlib
import json
import os

from tests.faults.certificates import Pem

CATALOG, SCHEMA = "memory", "shop"
#: The catalog that reaches the lakehouse, added at run time (see ``lakehouse``).
LAKE = "lake"
JWT_KEY = "a-key-of-the-test-server-that-signs-tokens"

#: The names of the users say what ``RULES`` lets them do.
USERS = ("writer", "reader", "creator", "onlooker", "outsider", "silenced", "newcomer", "neighbour")
PASSWORDS = {user: f"{user}-of-trino-test" for user in USERS}

_EVERYTHING = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP"]
RULES = {
    "queries": [{"user": "silenced", "allow": []}, {"allow": ["execute", "view", "kill"]}],
    "catalogs": [
        {"catalog": "system", "allow": "read-only"},
        {"user": "writer", "allow": "owner"},
        {"user": "creator|onlooker|newcomer|neighbour", "catalog": f"{CATALOG}|{LAKE}", "allow": "all"},
        {"user": "reader", "catalog": f"{CATALOG}|{LAKE}", "allow": "read-only"},
    ],
    "schemas": [{"user": "writer", "owner": True}],
    "tables": [
        {"catalog": "system", "privileges": ["SELECT"]},
        {"schema": "information_schema", "privileges": ["SELECT"]},
        {"user": "creator", "privileges": ["SELECT", "OWNERSHIP"]},
        {"user": "reader", "table": "hidden", "privileges": ["INSERT"]},
        {"user": "onlooker", "privileges": ["INSERT"]},
        {"user": "newcomer", "table": "floe-preflight-.*", "privileges": _EVERYTHING},
        {"user": "neighbour", "table": ".*-guarded", "privileges": ["SELECT"]},
        {"user": "writer|reader|neighbour", "privileges": _EVERYTHING},
    ],
}


def files(port: int, tls_port: int, pem: Pem, etc: str, data: str, extra: tuple[str, ...]) -> dict[str, str]:
    """Return name and content of each file of the folder that the server will see as ``etc``."""
    made = {
        **_general(data),
        **_server(port, tls_port, etc, extra),
        **_access(etc),
        "server.pem": pem.key + pem.chain,
    }
    return {name: "\n".join(line.strip() for line in text.strip().splitlines()) + "\n" for name, text in made.items()}


def _general(data: str) -> dict[str, str]:
    """Return what any Trino needs: node, small JVM, catalogs."""
    node = f"""
        node.environment=test
        node.id=one
        node.bind-ip=127.0.0.1
        node.internal-address=127.0.0.1
        node.data-dir={data}"""
    jvm = """
        -server
        -Xmx900M
        -XX:+UseSerialGC
        -XX:TieredStopAtLevel=1
        -XX:ReservedCodeCacheSize=192M
        -Djdk.attach.allowAttachSelf=true
        --enable-native-access=ALL-UNNAMED
        --sun-misc-unsafe-memory-access=allow"""
    catalogs = {f"catalog/{name}.properties": f"connector.name={name}" for name in ("memory", "tpch")}
    return {"node.properties": node, "jvm.config": jvm, **catalogs}


def _server(port: int, tls_port: int, etc: str, extra: tuple[str, ...]) -> dict[str, str]:
    """Return the coordinator's configuration."""
    config = f"""
        coordinator=true
        query.max-memory-per-node=200MB
        memory.heap-headroom-per-node=100MB
        http-server.http.port={port}
        http-server.https.enabled=true
        http-server.https.port={tls_port}
        http-server.https.keystore.path={etc}/server.pem
        http-server.authentication.type=PASSWORD,JWT
        http-server.authentication.allow-insecure-over-http=true
        http-server.authentication.jwt.key-file={etc}/jwt.key
        internal-communication.shared-secret=of-one-node-only
        discovery.uri=http://127.0.0.1:{port}
        catalog.management=dynamic"""
    return {"config.properties": "\n".join([config, *(extra or ["node-scheduler.include-coordinator=true"])])}


def _access(etc: str) -> dict[str, str]:
    """Return passwords, the key of the JWTs, and who may do what."""
    return {
        "jwt.key": base64.b64encode(JWT_KEY.encode()).decode(),
        "password-authenticator.properties": f"password-authenticator.name=file\nfile.password-file={etc}/passwords",
        "passwords": "\n".join(f"{user}:{hashed(password)}" for user, password in PASSWORDS.items()),
        "access-control.properties": f"access-control.name=file\nsecurity.config-file={etc}/rules.json",
        "rules.json": json.dumps(RULES),
    }


def hashed(password: str) -> str:
    """Return ``password`` as Trino's password file wants it: iterations, salt and PBKDF2 in hexadecimal."""
    salt = os.urandom(16)
    return f"1000:{salt.hex()}:{hashlib.pbkdf2_hmac('sha1', password.encode(), salt, 1000).hex()}"
