"""What the matrix is made of: its kinds, its faults, and the steps that each kind can break at."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("trino", "snowflake", "bigquery", "duckdb", "s3", "gcs", "adls", "polaris", "postgres")


@dataclass(frozen=True)
class Fault:
    """Something that befalls a service. Every kind must have a cell, a gap or a reason for none if it is ``required``.

    ``slug`` never changes: it is part of the ids of tests, and the key of the table in docs/faults.md.
    """

    slug: str
    name: str
    required: bool = True


_REQUIRED = {
    # Name, TCP, and what comes back instead of an answer.
    "no-name": "name does not resolve",
    "refused": "connection refused",
    "vanish": "packets vanish: accepts and never answers",
    "stall": "answers one byte and stalls",
    "cut": "closes in the middle of the answer",
    "slow": "slow but correct",
    "garbage": "garbage, or another protocol",
    # TLS.
    "cert-expired": "certificate expired",
    "cert-self-signed": "certificate self-signed",
    "cert-wrong-host": "certificate of another host",
    "cert-not-yet-valid": "certificate not yet valid",
    "plain-on-tls": "plain text on a TLS port",
    "tls-on-plain": "TLS on a plain port",
    # HTTP.
    "http-301": "HTTP 301 to elsewhere",
    "http-401": "HTTP 401",
    "http-403": "HTTP 403",
    "http-404": "HTTP 404",
    "http-429": "HTTP 429 with Retry-After",
    "http-500": "HTTP 500",
    "http-503": "HTTP 503",
    "html": "HTML instead of JSON",
    "json-shape": "JSON of the wrong shape",
    "endless": "a body without end",
    # Who one is.
    "wrong-user": "wrong user",
    "wrong-secret": "wrong secret",
    "expired-token": "expired token",
    "missing-scope": "missing scope or role",
    "wrong-realm": "wrong realm",
    # What one may do.
    "read-denied": "list allowed and read denied",
    "write-denied": "read allowed and write denied",
    "delete-denied": "write allowed and delete denied",
    "list-denied": "list denied",
    # What is there.
    "no-bucket": "bucket missing",
    "no-catalog": "catalog missing",
    "no-warehouse": "warehouse missing",
    "no-schema": "schema or namespace missing",
    "no-dataset": "dataset missing",
    "no-database": "database missing",
    "region": "region mismatch",
    "clock-skew": "clock skew beyond the signature's tolerance",
    # How it is.
    "starting": "server starting",
    "no-workers": "no workers",
    "recovery": "in recovery, or read-only",
    "no-connections": "out of connections or slots",
    "no-space": "out of space",
    # The client's own.
    "no-driver": "driver missing",
    "swallowed-timeout": "SDK that swallows time-outs: an answer that trickles",
}
_FURTHER = {
    "reset": "connection reset in the middle of the answer",
    "cert-unknown-authority": "certificate of an unknown authority",
    "cert-expires-soon": "certificate that expires within 14 days",
    "no-credentials": "no credentials at all",
    "wrong-content": "reads back something else than was written",
    "not-removed": "says that it deleted, and did not",
    "retained": "keeps what is deleted",
    "leftover": "an earlier run was killed, and its canary is still there",
    "leftover-kept": "the canary of an earlier run can't be removed",
    "not-admitted": "login of this kind is not admitted",
    "early-token": "token that is not valid yet",
    "service-denied": "login for another service",
    "expires-soon": "credentials that end within 14 days",
    "connect-denied": "connecting to the database denied",
    "corrupt": "what is stored is damaged, or of another kind",
    "no-comments": "catalog whose tables have no comments",
    "stale-view": "a view whose tables have changed",
    "wrong-issuer": "token of another issuer",
    "wrong-audience": "token for another service",
    "role-denied": "role not granted",
    "catalog-full": "catalog without room",
    "scope-denied": "token without the scope",
    "rate-limited": "too many requests",
    "impersonation-denied": "acting as another user denied",
    "queries-denied": "running queries denied",
    "warehouse-denied": "warehouse may not be used",
    "suspended": "warehouse sleeps",
    "no-credits": "credits or quota spent",
    "statement-timeout": "statement ended by the server's own limit",
    "newer-version": "written by a newer version",
    "no-memory": "limit of memory too small",
    "no-extension": "extension missing",
    "bad-proxy": "proxy of the environment that is no URL",
    "proxy": "proxy of the environment",
    "old-driver": "client library too old for a setting",
    "bad-setting": "setting that the service does not take",
    "search-path": "names without a schema lead elsewhere",
    "few-connections": "few connections left",
    "stopping": "server shutting down",
    "locked": "locked by another",
    "killed": "ended by an administrator in the middle",
    "no-key": "key of the encryption missing or not in use",
    "archived": "what is there is archived",
    "no-object": "the target names no bucket, schema or database",
    "step-403": "HTTP 403 at a later step",
    "step-404": "HTTP 404 at a later step",
    "step-500": "HTTP 500 at a later step",
    "step-503": "HTTP 503 at a later step",
    "step-html": "HTML instead of the answer at a later step",
    "step-vanish": "packets vanish at a later step",
    "step-cut": "closes in the middle of the answer at a later step",
}

FAULTS: dict[str, Fault] = {
    **{slug: Fault(slug, name) for slug, name in _REQUIRED.items()},
    **{slug: Fault(slug, name, required=False) for slug, name in _FURTHER.items()},
}

#: Numbers that the matrix must reach.
FEWEST_CELLS, FEWEST_REAL, MOST_GAPS = 250, 120, 0.1

_REACHED = ("driver", "resolve", "connect", "tls")
_BY_HTTP = (*_REACHED, "connect.tunnel")
_TABLE = ("operate.create", "operate.write", "operate.read", "operate.delete")
_STORE = ("authorize.list", "operate.retention", "operate.write", "operate.read", "operate.delete")
#: Every step that a kind can break at; each must have a cell.
STEPS: dict[str, tuple[str, ...]] = {
    "trino": (
        *_BY_HTTP, "operate.ready", "authenticate", "operate.nodes", "operate.query",
        "authorize.catalog", "authorize.schema", "authorize.read", *_TABLE,
    ),
    "snowflake": (
        *_BY_HTTP, "authenticate", "authorize.warehouse", "operate.query",
        "authorize.database", "authorize.schema", "authorize.list", "authorize.read", *_TABLE,
    ),
    "bigquery": (
        *_BY_HTTP, "authenticate", "authorize.query", "authorize.dataset", "operate.location",
        "authorize.list", "authorize.read", *_TABLE,
    ),
    "duckdb": (
        "driver", "operate.directory", "operate.open", "operate.query", "operate.extension", "operate.sweep", *_TABLE,
        "operate.delete_file",
    ),
    "s3": (*_BY_HTTP, "authenticate", *_STORE),
    "gcs": (*_BY_HTTP, "authenticate", *_STORE, "operate.location"),
    "adls": (*_BY_HTTP, "authenticate", "authenticate.account", *_STORE),
    "polaris": (
        *_BY_HTTP, "authenticate", "operate.config", "authorize.list", "authorize.list_tables", "operate.sweep",
        "operate.create_namespace", "operate.create_table", "operate.read", "operate.drop_table",
        "operate.drop_namespace",
    ),
    "postgres": (
        *_REACHED, "authenticate", "operate.begin", "authenticate.expiry", "operate.primary", "operate.connections",
        "authorize.schema", "authorize.tables", "operate.create", "operate.write", "operate.read", "operate.rollback",
    ),
}  # fmt: skip
#: Steps that end in no finding: leftovers of other runs are no fault of this one, and preparing asks nobody.
NEVER_BREAK = ("operate.sweep", "operate.sweep_files", "start", "wait")
