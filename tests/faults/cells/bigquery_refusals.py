"""BigQuery, by what stands in front of the emulator: the token issuer's clock and accounts, quotas and policies."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.servers.bigquery import PROJECT, WRITER, BigQueryServer

_NUMBERS = itertools.count()
_QUERY, _INSERT = "bigquery.jobs.create", "bigquery.tables.updateData"


def hindered(by: dict[str, tuple[int, str, str]] | None = None, **account: Any) -> Arrange:
    """Return the arrangement of an account that may do everything, and whose calls or login meet a hindrance."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: BigQueryServer = lab.server("bigquery_server")
        dataset = server.dataset(f"hindered_{next(_NUMBERS)}", "orders")
        made = server.account(*WRITER)
        server.gateway.accounts[made.email] = replace(made, refused=by or {}, **account)
        where = {"project": PROJECT, "dataset": dataset, "endpoint": server.url, "write": True}
        login = {"credentials_json": json.dumps(made.key_file)}
        yield Scene({**where, **login}, lambda: server.tables(dataset) - {"orders"})

    return arrange


TWIN = Twin(kind="bigquery", name="an account that nothing hinders", server="bqemulator", arrange=hindered())
_OF: dict[str, Any] = {"kind": "bigquery", "source": "emulator", "server": "bqemulator", "twin": TWIN}
_FIRST: dict[str, Any] = {**_OF, "step": "authorize.query"}

CELLS = [
    Cell(
        **_OF,
        fault="early-token",
        at="the machine's clock is behind",
        arrange=hindered(clock_ahead=1000),
        cause="authenticate.clock_skew",
        step="authenticate",
        remedy="set the clock of this machine by NTP",
    ),
    Cell(
        **_OF,
        fault="not-admitted",
        at="account disabled",
        arrange=hindered(disabled=True),
        cause="authenticate.rejected",
        step="authenticate",
        remedy="correct or renew the credentials of credentials_json",
        says="account not found",
    ),
    Cell(
        **_FIRST,
        fault="scope-denied",
        arrange=hindered({_QUERY: (403, "insufficientPermissions", "Request had insufficient authentication scopes.")}),
        cause="authorize.denied",
        remedy="grant the scope https://www.googleapis.com/auth/bigquery to credentials_json",
    ),
    Cell(
        **_FIRST,
        fault="service-denied",
        at="API not enabled",
        arrange=hindered(
            {_QUERY: (403, "accessNotConfigured", "BigQuery API has not been used in project demo before")}
        ),
        cause="authorize.denied",
        remedy="grant the use of the BigQuery API in project demo: gcloud services enable bigquery.googleapis.com",
    ),
    Cell(
        **_FIRST,
        fault="service-denied",
        at="organization's policy",
        arrange=hindered(
            {_QUERY: (403, "policyViolation", "Request is prohibited by organization's policy. vpcServiceControls")}
        ),
        cause="authorize.denied",
        remedy="grant what the organization's policy prohibits",
    ),
    Cell(
        **_FIRST,
        fault="no-credits",
        at="quota",
        arrange=hindered({_QUERY: (403, "quotaExceeded", "Quota exceeded: Your project exceeded quota for queries")}),
        cause="operate.exhausted",
        remedy="free or raise the limit of project demo",
    ),
    Cell(
        **_FIRST,
        fault="no-credits",
        at="billing",
        arrange=hindered({_QUERY: (403, "billingNotEnabled", "Billing has not been enabled for this project.")}),
        cause="operate.exhausted",
        remedy="project demo",
    ),
    Cell(
        **_FIRST,
        fault="rate-limited",
        arrange=hindered({_QUERY: (403, "rateLimitExceeded", "Exceeded rate limits: too many api requests per user")}),
        cause="operate.not_ready",
        remedy="project demo",
    ),
    Cell(
        **_OF,
        fault="no-credits",
        at="streaming quota of inserts",
        arrange=hindered({_INSERT: (403, "quotaExceeded", "Quota exceeded: table update operations")}),
        cause="operate.exhausted",
        step="operate.write",
        remedy="free or raise the limit of dataset demo.{dataset}",
    ),
    Cell(
        **_OF,
        fault="expired-token",
        at="revoked in the middle",
        arrange=hindered({"bigquery.tables.create": (401, "authError", "Invalid Credentials")}),
        cause="authenticate.rejected",
        step="operate.create",
        remedy="correct or renew the credentials of credentials_json",
    ),
]
