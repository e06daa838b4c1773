"""BigQuery: may this principal run queries, is the dataset where it should be, and may it be read and written?

Nothing here costs: queries are dry runs, tables are listed and read through the API, and the one statement that is
really run inserts constants. Errors: https://cloud.google.com/bigquery/docs/error-messages
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from pytest_floe import Plan, Port, Probe, Secret, Settings, Url, check, setting

from . import google_login, visible_tables
from .bigquery_dataset import SCOPE, BigQueryDataset
from .object_storage import address
from .scratch_table import PATTERN

_GOOGLE = "https://bigquery.googleapis.com"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class BigQuerySettings(Settings):
    """Which dataset of which project, and as whom."""

    flat: ClassVar[dict[str, str]] = {"compute_host": "host", "compute_port": "port"}

    project: str | None = setting(
        None, "Project that runs the queries and holds the dataset; the key's own if not given.",
        env=("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"),
    )  # fmt: skip
    dataset: str | None = setting(None, "Dataset that the workload uses.")
    location: str | None = setting(None, "Location that the dataset must have, such as EU.")
    host: str | None = setting(None, "Host name of the API, where it is not Google's public one.")
    port: Port = setting(443, "Port of that host.")
    endpoint: Url | None = setting(
        None, "Address of the API, instead of host and port.", env=("BIGQUERY_EMULATOR_HOST",)
    )
    credentials_file: Path | None = setting(
        None,
        "JSON file of a service account's key or of a workload identity; application default credentials if not given.",
        env=("GOOGLE_APPLICATION_CREDENTIALS",),
    )
    credentials_json: Secret | None = setting(None, "What such a file holds, by reference.")
    anonymous: bool = setting(False, "Send no credentials, as for emulators.")
    maximum_bytes: int | None = setting(None, "Upper limit of bytes billed for a statement.", ge=0)

    @model_validator(mode="after")
    def _token_travels_encrypted(self) -> Self:
        if self.host and self.endpoint:
            raise ValueError("host and endpoint are both given: keep one")
        parts = urlsplit(self.address)
        if parts.scheme == "http" and not self.anonymous and parts.hostname not in _LOOPBACK:
            raise ValueError("a token would travel unencrypted: write endpoint with https://, or set anonymous")
        return self

    @property
    def address(self) -> str:
        """URL of the API."""
        return self.endpoint or (f"https://{self.host}:{self.port}" if self.host else _GOOGLE)

    @property
    def login(self) -> str:
        """Whose credentials are used, for a reader."""
        if self.anonymous:
            return "anonymous"
        if self.credentials_json:
            return "credentials_json"
        return f"key file {self.credentials_file}" if self.credentials_file else "application default credentials"


def plan(settings: BigQuerySettings) -> Plan:
    """Say what the check would touch."""
    service = address(settings.address)
    where = ".".join(part for part in (settings.project, settings.dataset) if part)
    reads = ("bigquery.jobs.create", "bigquery.datasets.get", "bigquery.tables.list", "bigquery.tables.getData")
    writes = ("bigquery.tables.create", "bigquery.tables.get", "bigquery.tables.updateData", "bigquery.tables.delete")
    return Plan(
        endpoint=where or urlsplit(settings.address).netloc,
        connects=(service,) if settings.anonymous else (service, google_login.ISSUER),
        principal=settings.login,
        reads=(where,) if settings.dataset else (),
        creates=(f"{where}.{PATTERN}",) if settings.dataset and settings.write else (),
        needs=reads + (writes if settings.write else ()),
    )


@check("compute", "bigquery", settings=BigQuerySettings, plan=plan)
def verify(settings: BigQuerySettings, probe: Probe) -> None:
    """Reach the API, get a token, plan a query, then look at the dataset, and with ``write`` fill a table in it."""
    sdk = probe.driver("google.cloud.bigquery", "bigquery")
    probe.reach_url(settings.address, settings.ca_file)
    credentials = google_login.logged_in(settings, probe, (SCOPE,))
    project = settings.project or getattr(credentials, "project_id", None)
    if not project:
        probe.fail(
            "config.object_not_given", "neither the settings nor the credentials name a project", "bigquery.project"
        )
    session = google_login.session(settings, probe, credentials, refresh_status_codes=())
    options = {"api_endpoint": settings.address}
    client = sdk.Client(project=project, credentials=credentials, _http=session, client_options=options)
    dataset = BigQueryDataset(sdk, client, settings, probe)
    dataset.expect_queries()
    if not settings.dataset:
        probe.warn("config.object_not_given", "no dataset is given, so none was looked at", "bigquery.dataset")
        return
    dataset.expect_location()
    tables = dataset.expect_readable()
    if probe.write:
        probe.await_needs()
        dataset.expect_writable()
    probe.ok(f"{visible_tables.counted(probe, tables, dataset.name)}, {dataset.location}")
