"""S3 by MinIO: users, policies, certificates, quotas and clocks that a real server enforces."""

from __future__ import annotations

import base64
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.lab import Lab
from tests.faults.path import Tamper, relay
from tests.faults.server import Answer, FaultyServer
from tests.local.waiting import eventually
from tests.servers import minio
from tests.servers.minio import MinioServer, rights
from tests.servers.processes import healthy
from tests.servers.s3 import REGION, Keys, S3Server, allow

PREFIX = "wh"
_DATA = f"{PREFIX}/part-0"
_ELSEWHERE = "eu-west-1"

#: What a cell does to a server, a bucket of its own and its user; what it yields changes the settings.
Setting = Callable[[MinioServer, str, Keys], dict[str, object]]


def as_principal(name: str, **changes: object) -> Arrange:
    """Return the arrangement of a bucket of its own, as one of ``minio.PRINCIPALS``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: MinioServer = lab.server("minio")
        bucket = server.bucket("matrix")
        yield scene(server, bucket, server.principal(name, bucket), **changes)

    return arrange


def scene(server: S3Server, bucket: str, keys: Keys, /, **changes: object) -> Scene:
    """Return the settings of ``keys`` in ``bucket``."""
    where = {"bucket": bucket, "prefix": PREFIX, "endpoint": server.url, "region": REGION, "path_style": True}
    trust = {"ca_file": server.ca_file} if server.ca_file else {}
    settings = {**where, **trust, **keys.settings, **changes}
    return Scene(settings, lambda: server.everything_in(bucket), {"user": keys.access_key_id})


def to_read(name: str) -> Arrange:
    """Return the arrangement of a bucket with an object, that one of ``minio.PRINCIPALS`` is not to write to."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: MinioServer = lab.server("minio")
        with as_principal(name, write=False)(lab) as told:
            server.client().put_object(Bucket=told.settings["bucket"], Key=_DATA, Body=b"data")
            yield replace(told, leftovers=lambda: set(told.leftovers()) - {_DATA})

    return arrange


def versioned(*tampers: Tamper) -> Arrange:
    """Return the arrangement of a bucket that keeps versions, behind a path."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: MinioServer = lab.server("minio")
        with as_principal("full")(lab) as told, FaultyServer(relay(server.url, *tampers)) as path:
            bucket = str(told.settings["bucket"])
            server.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            yield replace(told, settings={**told.settings, "endpoint": path.url})

    return arrange


def set_up(setting: Setting, **options: Any) -> Arrange:
    """Return the arrangement of a bucket made with ``options``, after ``setting`` was done to it and its user."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: MinioServer = lab.server("minio")
        bucket = server.bucket("matrix", **options)
        keys = server.principal("full", bucket)
        yield scene(server, bucket, keys, **setting(server, bucket, keys))

    return arrange


# Logins


def locked_out(server: MinioServer, _: str, keys: Keys) -> dict[str, object]:
    server.disable(keys)
    return {}


def with_forged_token(server: MinioServer, _: str, keys: Keys) -> dict[str, object]:
    """Temporary credentials whose token was changed on its way."""
    issued = server.client("sts", keys).assume_role(RoleArn="arn:x:y:z:1:role/any", RoleSessionName="matrix")
    told = issued["Credentials"]
    head, claims, signature = told["SessionToken"].split(".")
    return {
        "access_key_id": told["AccessKeyId"],
        "secret_access_key": told["SecretAccessKey"],
        "session_token": ".".join((head, claims, signature[::-1])),
    }


