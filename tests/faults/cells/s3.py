"""S3, by moto: keys, signatures and policies that it enforces, and a path that misbehaves at each step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.faults.path import Tamper, relay
from tests.faults.server import Answer, FaultyServer
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


TWIN = Twin(kind="s3", name="a bucket behind a path", server="moto", arrange=behind())

CELLS = [
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
