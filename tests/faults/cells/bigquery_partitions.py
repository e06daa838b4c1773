"""BigQuery whose tables are partitioned, so that a query may have to name a partition."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.bigquery import account
from tests.faults.lab import Lab
from tests.faults.path import Tamper, relay
from tests.faults.server import Answer, FaultyServer, Request
from tests.servers.bigquery import WRITER

_MAY_NOT_READ = [one for one in WRITER if one != "bigquery.tables.getData"]


def by_day(_: Request, real: Callable[[], Answer]) -> Answer:
    """The real listing, in which each table is partitioned: the emulator makes such tables, and does not say so."""
    told = json.loads(real().content)
    return Answer(200, {**told, "tables": [{**table, "timePartitioning": {"type": "DAY"}} for table in told["tables"]]})


def partitioned(*permissions: str, tampers: tuple[Tamper, ...] = ()) -> Arrange:
    """Return the arrangement of an account with ``permissions``, and of tables that are partitioned."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with account(*permissions)(lab) as scene:
            listing = Tamper("GET", r"/tables\?", by_day)
            with FaultyServer(relay(lab.server("bigquery_server").url, listing, *tampers)) as path:
                yield replace(scene, settings={**scene.settings, "endpoint": path.url})

    return arrange


_PATH: dict[str, Any] = {
    "kind": "bigquery",
    "source": "path",
    "server": "bqemulator",
    "step": "authorize.read",
    "twin": Twin(kind="bigquery", name="partitioned tables", server="bqemulator", arrange=partitioned(*WRITER)),
}

CELLS = [
    Cell(
        **_PATH,
        fault="read-denied",
        at="partitioned tables",
        arrange=partitioned(*_MAY_NOT_READ),
        cause="authorize.read_denied",
        remedy="grant bigquery.tables.getData on dataset demo.{dataset}",
    ),
    Cell(
        **_PATH,
        fault="json-shape",
        at="rows",
        arrange=partitioned(*WRITER, tampers=(Tamper("GET", "/tables/orders/data", Answer(200, {"status": "up"})),)),
        cause="operate.unexpected_response",
        remedy="",
    ),
]