def with_a_clock(ahead: timedelta) -> Arrange:
    """Return the arrangement of a client whose clock is ``ahead`` of the server's."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with as_principal("full")(lab) as told:
            now = datetime.now(UTC) + ahead
            lab.monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: now.replace(tzinfo=None))
            yield Scene(told.settings)  # the look at what is left would be refused as well

    return arrange


# What is granted


def for_another_folder(server: MinioServer, bucket: str, keys: Keys) -> dict[str, object]:
    """Everything, under another prefix than the configured one."""
    listing = allow(bucket, "ListBucket") | {"Condition": {"StringLike": {"s3:prefix": ["other/*"]}}}
    server.grant(keys, listing, allow(f"{bucket}/other/*", "GetObject", "PutObject", "DeleteObject"))
    return {}


def without_delete_version(server: MinioServer, bucket: str, keys: Keys) -> dict[str, object]:
    """A versioned bucket, whose versions nobody but its owner may delete."""
    server.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    denied = allow(f"{bucket}/*", "DeleteObjectVersion") | {"Effect": "Deny"}
    server.grant(keys, *rights(bucket, *minio.PRINCIPALS["full"]), denied)
    return {}


# What is there


def missing(server: MinioServer, bucket: str, keys: Keys) -> dict[str, object]:
    server.grant(keys, allow("*", "*"))
    return {"bucket": f"{bucket}-that-nobody-made"}


def locked(server: MinioServer, bucket: str, keys: Keys) -> dict[str, object]:
    """A bucket that keeps every object for a day, and a user who may know that."""
    looking = allow(bucket, "GetBucketObjectLockConfiguration")
    server.grant(keys, *rights(bucket, *minio.PRINCIPALS["full"]), looking)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    server.client().put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
    return {}


def full(server: MinioServer, bucket: str, _: Keys) -> dict[str, object]:
    server.limit(bucket, size=1)
    return {}


# Servers of one's own


@contextmanager
def own(lab: Lab, **options: str) -> Iterator[tuple[Scene, int]]:
    """Run a server with a bucket and its user; yields the id of its process, too."""
    with minio.natively_as_process(lab.tmp_path, **options) as (server, process):
        bucket = server.bucket("matrix")
        [pid] = process.servers()
        yield scene(server, bucket, server.principal("full", bucket)), pid


@contextmanager
def in_another_region(lab: Lab) -> Iterator[Scene]:
    with own(lab, MINIO_SITE_REGION=_ELSEWHERE) as (told, _):
        yield told


@contextmanager
def without_the_key(lab: Lab) -> Iterator[Scene]:
    """A server that encrypts with another key than the configured one."""
    key = base64.b64encode(bytes(32)).decode()
    with own(lab, MINIO_KMS_SECRET_KEY=f"of-the-server:{key}") as (told, _):
        yield replace(told, settings={**told.settings, "encryption": "aws:kms", "kms_key_id": "of-nobody"})


def as_amazon(code: str, text: str, status: int = 400) -> Arrange:
    """Return the arrangement of a bucket whose every object that is to be written is refused in Amazon's words."""
    body = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>".encode()

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        refused = Tamper("PUT", "/wh/", Answer(status, body, {"content-type": "application/xml"}))
        with as_principal("full")(lab) as told, FaultyServer(relay(lab.server("minio").url, refused)) as path:
            yield replace(told, settings={**told.settings, "endpoint": path.url})

    return arrange


@contextmanager
def frozen(lab: Lab) -> Iterator[Scene]:
    """The kernel still takes connections for a server that does nothing any more."""
    with own(lab) as (told, pid):
        os.kill(pid, signal.SIGSTOP)
        try:
            yield Scene(told.settings)
        finally:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def stopped(lab: Lab) -> Iterator[Scene]:
    with own(lab) as (told, _):
        settings = told.settings
    yield Scene(settings)


@contextmanager
def without_drives(lab: Lab) -> Iterator[Scene]:
    """Three of four drives are lost, and MinIO has noticed."""
    with own(lab, MINIO_VOLUMES=f"{lab.tmp_path}/drive{{1...4}}", MINIO_CI_CD="on") as (told, _):
        for number in (2, 3, 4):
            shutil.rmtree(lab.tmp_path / f"drive{number}")
        health = f"{told.settings['endpoint']}/minio/health/cluster"
        assert eventually(lambda: not healthy(health), within=60)
        yield Scene(told.settings)


