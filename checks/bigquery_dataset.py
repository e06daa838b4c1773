"""One BigQuery dataset through google-cloud-bigquery."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pytest_floe import Finding, Probe, http_cause, shortened

from . import google_refusals, scratch_table, visible_tables
from .leftovers import in_time, sweeping
from .scratch_table import Explain

if TYPE_CHECKING:
    from .bigquery import BigQuerySettings

_EXPIRES_AFTER = timedelta(hours=1)
_TABLES_LISTED = 1000
_UNAUTHORIZED, _FORBIDDEN = 401, 403
SCOPE = "https://www.googleapis.com/auth/bigquery"
_PERMISSION = re.compile(r"\bbigquery\.\w+\.\w+")
#: Reasons that say more than their HTTP status.
_CAUSES = {
    "accessDenied": "authorize.denied",
    "authError": "authenticate.rejected",
    "backendError": "operate.server_error",
    "billingNotEnabled": "operate.exhausted",
    "bytesBilledLimitExceeded": "operate.exhausted",
    "internalError": "operate.server_error",
    "jobRateLimitExceeded": "operate.not_ready",
    "notFound": "operate.not_found",
    "quotaExceeded": "operate.exhausted",
    "rateLimitExceeded": "operate.not_ready",
    "resourcesExceeded": "operate.exhausted",
}


class BigQueryDataset:
    """The dataset of the settings; ``name`` is ``project.dataset``, and ``location`` is known once it was looked at."""

    def __init__(self, sdk: ModuleType, client: Any, settings: BigQuerySettings, probe: Probe) -> None:
        self.name = f"{client.project}.{settings.dataset}"
        self.location = settings.location
        self._sdk = sdk
        self._client = client
        self._settings = settings
        self._probe = probe

    def expect_queries(self) -> None:
        """Have a query planned in the project, without running it."""
        project = f"project {self._client.project}"
        with self._probe.step("authorize.query", self._explain("bigquery.jobs.create", project, "authorize.denied")):
            self._dry_run("SELECT 1")

    def expect_location(self) -> None:
        """Compare where the dataset is with what the settings say."""
        with self._probe.step("authorize.dataset", self._explain("bigquery.datasets.get")):
            found = self._client.get_dataset(self.name, **self._once).location
            if not found:
                raise Finding("operate.unexpected_response", "the dataset has no location", self._settings.address)
            self.location = str(found)
        self._probe.fact(location=self.location)
        wanted = self._settings.location
        with self._probe.step("operate.location"):
            if wanted and wanted.upper() != self.location.upper():
                message = f"dataset {self.name} is in {self.location}, not in {wanted}"
                self._probe.fail("operate.wrong_region", message, f"bigquery.location to {self.location}")

    def expect_readable(self) -> int:
        """Return the number of tables; plan a query that reads one of them, or list a row if all are partitioned."""
        with self._probe.step("authorize.list", self._explain("bigquery.tables.list", cause="authorize.list_denied")):
            tables = self._listed()
        own = [table for table in tables if table.table_type == "TABLE"]
        partitioned = {table.table_id for table in own if _is_partitioned(table)}

        def read(name: str) -> bool:
            if name in partitioned:
                self._list_row(name)
            else:
                self._dry_run(f"SELECT * FROM `{self.name}.{name}`")  # noqa: S608 - names of the API
            return True  # either asks for the permission to read, whether there are rows or not

        if tried := visible_tables.to_read(self._probe, [table.table_id for table in own], self.name, partitioned):
            with self._probe.step("authorize.read", self._explain("bigquery.tables.getData")):
                visible_tables.read_any(tried, read, lambda error: getattr(error, "code", None) == _FORBIDDEN)
        return len(tables)

    def _listed(self) -> list[Any]:
        listed = self._client.list_tables(self.name, max_results=_TABLES_LISTED, **self._once)
        tables: list[Any] = []
        for page in listed.pages:
            tables += page
            # The client takes any JSON object for a list without tables, and any JSON value for a table's name.
            if page.raw_page.get("kind") != "bigquery#tableList" or not all(map(_is_named, tables)):
                message = "the answer to a listing is no list of tables"
                raise Finding("operate.unexpected_response", message, self._settings.address)
        return tables

    def expect_writable(self) -> None:
        """Create a table that expires by itself, insert a row, compare it, and delete the table."""
        probe, denied = self._probe, "authorize.write_denied"
        self._sweep()
        table = self._table(probe.canary_name("table"))
        scratch = probe.canary(str(table.reference), lambda: self._remove(table))
        with probe.step("operate.create", self._explain("bigquery.tables.create", cause=denied)):
            self._client.create_table(table, **self._once)
            scratch.made()
        with probe.step("operate.write", self._explain("bigquery.tables.updateData", cause=denied)):
            note = scratch_table.literal(probe.signature)
            self._run(f"INSERT INTO `{table.reference}` (id, note) VALUES (1, {note})")  # noqa: S608 - made here
        with probe.step("operate.read", self._explain("bigquery.tables.getData")):
            rows = [tuple(row) for row in self._client.list_rows(table, **self._once)]
            scratch_table.compare(rows, probe, str(table.reference))
        with probe.step("operate.delete", self._explain("bigquery.tables.delete", cause="authorize.delete_denied")):
            scratch.remove()

    def _sweep(self) -> None:
        probe, explain = self._probe, self._explain("bigquery.tables.delete", cause="authorize.delete_denied")
        with probe.step("operate.sweep"), sweeping(probe):
            listed = self._client.list_tables(self.name, max_results=_TABLES_LISTED, **self._once)
            names = [item.table_id for item in listed if _is_named(item)]
            left = [name for name in names if name.startswith(scratch_table.PREFIX)]
            for name in in_time(probe, left):
                with sweeping(probe):
                    table = self._client.get_table(f"{self.name}.{name}", **self._once)
                    signature, where = table.description or "", str(table.reference)
                    probe.sweep(name, signature, partial(self._remove, table), explain, address=where)

    def _table(self, name: str) -> Any:
        fields = [self._sdk.SchemaField("id", "INT64"), self._sdk.SchemaField("note", "STRING")]
        table = self._sdk.Table(f"{self.name}.{name}", fields)
        table.description = self._probe.signature
        table.expires = datetime.now(UTC) + _EXPIRES_AFTER
        return table

    def _remove(self, table: Any) -> None:
        # Not limited by the check's deadline: a canary must also go when the time is up.
        self._client.delete_table(table, not_found_ok=True, retry=None, timeout=scratch_table.REMOVAL_SECONDS)

    def _list_row(self, name: str) -> None:
        """Ask for a row without a query, which a table may take with a filter on its partitions only."""
        # Without a schema the client would ask for the table's own, which takes another permission.
        table = self._sdk.Table(f"{self.name}.{name}", [self._sdk.SchemaField("unread", "STRING")])
        for page in self._client.list_rows(table, max_results=1, **self._once).pages:
            if page.raw_page.get("kind") != "bigquery#tableDataList":
                message = "the answer to a listing of rows is no list of rows"
                raise Finding("operate.unexpected_response", message, self._settings.address)

    def _dry_run(self, sql: str) -> None:
        planned = self._query(sql, dry_run=True, use_query_cache=False)
        if planned.total_bytes_processed is None:
            raise Finding("operate.unexpected_response", "the answer to a query is no job", self._settings.address)

    def _run(self, sql: str) -> None:
        limit = {} if self._settings.maximum_bytes is None else {"maximum_bytes_billed": self._settings.maximum_bytes}
        self._query(sql, **limit).result(retry=None, job_retry=None, timeout=self._probe.remaining())

    def _query(self, sql: str, **options: Any) -> Any:
        config = self._sdk.QueryJobConfig(**options)
        return self._client.query(sql, job_config=config, location=self.location, job_retry=None, **self._once)

    @property
    def _once(self) -> dict[str, Any]:
        """Try once, for as long as there is time, so that a fault shows as itself."""
        return {"retry": None, "timeout": self._probe.remaining()}

    def _explain(self, permission: str, place: str = "", cause: str = "authorize.read_denied") -> Explain:
        """Return the translation of errors for a call that needs ``permission`` on ``place``, else on the dataset."""

        def translate(error: Exception) -> Finding | None:
            code = getattr(error, "code", None)
            if not isinstance(code, int):
                return None
            reason = _reason(error)
            text = shortened(f"{reason or code}: {getattr(error, 'message', error)}")
            found = _CAUSES.get(reason) or http_cause(code)
            where = place or f"dataset {self.name}"
            if found != "authorize.denied":
                return Finding(found, text, self._settings.login if code == _UNAUTHORIZED else where)
            if hindrance := self._hindrance(reason, text):
                return Finding("authorize.denied", text, hindrance)
            named = _PERMISSION.search(text)
            return Finding(cause, text, f"{named[0] if named else permission} on {where}")

        return translate

    def _hindrance(self, reason: str, text: str) -> str | None:
        """Return what is to be granted where it is no permission; None if it is one."""
        return google_refusals.hindrance(
            reason,
            text,
            scope=SCOPE,
            login=self._settings.login,
            api=f"BigQuery API in project {self._client.project}",
            enable="bigquery.googleapis.com",
            prohibited=text,
        )


def _is_named(table: Any) -> bool:
    return isinstance(table.table_id, str) and table.table_id != ""


def _is_partitioned(table: Any) -> bool:
    return bool({"timePartitioning", "rangePartitioning"} & table.to_api_repr().keys())


def _reason(error: Any) -> str:
    errors = [told for told in getattr(error, "errors", None) or () if isinstance(told, dict)]
    return str(errors[0].get("reason", "")) if errors else ""
