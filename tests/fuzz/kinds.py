"""The kinds that speak HTTP: how each is recorded and played back, and what its check may overlook.

``settings`` makes the settings from the address that is to be checked. An answer whose name (its key, and which of
that key it is) matches ``tolerated`` may fail without the check failing, one that matches ``unread`` may have any
body; each for the reason given. Every other answer is what a green result stands on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

from tests.faults.lab import Lab
from tests.faults.path import ask
from tests.faults.server import Answer, Request
from tests.servers.azurite import ACCOUNT, KEY
from tests.servers.bigquery import WRITER
from tests.servers.google_gateway import key_pair
from tests.servers.s3 import allow
from tests.servers.snowflake import PASSWORDS as SNOWFLAKE_PASSWORDS
from tests.servers.trino import CATALOG, SCHEMA

_FOLDER = "fuzz"
_SWEEP = "leftovers of other runs are no fault of this one"
_LOOK = "a workload often may not know; then the report says what was not verified"
_NOTHING_SAID = "the status says it all"
_READ_BACK = "what was created is read back"

Settings = dict[str, object]


@dataclass(frozen=True)
class Kind:
    """One kind; ``serve`` starts the real server, and returns its address and the settings that only that one needs."""

    name: str
    settings: Callable[[str], Settings]
    serve: Callable[[Lab], tuple[str, Settings]] = field(repr=False)
    tolerated: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    def may_fail(self, name: str) -> bool:
        """Tell whether the check may be green although the request ``name`` was refused."""
        return any(re.search(pattern, name) for pattern in self.tolerated)

    def may_say_anything(self, name: str) -> bool:
        """Tell whether the check may be green whatever the body of the answer to ``name`` is."""
        return self.may_fail(name) or any(re.search(pattern, name) for pattern in self.unread)


def asking(url: str, ca_file: object = None) -> Callable[[Request], Answer]:
    """Return what asks the real server."""
    return lambda request: ask(url, request, ca_file)  # type: ignore[arg-type]


def _s3(url: str) -> Settings:
    keys = {"access_key_id": "AKIAFUZZ234567FUZZ23", "secret_access_key": "s3-secret-of-the-fuzz-tests"}
    return {
        "endpoint": url,
        "bucket": "fuzz-lake",
        "prefix": _FOLDER,
        "region": "us-east-1",
        "path_style": True,
        **keys,
    }


def _serve_s3(lab: Lab) -> tuple[str, Settings]:
    server = lab.server("moto_s3")
    server.bucket("fuzz-lake")
    return server.url, server.user(allow("*", "*")).settings


def _polaris(url: str) -> Settings:
    client = {"client_id": "keeper", "client_secret": "s3cret-of-keeper", "realm": "POLARIS"}
    return {"uri": url, "warehouse": "lake", "write": True, **client}


def _serve_polaris(lab: Lab) -> tuple[str, Settings]:
    server = lab.server("iceberg_rest")
    return server.uri, server.client() | {"uri": None}


def _trino(url: str) -> Settings:
    parts = urlsplit(url)
    where = {"host": parts.hostname, "port": parts.port, "catalog": CATALOG, "schema": SCHEMA}
    return {**where, "user": "writer", "write": True}


def _serve_trino(lab: Lab) -> tuple[str, Settings]:
    return f"http://127.0.0.1:{lab.server('trino_server').port}", {}


def _snowflake(url: str) -> Settings:
    where = {"account": "test", "host": "127.0.0.1", "port": urlsplit(url).port, "protocol": "http"}
    work = {"role": "loader", "warehouse": "compute", "database": "lake", "schema": "shop", "write": True}
    return {**where, **work, "user": "writer", "password": SNOWFLAKE_PASSWORDS["writer"]}


def _serve_snowflake(lab: Lab) -> tuple[str, Settings]:
    return f"http://127.0.0.1:{lab.server('snowflake_server').port}", {}


@cache
def _private_key() -> str:
    return key_pair()[0]


def _google_key(url: str) -> str:
    account = {"project_id": "demo", "client_email": "fuzz@demo.iam.gserviceaccount.com", "private_key_id": "00"}
    secret = {"private_key": _private_key(), "token_uri": f"{url}/token"}
    return json.dumps({"type": "service_account", **account, **secret})


def _gcs(url: str) -> Settings:
    return {"endpoint": url, "bucket": "fuzz-lake", "prefix": _FOLDER, "credentials_json": _google_key(url)}


def _serve_gcs(lab: Lab) -> tuple[str, Settings]:
    server = lab.server("gcs_server")
    server.bucket("fuzz-lake")
    permissions = [f"storage.objects.{verb}" for verb in ("list", "get", "create", "delete")]
    return server.url, {"credentials_json": json.dumps(server.gateway.account(*permissions).key_file)}


def _bigquery(url: str) -> Settings:
    return {
        "endpoint": url, "project": "demo", "dataset": "fuzz", "write": True, "credentials_json": _google_key(url),
    }  # fmt: skip


def _serve_bigquery(lab: Lab) -> tuple[str, Settings]:
    server = lab.server("bigquery_server")
    server.dataset("fuzz", "orders")
    return server.url, {"credentials_json": json.dumps(server.account(*WRITER).key_file)}


def _adls(url: str) -> Settings:
    key = {"account": ACCOUNT, "account_key": KEY}
    return {"endpoint": f"{url}/{ACCOUNT}", "container": "fuzz-lake", "prefix": _FOLDER, **key}


def _serve_adls(lab: Lab) -> tuple[str, Settings]:
    server = lab.server("azurite")
    server.container("fuzz-lake")
    return server.url, {}


KINDS = [
    Kind(
        "s3", _s3, _serve_s3,
        tolerated={
            r"^HEAD /fuzz-lake #": "the region; that of another bucket shows in every other answer",
            r"\?(versioning|object-lock|versions)\b": _LOOK,
            r"prefix=fuzz%2Ffloe-preflight-&": _SWEEP,
        },
    ),
    Kind(
        "polaris", _polaris, _serve_polaris,
        unread={r"^POST /v1/lake/": _READ_BACK, r"^GET /v1/lake/namespaces/<namespace> #": _NOTHING_SAID},
    ),
    Kind(
        "trino", _trino, _serve_trino,
        tolerated={
            r"^GET /v1/info": "a proxy may keep the health of the coordinator behind it to itself",
            r"^DELETE /v1/statement": "nothing hangs on cancelling what has ended",
            r"system\.metadata\.table_comments": _SWEEP,
        },
    ),
    Kind(
        "snowflake", _snowflake, _serve_snowflake,
        tolerated={
            r"^POST /telemetry/|^POST /session\?delete=true": "the check has its verdict by then",
            r"information_schema\.tables": _SWEEP,
        },
    ),
    Kind(
        "gcs", _gcs, _serve_gcs,
        tolerated={
            r"^GET /storage/v1/b/fuzz-lake\?": _LOOK,
            r"prefix=fuzz%2Ffloe-preflight-&": _SWEEP,
            r"softDeleted=True": _LOOK,
        },
        unread={r"^POST /upload/": _READ_BACK, r"^DELETE ": _NOTHING_SAID},
    ),
    Kind(
        "bigquery", _bigquery, _serve_bigquery,
        tolerated={r"/tables\?maxResults=1000&prettyPrint=false #2": _SWEEP},
        unread={r"^POST .*/tables\?|^GET .*/queries/": _READ_BACK},
    ),
    Kind(
        "adls", _adls, _serve_adls,
        tolerated={
            r"restype=account": "if the account does not say so, the endpoint's name decides",
            r"restype=container #": _LOOK,
            r"prefix=fuzz%2Ffloe-preflight- #": _SWEEP,
            r"include=(versions|deleted)": _LOOK,
        },
    ),
]  # fmt: skip