def certified(fault: str) -> Arrange:
    """Return the arrangement of a server whose own certificate has ``fault``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        tls = minio.tls_folder(lab.tmp_path, lab.certificates.pem(fault))
        with minio.natively(lab.tmp_path, tls, lab.certificates.ca_file) as server:
            if fault == "expires soon":
                bucket = server.bucket("matrix")
                yield scene(server, bucket, server.principal("full", bucket))
            else:
                yield Scene(scene(server, "lake", Keys("nobody", "nobody-s3cret")).settings)

    return arrange


@contextmanager
def over_tls(lab: Lab) -> Iterator[Scene]:
    server: MinioServer = lab.server("minio_tls")
    bucket = server.bucket("matrix")
    yield scene(server, bucket, server.principal("full", bucket))


def called(scheme: str, server: str) -> Arrange:
    """Return the arrangement of the fixture ``server``, spoken to by the wrong ``scheme``."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        there: MinioServer = lab.server(server)
        url = f"{scheme}://{there.url.partition('://')[2]}"
        yield Scene({"bucket": "lake", "endpoint": url, "region": REGION, **Keys("nobody", "nobody-s3cret").settings})

    return arrange


TWIN = Twin(kind="s3", name="MinIO", server="MinIO", arrange=as_principal("full"))
TWIN_TO_READ = Twin(kind="s3", name="MinIO to read", server="MinIO", arrange=to_read("full"))
TWIN_VERSIONED = Twin(kind="s3", name="versions behind a path", server="MinIO", arrange=versioned())
TWIN_WITH_TLS = Twin(kind="s3", name="MinIO with TLS", server="MinIO", arrange=over_tls)


def cell(fault: str, arrange: Arrange, cause: str, step: str | None, remedy: str, **more: Any) -> Cell:
    return Cell(**{  # type: ignore[arg-type]
        "kind": "s3", "source": "real", "server": "MinIO", "twin": TWIN, "at": "MinIO",
        "fault": fault, "arrange": arrange, "cause": cause, "step": step, "remedy": remedy, **more,
    })  # fmt: skip


def lacking(verb: str, action: str, step: str, principal: str, **more: Any) -> Cell:
    where = "{bucket}" if verb == "list" else f"{{bucket}}/{PREFIX}/*"
    remedy = f"grant s3:{action} on arn:aws:s3:::{where}"
    return cell(f"{verb}-denied", as_principal(principal), f"authorize.{verb}_denied", step, remedy, **more)


_NOT_AUTHORIZED = (
    "User: arn:aws:iam::1:user/floe is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::lake/wh/x"
)

