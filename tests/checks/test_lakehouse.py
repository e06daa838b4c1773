"""A lakehouse of DuckDB, an Iceberg REST catalog and S3, embedded and real; see also test_lakehouse_trino.py."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import certifi
import httpx
import pytest
from pytest_floe.checks import lakehouse

from pytest_floe import Finding, Probe, canary
from pytest_floe.config import loading
from pytest_floe.local import policies
from pytest_floe.local.platform import BUCKET, REGION, USER, WAREHOUSE, LocalPlatform
from pytest_floe.registry import find
from tests.faults.certificates import Certificates
from tests.faults.path import Tamper, relay
from tests.faults.server import Answer, FaultyServer, tls

LAKEHOUSE = {"service": "lakehouse", "kind": "lakehouse", "write": True}


class Lake:
    """The embedded platform, and what a check of its lakehouse comes to."""

    def __init__(self, platform: LocalPlatform) -> None:
        self.platform = platform
        self.probe = Probe(endpoint="lake")
        self.left: list[str] = []

    def verify(self, *, write: bool = True, changes: dict[str, Any] | None = None, **keys: Any) -> Finding | None:
        """Run the check; return its finding, or its first warning."""
        target = {**LAKEHOUSE, "write": write, **keys}
        environment = self.platform.environment() | (changes or {}) | {"targets": [target]}
        [settings] = [
            one.settings for one in loading.from_mapping("lake", environment, Path()).targets if one.kind == "lakehouse"
        ]
        self.probe = Probe(endpoint=find("lakehouse").plan(settings).endpoint, write=write)
        finding = None
        try:
            find("lakehouse").run(settings, self.probe)
        except Finding as found:
            finding = found
        self.left = self.probe.clean_up(finding)
        return finding or next(iter(self.probe.warnings), None)

    @property
    def files(self) -> list[str]:
        """The keys of all objects in the storage."""
        pages = self.admin("s3")
        buckets = [bucket["Name"] for bucket in pages.list_buckets()["Buckets"]]
        return [entry["Key"] for name in buckets for entry in pages.list_objects_v2(Bucket=name).get("Contents", ())]

    @property
    def kept(self) -> list[str]:
        """The keys of all versions and delete markers in the workload's bucket."""
        listed = self.admin("s3").list_object_versions(Bucket=BUCKET)
        return [entry["Key"] for entry in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ()))]

    @property
    def namespaces(self) -> list[list[str]]:
        """What the catalog holds."""
        return list(self.ask("GET", "/namespaces")["namespaces"])

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Ask the catalog as its administrator."""
        given, uri = self.platform.credentials, self.platform.environment()["catalog_uri"]
        realm = {"Polaris-Realm": "POLARIS"}
        secret = given.admin_catalog_client_secret.get_secret_value()
        form = {"grant_type": "client_credentials", "client_id": given.admin_catalog_client_id}
        form |= {"client_secret": secret, "scope": "PRINCIPAL_ROLE:ALL"}
        token = httpx.post(f"{uri}/v1/oauth/tokens", data=form, headers=realm).json()["access_token"]
        bearer = realm | {"Authorization": f"Bearer {token}"}
        prefix = httpx.get(f"{uri}/v1/config", params={"warehouse": WAREHOUSE}, headers=bearer).json()
        root = {**prefix["defaults"], **prefix["overrides"]}.get("prefix", "")
        answer = httpx.request(method, f"{uri}/v1{f'/{root}' if root else ''}{path}", headers=bearer, **request)
        return dict(answer.raise_for_status().json()) if answer.content else {}

    def allow(self, *buckets: str, **actions: str) -> None:
        """Let the workload do everything in ``buckets``, but for ``deny``, an action."""
        statements = [s for bucket in buckets for s in policies.read_write(bucket)["Statement"]]
        if "deny" in actions:
            statements.append({"Effect": "Deny", "Action": actions["deny"], "Resource": "*"})
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.admin("iam").put_user_policy(UserName=USER, PolicyName=f"{USER}-policy", PolicyDocument=policy)

    def admin(self, service: str) -> Any:
        """Return a client that may do everything."""
        given = self.platform.credentials
        return boto3.client(
            service,
            endpoint_url=self.platform.environment()["s3"]["endpoint"],
            region_name=REGION,
            aws_access_key_id=given.admin_s3_access_key_id,
            aws_secret_access_key=given.admin_s3_secret_access_key.get_secret_value(),
        )


@pytest.fixture(scope="module")
def platform() -> Iterator[LocalPlatform]:
    with LocalPlatform() as running:
        yield running


@pytest.fixture
def lake(platform: LocalPlatform) -> Iterator[Lake]:
    lake = Lake(platform)
    yield lake
    lake.allow(BUCKET)


def test_rows_go_in_by_the_catalog_and_come_out_by_the_engine(lake: Lake) -> None:
    assert lake.verify() is None
    assert lake.probe.message == "100 rows written and read through polaris > s3 > duckdb, and dropped"
    assert (lake.probe.facts["rows"], lake.probe.facts["files"]) == (100, 1)
    walked = [step.name for step in lake.probe.steps]
    rungs = ["operate.create", "operate.append", "operate.snapshot", "operate.read", "operate.drop"]
    assert [name for name in walked if name in rungs] == rungs
    assert (lake.files, lake.namespaces, lake.left) == ([], [], [])


def test_it_can_be_done_in_a_namespace_that_is_there(lake: Lake) -> None:
    lake.ask("POST", "/namespaces", json={"namespace": ["shop"]})

    assert lake.verify(namespace="shop") is None
    assert (lake.files, lake.namespaces) == ([], [["shop"]])
    lake.ask("DELETE", "/namespaces/shop")


def test_a_namespace_that_is_not_there_is_named(lake: Lake) -> None:
    finding = lake.verify(namespace="shop")

    assert finding
    assert (finding.cause, finding.step, finding.subject) == ("operate.not_found", "operate.sweep", "namespace shop")


def test_without_writing_it_is_at_best_a_warning(lake: Lake) -> None:
    warning = lake.verify(write=False)

    assert warning
    assert (warning.cause, warning.subject) == ("config.write_not_allowed", "write: true of the lakehouse")
    assert lake.probe.current_step == "operate.config"


def test_a_catalog_that_writes_to_another_bucket(lake: Lake) -> None:
    lake.admin("s3").create_bucket(Bucket="elsewhere")
    lake.allow(BUCKET, "elsewhere")
    finding = lake.verify(changes={"storage_bucket": "elsewhere"})

    assert finding
    assert (finding.cause, finding.step) == ("operate.wrong_location", "operate.location")
    assert f"s3://{BUCKET}/" in finding.message
    assert "s3://elsewhere" in finding.message
    assert (lake.files, lake.namespaces, lake.left) == ([], [], [])


def test_a_principal_who_may_not_write_the_data(lake: Lake) -> None:
    lake.allow(BUCKET, deny="s3:PutObject")
    finding = lake.verify()

    assert finding
    assert (finding.cause, finding.step) == ("authorize.write_denied", "operate.append")
    assert finding.subject is not None
    assert finding.subject.startswith(f"s3:PutObject and s3:GetObject on arn:aws:s3:::{BUCKET}/* to access key ")
    assert (lake.files, lake.namespaces) == ([], [])


@contextmanager
def behind_tls(lake: Lake, certificates: Certificates) -> Iterator[dict[str, Any]]:
    """Put a private authority's certificate before catalog and storage; yield what changes of the environment."""
    before = lake.platform.environment()
    catalog, endpoint = urlsplit(before["catalog_uri"]), before["s3"]["endpoint"]
    secured = tls(certificates.valid)
    with (
        FaultyServer(secured, relay(f"{catalog.scheme}://{catalog.netloc}")) as of_catalog,
        FaultyServer(secured, relay(endpoint)) as of_storage,
    ):
        trusting = {"ca_file": certificates.ca_file}
        yield {
            "catalog_uri": f"{of_catalog.https_url}{catalog.path}",
            "polaris": before["polaris"] | trusting,
            "s3": before["s3"] | trusting | {"endpoint": of_storage.https_url},
        }


