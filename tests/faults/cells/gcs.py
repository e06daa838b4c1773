"""Cloud Storage by fake-gcs-server, behind a gateway that verifies keys, tokens and permissions as Google does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from google.auth import _helpers

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.servers.gcs import GcsServer
from tests.servers.google_gateway import key_pair

PREFIX = "wh"
_DATA = f"{PREFIX}/part-0"
LIST, GET, CREATE, DELETE = (f"storage.objects.{action}" for action in ("list", "get", "create", "delete"))
WORKLOAD = (LIST, GET, CREATE, DELETE)
_BUCKET_GET = "storage.buckets.get"

#: From the key file that Google gives to the one that the check is given.
KeyFile = Callable[[dict[str, str]], dict[str, str]]


def account(
    *permissions: str, key: KeyFile = dict, server: str = "gcs_server", options: dict[str, Any] | None = None,
    **changes: object,
) -> Arrange:  # fmt: skip
    """Return the arrangement of a bucket of its own, and a service account with ``permissions``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        gcs: GcsServer = lab.server(server)
        bucket = gcs.bucket(f"matrix-{lab.number()}", **(options or {}))
        owner = gcs.gateway.account(*permissions)
        told = key(owner.key_file)
        where = {"bucket": bucket, "prefix": PREFIX, "endpoint": gcs.url, "credentials_json": json.dumps(told)}
        yield Scene(
            {**where, **changes}, lambda: gcs.everything_in(bucket), {"email": owner.email}, tuple(told.values())[3:4]
        )

    return arrange


def without(permission: str, **changes: object) -> Arrange:
    """Return the arrangement of an account that lacks one permission of a workload."""
    return account(*(one for one in WORKLOAD if one != permission), **changes)


def to_read(*permissions: str) -> Arrange:
    """Return the arrangement of a bucket with an object, that an account with ``permissions`` is not to write to."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        gcs: GcsServer = lab.server("gcs_server")
        with account(*permissions, write=False)(lab) as told:
            gcs.put(str(told.settings["bucket"]), _DATA, "data")
            yield replace(told, leftovers=lambda: set(told.leftovers()) - {_DATA})

    return arrange


def forged(key_file: dict[str, str]) -> dict[str, str]:
    return key_file | {"private_key": key_pair()[0]}


def of_nobody(key_file: dict[str, str]) -> dict[str, str]:
    return key_file | {"client_email": "nobody@demo.iam.gserviceaccount.com"}


def not_a_key(key_file: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in key_file.items() if name != "private_key"}


@contextmanager
def revoked(lab: Lab) -> Iterator[Scene]:
    """The account is deleted once it has a token: as of a key that was rotated, or a project that was shut down."""
    gcs: GcsServer = lab.server("gcs_server")
    with account(*WORKLOAD)(lab) as told, gcs.gateway.forgetting_tokens():
        yield told


def hindered(status: int, reason: str, text: str) -> Arrange:
    """Return the arrangement of an account that has all permissions, and whose listing something else hinders."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        gcs: GcsServer = lab.server("gcs_server")
        with account(*WORKLOAD)(lab) as told:
            gcs.gateway.accounts[told.names["email"]].refused[LIST] = (status, reason, text)
            yield told

    return arrange


class _Clock:
    """``google.auth._helpers`` with another time, for the client alone: the issuer runs in this process, too."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def utcnow(self) -> datetime:
        return _helpers.utcnow() + self._ahead

    def __getattr__(self, name: str) -> object:
        return getattr(_helpers, name)


def with_a_clock(ahead: timedelta) -> Arrange:
    """Return the arrangement of a client whose clock is ``ahead`` of the issuer's."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        lab.monkeypatch.setattr("google.oauth2.service_account._helpers", _Clock(ahead))
        with account(*WORKLOAD)(lab) as told:
            yield told

    return arrange


TWIN = Twin(kind="gcs", name="fake-gcs-server", server="fake-gcs-server", arrange=account(*WORKLOAD))
TWIN_TO_READ = Twin(kind="gcs", name="to read", server="fake-gcs-server", arrange=to_read(LIST, GET))
TWIN_SOFT = Twin(
    kind="gcs", name="gcp-storage-emulator", server="gcp-storage-emulator",
    arrange=account(*WORKLOAD, server="gcs_soft_delete"),
)  # fmt: skip


def cell(fault: str, arrange: Arrange, cause: str, step: str | None, remedy: str, **more: Any) -> Cell:
    return Cell(**{  # type: ignore[arg-type]
        "kind": "gcs", "source": "emulator", "server": "fake-gcs-server", "twin": TWIN, "at": "by itself",
        "fault": fault, "arrange": arrange, "cause": cause, "step": step, "remedy": remedy, **more,
    })  # fmt: skip