CELLS = [
    # Who one is.
    cell("wrong-user", as_principal("full", access_key_id="nobody-knows-this"), "authenticate.rejected",
         "authorize.list", "credentials of access key nobody-knows-this"),
    cell("wrong-secret", as_principal("full", secret_access_key="not-the-right-secret"), "authenticate.rejected",
         "authorize.list", "credentials of access key {access_key_id}"),
    cell("wrong-user", set_up(locked_out), "authenticate.rejected", "authorize.list",
         "credentials of access key {access_key_id}", at="MinIO disabled"),
    cell("wrong-secret", set_up(with_forged_token), "authenticate.rejected", "authorize.list",
         "credentials of access key {access_key_id}", at="MinIO forged token"),
    cell("no-credentials", as_principal("full", access_key_id=None, secret_access_key=None),
         "config.missing_credentials", "authenticate", "access_key_id and secret_access_key"),
    cell("no-credentials",
         as_principal("full", access_key_id=None, secret_access_key=None, profile="nobody-wrote-this"),
         "config.missing_credentials", "driver", "access_key_id and secret_access_key, a profile",
         at="MinIO unknown profile", says="nobody-wrote-this"),
    cell("clock-skew", with_a_clock(timedelta(minutes=20)), "authenticate.clock_skew", "authorize.list",
         "set the clock of this machine by NTP"),
    cell("clock-skew", with_a_clock(-timedelta(minutes=20)), "authenticate.clock_skew", "authorize.list",
         "set the clock of this machine by NTP", at="MinIO behind"),
    # What one may do.
    lacking("list", "ListBucket", "authorize.list", "no_list"),
    lacking("read", "GetObject", "operate.read", "no_read"),
    cell("read-denied", to_read("no_read"), "authorize.read_denied", "operate.read",
         f"grant s3:GetObject on arn:aws:s3:::{{bucket}}/{PREFIX}/*", twin=TWIN_TO_READ, at="MinIO of what is there"),
    lacking("write", "PutObject", "operate.write", "no_write"),
    lacking("delete", "DeleteObject", "operate.delete", "no_delete", stays=True),
    cell("list-denied", set_up(for_another_folder), "authorize.list_denied", "authorize.list",
         "grant s3:ListBucket on arn:aws:s3:::{bucket}", at="MinIO other prefix"),
    # What is there.
    cell("no-bucket", set_up(missing), "operate.not_found", "authorize.list", "s3://{bucket}/"),
    cell("region", in_another_region, "operate.wrong_region", "authorize.list", f"set region: {_ELSEWHERE}"),
    cell("no-object", as_principal("full", bucket=None), "config.object_not_given", None, "bucket", status="warning"),
    # With what it encrypts.
    cell("no-key", without_the_key, "operate.not_found", "operate.write", "correct its name: kms_key_id of-nobody"),
    *(
        cell("no-key", as_amazon(code, said), cause, "operate.write",
             "the key that s3://{bucket}/ encrypts with by default", source="path", at=at)
        for at, code, said, cause in [
            ("of Amazon", "KMS.NotFoundException", "Invalid keyId 'abc'", "operate.not_found"),
            ("disabled", "KMS.DisabledException", "arn:aws:kms:::key/abc is disabled.", "operate.not_ready"),
            ("pending deletion", "KMS.KMSInvalidStateException", "key/abc is pending deletion.", "operate.not_ready"),
        ]
    ),
    *(
        cell("write-denied", as_amazon("AccessDenied", f"{_NOT_AUTHORIZED} with an explicit deny{where}", status=403),
             "authorize.write_denied", "operate.write", f"s3:PutObject on arn:aws:s3:::lake/wh/x (an explicit deny in "
             f"{policy} forbids it: end that deny)", source="path", at=at)
        for at, where, policy in [
            ("explicit deny", " in a resource-based policy", "a resource-based policy"),
            ("explicit deny of no policy", "", "a policy of the bucket or the account"),
        ]
    ),
    # How it is.
    cell("no-space", set_up(full), "operate.out_of_space", "operate.write", "s3://{bucket}/"),
    cell("retained", set_up(locked, ObjectLockEnabledForBucket=True), "operate.retained", None,
         "use a bucket that lets go of what is deleted", status="warning", at="MinIO object lock"),
    cell("retained", set_up(without_delete_version), "operate.retained", None,
         "remove by hand what stays of s3://{bucket}/", status="warning", at="MinIO versions", stays=True),
    cell("step-500", versioned(Tamper("DELETE", "versionId=", Answer(500), times=1)), "operate.server_error",
         "operate.delete", "s3://{bucket}/", source="path", twin=TWIN_VERSIONED, at="versions"),
    cell("step-503", without_drives, "operate.not_ready", "authorize.list", "s3://{bucket}/",
         at="MinIO without drives"),
    cell("vanish", frozen, "timeout", "authorize.list", "{address}", deadline=2.0, at="MinIO frozen"),
    cell("refused", stopped, "connect.refused", "connect", "{address}"),
    # Certificates of its own.
    *(
        cell(fault, certified(wrong), cause, "tls", remedy, twin=TWIN_WITH_TLS)
        for fault, wrong, cause, remedy in [
            ("cert-expired", "expired", "tls.expired", "renew the certificate of {address}"),
            ("cert-self-signed", "self signed", "tls.untrusted", "set ca_file"),
            ("cert-wrong-host", "wrong host", "tls.hostname_mismatch", "{address}"),
            ("cert-not-yet-valid", "not yet valid", "tls.not_yet_valid", "{address}"),
            ("cert-unknown-authority", "unknown authority", "tls.untrusted", "set ca_file"),
        ]
    ),
    cell("cert-expires-soon", certified("expires soon"), "tls.expires_soon", None, "renew the certificate of {address}",
         status="warning", twin=TWIN_WITH_TLS),
    cell("plain-on-tls", called("https", "minio"), "tls.handshake_failed", "tls", "{address}"),
    cell("tls-on-plain", called("http", "minio_tls"), "operate.unexpected_response", "authorize.list", "{address}",
         twin=TWIN_WITH_TLS),
]  # fmt: skip
