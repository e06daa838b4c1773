"""Object stores whose answers are not what they should be, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_floe import canary
from tests.faults.cell import Arrange, Cell, Scene
from tests.faults.cells.protocol import PLAIN
from tests.faults.edits import edited, swapped
from tests.faults.lab import Lab
from tests.faults.path import Tamper, late
from tests.faults.server import Answer
from tests.faults.ways import WAYS, through, without_driver

_CANARY = "floe-preflight-"
_KILLED = "0badcafe"  # the run that left something
_READ = {"s3": f"/wh/{_CANARY}", "gcs": "alt=media", "adls": f"/wh/{_CANARY}"}
_GONE = {"s3": 204, "gcs": 204, "adls": 202}
#: As another server answers that stands behind the same address, and does not share what is written.
_UNSEEN = {
    "s3": Answer(404, b"<Error><Code>NoSuchKey</Code><Message>there is no such key</Message></Error>"),
    "gcs": Answer(404, b"No such object"),
    "adls": Answer(404, b"", {"x-ms-error-code": "BlobNotFound"}),
}
_OTHERS = {
    **dict.fromkeys(("s3", "gcs"), Answer(200, b"what somebody else wrote")),
    "adls": swapped(b"pytest-floe canary", b"somebody's content"),
}


def cell(kind: str, fault: str, arrange: Arrange, cause: str | None, step: str | None, **more: Any) -> Cell:
    told: dict[str, Any] = {"remedy": "", **more}
    return Cell(
        kind=kind,
        fault=fault,
        source="path",
        server=WAYS[kind].server,
        twin=PLAIN[kind],
        arrange=arrange,
        cause=cause,
        step=step,
        **told,
    )


def many_left(kind: str, *tampers: Tamper) -> Arrange:
    """Return the arrangement of a bucket with more of such objects than there is time for."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        then = datetime.now(UTC) - timedelta(hours=2)
        keys = ["wh/" + canary.name(_KILLED, f"{number:x}", then) for number in range(45)]
        with through(WAYS[kind], *tampers)(lab) as scene:
            for key in keys:
                put(lab, kind, str(scene.settings.get("bucket") or scene.settings["container"]), key)
            yield replace(scene, leftovers=lambda: set(scene.leftovers()) - set(keys))

    return arrange


def left(kind: str, *tampers: Tamper) -> Arrange:
    """Return the arrangement of a bucket with the object of a run that was killed two hours ago."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        key = "wh/" + canary.name(_KILLED, "x", datetime.now(UTC) - timedelta(hours=2))
        with through(WAYS[kind], *tampers)(lab) as scene:
            put(lab, kind, str(scene.settings.get("bucket") or scene.settings["container"]), key)
            yield scene

    return arrange


def put(lab: Lab, kind: str, bucket: str, key: str) -> None:
    body = canary.signature(_KILLED)
    if kind == "s3":
        lab.server("minio").client().put_object(Bucket=bucket, Key=key, Body=body.encode())
    elif kind == "gcs":
        lab.server("gcs_server").put(bucket, key, body)
    else:
        lab.server("azurite").put(bucket, key, body)


def _shared(kind: str) -> Iterator[Cell]:
    way = WAYS[kind]
    named = "container" if kind == "adls" else "bucket"
    yield cell(kind, "wrong-content", through(way, Tamper("GET", _READ[kind], _OTHERS[kind])), "operate.wrong_content",
               "operate.read", remedy="in front of ")  # fmt: skip
    yield cell(kind, "wrong-content", through(way, Tamper("GET", _READ[kind], _UNSEEN[kind])), "operate.wrong_content",
               "operate.read", at="written and not there", remedy="in front of ", says="was confirmed as written, and",
               stays=True)  # fmt: skip
    # Purging asks again for what was just deleted; only adls has nothing more to ask for.
    deleted = Tamper("DELETE", _CANARY, Answer(_GONE[kind]), times=1 if kind == "adls" else 2)
    yield cell(kind, "not-removed", through(way, deleted), "operate.not_removed", "operate.delete",
               remedy="remove by hand: ")  # fmt: skip
    yield cell(kind, "no-object", through(way, **{named: None}), "config.object_not_given", None, status="warning",
               remedy=f"set {named} (storage_bucket)")  # fmt: skip
    yield cell(kind, "leftover", left(kind), None, None, status="ok")
    yield cell(kind, "leftover", many_left(kind, Tamper("", "", late(0.06))), None, None, status="ok", at="many",
               deadline=8.0)  # fmt: skip
    yield cell(kind, "leftover-kept", left(kind, Tamper("DELETE", _KILLED, Answer(403))), "operate.not_removed", None,
               status="warning", at="operate.sweep", remedy="/wh/floe-preflight-", stays=True)  # fmt: skip


_GCS, _ADLS, _S3 = WAYS["gcs"], WAYS["adls"], WAYS["s3"]
_BUCKET = ("GET", r"/b/[\w-]+\?")
_WRONG_KEY = Answer(403, b"", {"x-ms-error-code": "AuthenticationFailed"})
_NO_CONTAINER = Answer(404, b"", {"x-ms-error-code": "ContainerNotFound"})

CELLS = [
    *(one for kind in ("s3", "gcs", "adls") for one in _shared(kind)),
    cell("gcs", "region", through(_GCS, Tamper(*_BUCKET, edited(location="US")), location="EU"),
         "operate.wrong_region", "operate.location", at="of the settings", remedy="set location: US"),
    cell("gcs", "read-denied", through(_GCS, Tamper(*_BUCKET, Answer(403)), location="EU"), "authorize.read_denied",
         None, status="warning", at="location", remedy="storage.buckets.get on "),
    cell("gcs", "step-500", through(_GCS, Tamper(*_BUCKET, Answer(500), after=1), location="EU"),
         "operate.server_error", "operate.location", at="operate.location"),
    cell("adls", "step-500", through(_ADLS, Tamper("GET", "comp=list", Answer(500), times=1)),
         "operate.server_error", "authorize.list", at="authorize.list"),
    cell("adls", "wrong-secret", through(_ADLS, Tamper("GET", "comp=properties", _WRONG_KEY)),
         "authenticate.rejected", "authenticate.account", at="when the account is asked"),
    cell("adls", "json-shape", through(_ADLS, Tamper("GET", "comp=list", swapped(b"ServiceEndpoint=", b"Endpoint="))),
         "operate.unexpected_response", "authorize.list", at="a listing of no service", says="no list of blobs",
         remedy="{address}"),
    cell("adls", "no-driver", without_driver(_ADLS, "azure.storage.filedatalake"), "config.missing_driver", "driver",
         at="hierarchical", remedy="pip install 'pytest-floe[adls]'"),
    cell("adls", "no-bucket", through(_ADLS, Tamper("DELETE", _CANARY, _NO_CONTAINER, times=1)),
         "operate.not_found", "operate.delete", at="in the meantime"),
]  # fmt: skip