def lacking(verb: str, permission: str, step: str, **more: Any) -> Cell:
    remedy = f"grant {permission} on gs://{{bucket}}/"
    return cell(f"{verb}-denied", without(permission), f"authorize.{verb}_denied", step, remedy, **more)


_SOFT = {"server": "gcp-storage-emulator", "twin": TWIN_SOFT}

CELLS = [
    # Who one is.
    cell("wrong-secret", account(*WORKLOAD, key=forged), "authenticate.rejected", "authenticate",
         "credentials of credentials_json"),
    cell("wrong-user", account(*WORKLOAD, key=of_nobody), "authenticate.rejected", "authenticate",
         "credentials of credentials_json"),
    cell("no-credentials", account(*WORKLOAD, credentials_json=None), "config.missing_credentials", "authenticate",
         "credentials_file, credentials_json"),
    cell("no-credentials", account(*WORKLOAD, key=not_a_key), "config.missing_credentials", "authenticate",
         "credentials_file, credentials_json", at="not a key"),
    cell("wrong-user", account(*WORKLOAD, credentials_json=None, anonymous=True), "authenticate.rejected",
         "authorize.list", "credentials of anonymous", at="anonymous"),
    cell("expired-token", revoked, "authenticate.rejected", "authorize.list", "credentials of credentials_json"),
    cell("clock-skew", with_a_clock(timedelta(minutes=20)), "authenticate.clock_skew", "authenticate",
         "set the clock of this machine by NTP"),
    cell("clock-skew", with_a_clock(-timedelta(hours=2)), "authenticate.clock_skew", "authenticate",
         "set the clock of this machine by NTP", at="behind"),
    # What one may do.
    lacking("list", LIST, "authorize.list"),
    lacking("read", GET, "operate.read"),
    cell("read-denied", to_read(LIST), "authorize.read_denied", "operate.read",
         f"grant {GET} on gs://{{bucket}}/{PREFIX}/", twin=TWIN_TO_READ, at="of what is there"),
    lacking("write", CREATE, "operate.write"),
    lacking("delete", DELETE, "operate.delete", stays=True),
    # What hinders all who may.
    *(
        cell(fault, hindered(*refused), cause, "authorize.list", remedy, at=at)
        for fault, at, refused, cause, remedy in [
            ("service-denied", "organization's policy",
             (403, "vpcServiceControls", "Request is prohibited by organization's policy. vpcServiceControls"),
             "authorize.denied", "grant what the organization's policy prohibits: access to gs://{bucket}/"),
            ("service-denied", "API not enabled",
             (403, "accessNotConfigured", "Cloud Storage JSON API has not been used in project 1 before"),
             "authorize.denied", "gcloud services enable storage.googleapis.com"),
            ("scope-denied", "", (403, "insufficientPermissions", "Request had insufficient authentication scopes."),
             "authorize.denied", "grant the scope https://www.googleapis.com/auth/devstorage.read_write to "),
            ("service-denied", "requester pays",
             (400, "required", "Bucket is a requester pays bucket but no user project provided."),
             "authorize.denied", "gcloud storage buckets update gs://{bucket}/ --no-requester-pays"),
            ("no-credits", "billing",
             (403, "accountDisabled", "The billing account for the owning project is disabled in state absent"),
             "operate.exhausted", "billing of the project that has gs://{bucket}/"),
        ]
    ),
    # What is there.
    cell("no-bucket", account(*WORKLOAD, bucket="nobody-made-this"), "operate.not_found", "authorize.list",
         "gs://nobody-made-this/"),
    cell("no-object", account(*WORKLOAD, bucket=None), "config.object_not_given", None, "bucket", status="warning"),
    cell("region", account(*WORKLOAD, _BUCKET_GET, location="EUROPE-WEST4"), "operate.wrong_region",
         "operate.location", "set location: US"),
    cell("retained", account(*WORKLOAD, _BUCKET_GET, options={"defaultEventBasedHold": True}), "operate.retained",
         None, "use a bucket that lets go of what is deleted", status="warning", at="hold"),
    cell("retained", account(*WORKLOAD, server="gcs_soft_delete", options={"softDeletePolicy":
         {"retentionDurationSeconds": "604800"}}), "operate.retained", None, "remove by hand what stays of",
         status="warning", at="soft delete", **_SOFT),
]  # fmt: skip
