"""Faults that can't befall a kind, each with the reason, and those that should be here and can't be produced."""

from __future__ import annotations

from tests.faults.catalogue import FAULTS, KINDS
from tests.faults.cell import Gap, NotApplicable

_HTTP = (*(slug for slug in FAULTS if slug.startswith("http-")), "html", "json-shape", "endless")
_TLS = ("cert-expired", "cert-self-signed", "cert-wrong-host", "cert-not-yet-valid", "plain-on-tls", "tls-on-plain")
_NETWORK = ("no-name", "refused", "vanish", "stall", "cut", "slow", "garbage", *_TLS, *_HTTP)
_STORES = ("s3", "gcs", "adls")

#: Objects, by the kinds that have them; for all others the fault has no meaning.
_OBJECTS = {
    "no-bucket": (_STORES, "it has no buckets of its own"),
    "no-catalog": (("trino", "polaris"), "it has no catalogs"),
    "no-warehouse": (("snowflake", "polaris"), "it has no warehouses"),
    "no-schema": (("trino", "snowflake", "polaris", "postgres"), "it has no schemas that a target names"),
    "no-dataset": (("bigquery",), "datasets are BigQuery's"),
    "no-database": (("snowflake", "duckdb", "postgres"), "it has no databases that a target names"),
    "wrong-realm": (("polaris",), "realms are Polaris'"),
    "no-workers": (("trino",), "its workers are not told of to clients"),
    "region": (("s3", "gcs", "bigquery"), "its address is that of a region, and the target names none"),
    "recovery": (("postgres", "duckdb", "trino"), "it has no replicas that clients could be led to"),
}

_REASONS: list[tuple[str, tuple[str, ...], str]] = [
    ("duckdb", _NETWORK, "it runs in the process of the check: there is no network"),
    ("duckdb", ("wrong-user", "wrong-secret", "expired-token", "missing-scope", "clock-skew"), "it asks for no login"),
    ("duckdb", ("list-denied", "delete-denied"), "rights are those of the file: to read, and to write"),
    ("duckdb", ("starting", "no-connections"), "it runs in the process of the check: there is no server"),
    ("duckdb", ("swallowed-timeout",), "nothing is asked over a network; a hung file system is told by the watchdog"),
    ("postgres", _HTTP, "it does not speak HTTP"),
    ("postgres", ("missing-scope",), "its logins carry no scopes; roles are granted by name"),
    ("postgres", ("list-denied", "delete-denied"), "its catalog is open to all, and what one makes one may drop"),
    ("postgres", ("clock-skew",), "no login of it depends on the clock, but for certificates"),
    ("s3", ("missing-scope",), "keys carry no scopes; policies are what is denied"),
    ("s3", ("no-connections",), "it answers 503 SlowDown: see HTTP 503"),
    ("gcs", ("no-connections",), "it answers 429 or 503: see those"),
    ("adls", ("no-connections",), "it answers 503 ServerBusy: see HTTP 503"),
    ("polaris", ("no-connections",), "it answers 429 or 503: see those"),
    ("gcs", ("no-space", "starting"), "the service has no such state that a client could see"),
    ("adls", ("no-space", "starting"), "the service has no such state that a client could see"),
    ("bigquery", ("no-space", "starting"), "the service has no such state that a client could see"),
    ("snowflake", ("no-space",), "the service has no such state that a client could see"),
    ("polaris", ("no-space", "starting"), "its storage is that of another target; while it starts it answers 503"),
    ("s3", ("starting",), "while it starts it answers 503: see there"),
    ("trino", ("no-space",), "its storage is that of another target"),
    ("trino", ("missing-scope",), "its logins carry no scopes; roles are granted by name"),
    (
        "trino",
        ("list-denied",),
        "access control leaves out of lists what one may not use: see list allowed and read denied",
    ),
    ("trino", ("clock-skew",), "no login of it is signed by the clock; see expired token"),
    ("snowflake", ("starting",), "a warehouse sleeps instead: see there"),
    ("snowflake", ("no-connections",), "its warehouses queue; what is spent are credits: see there"),
    ("polaris", ("clock-skew",), "no login of it is signed by the clock; see expired token"),
    ("adls", ("clock-skew",), "of its logins only the shared key is signed by the clock, which the check can't set"),
    ("gcs", ("missing-scope",), "the check asks for the scope it needs; see list, read, write and delete denied"),
]

GAPS = [
    Gap("bigquery", "clock-skew", "the issuer of the emulator is lenient; told apart by its text, as for gcs"),
    Gap("bigquery", "no-connections", "no emulator has quotas; the answer is tested beside the check"),
]


def _absent() -> list[NotApplicable]:
    of_kinds = [NotApplicable(kind, fault, reason) for kind, faults, reason in _REASONS for fault in faults]
    objects = [
        NotApplicable(kind, fault, reason)
        for fault, (having, reason) in _OBJECTS.items()
        for kind in KINDS
        if kind not in having
    ]
    return of_kinds + objects


NOT_APPLICABLE = _absent()
