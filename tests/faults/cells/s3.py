"""S3, by moto: keys, signatures and policies that it enforces, and a path that misbehaves at each step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.faults.path import Tamper, relay
from tests.faults.server import Answer, FaultyServer
from tests.faults.ways import under
from tests.servers.s3 import REGION, S3Server, allow

PREFIX = "wh"
OBJECTS = ("GetObject", "PutObject", "DeleteObject")
_NUMBERS = itertools.count()


def behind(*tampers: Tamper, objects: tuple[str, ...] = OBJECTS, **changes: object) -> Arrange:
    """Return the arrangement of a bucket of its own, and a user who may do ``objects`` in it, behind a path."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: S3Server = lab.server("moto_s3")
        bucket = server.bucket(f"matrix-{next(_NUMBERS)}")
        # Amazon takes HeadBucket for ListBucket; moto asks for a permission of that name.
        user = server.user(allow(bucket, "ListBucket", "HeadBucket"), allow(f"{bucket}/{PREFIX}/*", *objects))
        with FaultyServer(relay(server.url, *tampers)) as path:
            where = {"bucket": bucket, "prefix": PREFIX, "endpoint": path.url, "region": REGION}
            yield Scene({**where, **user.settings, **changes}, lambda: server.everything_in(bucket))

    return arrange


def holding(tampers: tuple[Tamper, ...] = (), **classes: str) -> Arrange:
    """Return the arrangement of a bucket to read, with an object of each name in its storage class, behind a path."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: S3Server = lab.server("moto_s3")
        with behind(*tampers, write=False)(lab) as scene:
            bucket = scene.settings["bucket"]
            for name, storage in classes.items():
                server.client().put_object(Bucket=bucket, Key=f"{PREFIX}/{name}", Body=b"data", StorageClass=storage)
            yield Scene(scene.settings)

    return arrange


#: As of an object that S3 itself moved to an archive: its class in a listing is INTELLIGENT_TIERING.
_ARCHIVED = Answer(403, b"<Error><Code>InvalidObjectState</Code><Message>restore it first</Message></Error>")
TWIN = Twin(kind="s3", name="a bucket behind a path", server="moto", arrange=behind())

TWIN_TO_READ = Twin(kind="s3", name="a bucket to read", server="moto", arrange=holding(a="STANDARD"))


def archived(at: str, arrange: Arrange, says: str, **more: Any) -> Cell:
    told: dict[str, Any] = {"source": "emulator", "cause": None, "step": None, "remedy": "", "status": "ok", **more}
    return Cell(
        kind="s3", fault="archived", at=at, server="moto", twin=TWIN_TO_READ, arrange=arrange, says=says, **told
    )


_NOT_READ = "can't be read before it is restored"

CELLS = [
    archived("first", holding(a="GLACIER", b="STANDARD"), f"read from {PREFIX}/b"),
    archived("all", holding(a="GLACIER", b="DEEP_ARCHIVE"), _NOT_READ),
    archived(
        "not listed",
        holding((Tamper("GET", f"{PREFIX}/a", _ARCHIVED),), a="STANDARD", b="STANDARD"),
        f"read from {PREFIX}/b",
        source="path",
    ),
    archived("many", holding(**dict.fromkeys("abcdefg", "GLACIER"), h="STANDARD"), f"read from {PREFIX}/h"),
    Cell(
        kind="s3",
        fault="write-denied",
        source="emulator",
        server="moto",
        twin=TWIN,
        arrange=behind(objects=("GetObject", "DeleteObject")),
        cause="authorize.write_denied",
        step="operate.write",
        remedy=f"grant s3:PutObject on arn:aws:s3:::{{bucket}}/{PREFIX}/*",
    ),
    Cell(
        kind="s3",
        fault="bad-setting",
        at="of the SDK",
        source="emulator",
        server="moto",
        twin=TWIN_TO_READ,
        arrange=under(holding(), "AWS_RETRY_MODE", "eager"),
        cause="config.invalid",
        step="driver",
        remedy="AWS_RETRY_MODE",
    ),
    Cell(
        kind="s3",
        fault="step-503",
        at="operate.read",
        source="path",
        server="moto",
        twin=TWIN,
        arrange=behind(Tamper("GET", "/floe-preflight-", Answer(503, "<html>later</html>"))),
        cause="operate.not_ready",
        step="operate.read",
        remedy="s3://{bucket}/",
    ),
    Cell(
        kind="s3",
        fault="expired-token",
        source="path",
        server="moto",
        twin=TWIN,
        arrange=behind(
            Tamper("GET", "", Answer(400, "<Error><Code>ExpiredToken</Code><Message>it has expired</Message></Error>"))
        ),
        cause="authenticate.rejected",
        step="authorize.list",
        remedy="credentials of access key {access_key_id}",
    ),
    # After any redirect botocore asks for the bucket's region, and on an answer to that it asks again what it asked.
    Cell(
        kind="s3",
        fault="http-301",
        at="once",
        source="path",
        server="moto",
        twin=TWIN,
        arrange=behind(Tamper("GET", "", Answer(301, b"", {"Location": "https://login.example/"}), times=1)),
        cause="operate.unexpected_response",
        step="authorize.list",
        remedy="{address}",
        says="login.example",
    ),
]