def test_authorities_of_ones_own_are_trusted_by_all_who_write_and_read(
    lake: Lake, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())  # which requests lets go before its own settings

    with behind_tls(lake, certificates) as changes:
        assert lake.verify(changes=changes) is None
    assert (lake.files, lake.namespaces, lake.left) == ([], [], [])


def test_an_extension_that_is_not_installed(lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pytest_floe.checks.lakehouse_duckdb._packaged", lambda _: None)
    monkeypatch.setenv("HOME", str(tmp_path))
    finding = lake.verify()

    assert finding
    assert (finding.cause, finding.step) == ("operate.not_found", "start.httpfs")
    assert finding.subject == "INSTALL httpfs in DuckDB, or pip install duckdb-extension-httpfs"
    assert (lake.files, lake.namespaces) == ([], [])


# A bucket that keeps what is deleted


@pytest.fixture
def versioned() -> Iterator[Lake]:
    with LocalPlatform() as platform:
        lake = Lake(platform)
        lake.admin("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield lake


def test_no_version_is_left_of_a_table_whose_files_the_catalog_deletes(versioned: Lake) -> None:
    assert versioned.verify() is None
    assert versioned.probe.facts["files_left_by_the_catalog"] == 0
    assert (versioned.kept, versioned.left) == ([], [])


def test_versions_that_may_not_be_deleted_are_named(versioned: Lake) -> None:
    versioned.allow(BUCKET, deny="s3:DeleteObjectVersion")
    warning = versioned.verify()

    assert warning
    assert warning.cause == "operate.retained"
    named = str(warning.subject).removeprefix("remove by hand what stays under ").partition(",")[0]
    assert versioned.kept
    assert all(f"s3://{BUCKET}/{key}".startswith(f"{named}/") for key in versioned.kept)


def test_what_was_not_removed_with_the_table_is_removed_at_the_end(versioned: Lake) -> None:
    store = versioned.platform.environment()["s3"]
    with FaultyServer(relay(store["endpoint"], Tamper("DELETE", "versionId=", Answer(500), times=1))) as path:
        finding = versioned.verify(changes={"s3": store | {"endpoint": path.url}})

    assert finding
    assert (finding.cause, finding.step) == ("operate.server_error", "operate.drop")
    assert (versioned.kept, versioned.left) == ([], [])


def test_versions_that_may_not_be_listed_are_told_by_the_file_itself(versioned: Lake) -> None:
    versioned.allow(BUCKET, deny="s3:ListBucketVersions")
    assert (warning := versioned.verify())
    assert warning.cause == "operate.retained"

    versioned.allow(BUCKET, deny="s3:*Version*")  # not even whether it keeps any
    assert (warning := versioned.verify())
    assert (warning.cause, "s3:ListBucketVersions is not granted" in warning.message) == ("operate.retained", True)
    assert versioned.kept


def test_where_no_versions_are_kept_nobody_needs_to_list_them(lake: Lake) -> None:
    lake.allow(BUCKET, deny="s3:*Version*")

    assert lake.verify() is None
    assert "not_verified" not in lake.probe.facts


def test_nothing_is_written_where_files_could_not_be_removed(lake: Lake) -> None:
    lake.admin("s3").create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
    lake.admin("s3").put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration=lock)
    lake.allow(BUCKET, "locked")
    warning = lake.verify(changes={"storage_bucket": "locked"})

    assert warning
    assert warning.cause == "operate.retained"
    assert "object lock keeps every new object of locked for 1 days" in warning.message
    assert lake.probe.current_step == "operate.retention"
    assert (lake.files, lake.namespaces, lake.left) == ([], [], [])


# What no server does on demand


class Other:
    """An engine that sees something else than was written."""

    where = "the other engine"

    def __init__(self, rows: Sequence[tuple[int, str]] | None, snapshots: list[int] | None) -> None:
        self._rows = rows
        self._snapshots = snapshots
        self.true: Any = None

    def rows(self, levels: Any, table: str) -> Any:
        return self._rows if self._rows is not None else self.true.rows(levels, table)

    def snapshots(self, levels: Any, table: str) -> list[int]:
        return self._snapshots if self._snapshots is not None else self.true.snapshots(levels, table)

    def explain(self, _location: str) -> Any:
        return lambda _error: None


@pytest.mark.parametrize(
    ("rows", "snapshots", "said"),
    [
        ([], None, "100 rows were appended, and the other engine reads 0"),
        ([(number, "stale") for number in range(100)], None, "and the other engine reads "),
        (None, [7], "and the other engine sees [7]"),
        (None, [], "and the other engine sees []"),
    ],
    ids=["other count", "other values", "other snapshot", "no snapshot"],
)
def test_an_engine_that_sees_something_else(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, rows: Any, snapshots: Any, said: str
) -> None:
    other, real = Other(rows, snapshots), lakehouse._engine

    def engine(*arguments: Any) -> Other:
        other.true = real(*arguments)
        return other

    monkeypatch.setattr(lakehouse, "_engine", engine)
    finding = lake.verify()

    assert finding
    assert (finding.cause, finding.step) == ("operate.wrong_content", "operate.compare")
    assert said in finding.message
    assert finding.subject is not None
    assert f"the other engine, which must mean warehouse {WAREHOUSE}" in finding.subject
    assert (lake.files, lake.namespaces, lake.left) == ([], [], [])


# What crashed runs left


@pytest.mark.parametrize("age", [timedelta(hours=2), timedelta(minutes=5)], ids=["old", "young"])
def test_old_leftovers_are_swept_with_their_files(lake: Lake, monkeypatch: pytest.MonkeyPatch, age: timedelta) -> None:
    then = datetime.now(UTC) - age
    with monkeypatch.context() as earlier:
        earlier.setattr(Probe, "canary_name", lambda self, purpose: canary.name(self.run_id, purpose, then))
        earlier.setattr(lakehouse.CanaryTable, "drop", lambda _: None)
        earlier.setattr(Probe, "clean_up", lambda *_: [])
        lake.verify()
    crashed = lake.namespaces
    assert crashed
    assert lake.files

    assert lake.verify() is None
    swept = age > timedelta(hours=1)
    assert lake.namespaces == ([] if swept else crashed)
    assert bool(lake.files) is not swept
    assert len(lake.probe.swept) == (2 if swept else 0)
    for [name] in lake.namespaces:
        for table in lake.ask("GET", f"/namespaces/{name}/tables")["identifiers"]:
            lake.ask("DELETE", f"/namespaces/{name}/tables/{table['name']}", params={"purgeRequested": "true"})
        lake.ask("DELETE", f"/namespaces/{name}")
