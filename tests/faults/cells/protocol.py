"""Faults that befall every service that speaks HTTP, at its first request: generated, fault by kind.

Each is put before a server that works: the twin is the same path without the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import quote

import pytest

from tests.faults.cell import Arrange, Cell, NotApplicable, Scene, Source, Twin
from tests.faults.edits import prolonged
from tests.faults.lab import Lab
from tests.faults.path import Tamper, forward, halved, late
from tests.faults.server import GARBAGE, Answer, FaultyServer, Move, hang, hear, reset, say, trickle
from tests.faults.ways import WAYS, Way, closed_port, instead, nowhere, through, without_driver

_PROXY_PASSWORD = "Hunter2-of#the-proxy"
LOGIN_PAGE = "<html><body>Please log in</body></html>"
_SHORT = 3.0
_every = partial(Tamper, "", "")


@dataclass(frozen=True)
class Row:
    """A fault of the table: ``step`` is None where it breaks the kind's first request.

    ``causes``, ``steps`` and ``remedies`` are those of kinds that differ.
    """

    fault: str
    arrange: Callable[[Way], Arrange]
    cause: str | None
    step: str | None = None
    remedy: str = "{address}"
    source: Source = "path"
    encrypted: bool = False
    at: str = ""
    more: dict[str, object] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    remedies: dict[str, str] = field(default_factory=dict)


#: The step of the first request to the service itself.
FIRST = {
    "trino": "operate.ready",
    "snowflake": "authenticate",
    "bigquery": "authorize.query",
    "s3": "authorize.list",
    "gcs": "authorize.list",
    "adls": "authenticate.account",
    "polaris": "authenticate",
}
#: What a fault of the service itself is about.
PLACE = {
    "trino": "{base}",
    "snowflake": "{base}",
    "bigquery": "project demo",
    "s3": "s3://{bucket}/",
    "gcs": "gs://{bucket}/",
    "adls": "abfss://{container}@lake/",
    "polaris": "{base}/v1/oauth/tokens",
}
LOGIN = {
    "trino": "user writer at {base}",
    "snowflake": "user writer as loader at {base}",
    "bigquery": "credentials_json",
    "s3": "access key {who}",
    "gcs": "credentials_json",
    "adls": "shared access signature for account lake",
    "polaris": "client keeper at {base}/v1/oauth/tokens",
}
GRANT = {
    "trino": "access to {base} to user writer",
    "snowflake": "access to {base} to user writer",
    "bigquery": "bigquery.jobs.create on project demo",
    "s3": "s3:ListBucket on arn:aws:s3:::{bucket}",
    "gcs": "storage.objects.list on gs://{bucket}/",
    "adls": "a SAS with permission l, on abfss://{container}@lake/wh/",
    "polaris": "a token on catalog lake to client keeper",
}
PACKAGES = {
    "trino": "trino",
    "snowflake": "snowflake.connector",
    "bigquery": "google.cloud.bigquery",
    "s3": "boto3",
    "gcs": "google.cloud.storage",
    "adls": "azure.storage.blob",
    "polaris": "httpx",
}
_LISTS = dict.fromkeys(("s3", "gcs", "adls"), "authorize.list_denied")
#: Trino's health may be hidden by a proxy, so that a refusal there says nothing yet.
_HIDDEN = {"trino": "authenticate"}
#: What the account says of itself, it says to few principals.
_UNTOLD = {"adls": "authorize.list"}


def with_proxy(arranged: Arrange, variable: str, proxy: Callable[[Scene], AbstractContextManager[str]]) -> Arrange:
    """Return the arrangement with a proxy in the environment, for the check alone."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with arranged(lab) as scene, proxy(scene) as url, pytest.MonkeyPatch.context() as environment:

            def leftovers() -> Iterable[str]:
                environment.undo()  # who looks at the server goes no such way
                return scene.leftovers()

            environment.setenv(variable, url)
            yield replace(scene, leftovers=leftovers, secrets=(*scene.secrets, _PROXY_PASSWORD))

    return arrange


def behind_no_proxy(way: Way) -> Arrange:
    """Return the arrangement of a machine whose proxy has a password that is not encoded."""
    url = f"http://floe:{_PROXY_PASSWORD}@proxy.example:3128"
    return with_proxy(through(way), "http_proxy", lambda _: nullcontext(url))


def behind_proxy(way: Way, *answer: Move, certificate: str = "valid") -> Arrange:
    """Return the arrangement of a way with TLS through a proxy, which leads there unless it has an ``answer``."""

    @contextmanager
    def proxy(scene: Scene) -> Iterator[str]:
        there = int(scene.names["address"].rpartition(":")[2])
        script = answer or (say(b"HTTP/1.1 200 Connection established\r\n\r\n"), forward(there))
        with FaultyServer(hear, *script) as server:
            yield f"http://floe:{quote(_PROXY_PASSWORD)}@127.0.0.1:{server.port}"

    return with_proxy(through(way, certificate=certificate), "https_proxy", proxy)


def refusing(status: bytes) -> Callable[[Way], Arrange]:
    """Return the arrangement of a proxy that answers ``status`` to whoever wants to go through it."""
    return lambda way: behind_proxy(way, say(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status))


UNEXPECTED = "operate.unexpected_response"

TABLE = [
    # Name and TCP.
    Row("no-name", partial(nowhere, base=lambda: "https://no-such-host.invalid:8443", encrypted=True),
        "resolve.not_found", "resolve", "no-such-host.invalid", encrypted=True),
    Row("bad-proxy", behind_no_proxy, "config.invalid", "resolve", "http_proxy: http://USER:PASSWORD@HOST:PORT"),
    Row("refused", partial(nowhere, base=closed_port), "connect.refused", "connect"),
    Row("vanish", lambda way: instead(way, hang), "timeout", source="scripted", more={"deadline": _SHORT}),
    Row("stall", lambda way: instead(way, hear, say(b"H"), hang), "timeout", source="scripted",
        more={"deadline": _SHORT}),
    Row("cut", lambda way: through(way, _every(halved)), UNEXPECTED),
    Row("cut", lambda way: instead(way, hear), UNEXPECTED, source="scripted", at="before its first byte"),
    Row("reset", lambda way: instead(way, hear, reset), UNEXPECTED, source="scripted"),
    Row("garbage", lambda way: instead(way, hear, say(GARBAGE)), UNEXPECTED, source="scripted"),
    Row("garbage", lambda way: instead(way, say(b"220 mail.example ESMTP\r\n"), hear), UNEXPECTED,
        source="scripted", at="that greets first"),
    Row("slow", lambda way: through(way, _every(late(0.6), times=1)), "latency.slow",
        more={"status": "warning", "slow": 500.0, "says": "threshold 500 ms"}),
    Row("slow", lambda way: through(way, _every(late(0.2), times=1)), None, remedy="", at="within the threshold",
        more={"status": "ok"}),
    Row("swallowed-timeout", lambda way: instead(way, hear, trickle), "timeout", source="scripted",
        more={"deadline": _SHORT}),
    # A proxy.
    Row("proxy", behind_proxy, None, remedy="", encrypted=True, at="that leads there", more={"status": "ok"}),
    Row("proxy", refusing(b"407 Proxy Authentication Required"), "authenticate.rejected", "connect.tunnel",
        "https_proxy, for the proxy 127.0.0.1:", encrypted=True, at="that knows nobody"),
    Row("proxy", refusing(b"403 Forbidden"), "authorize.denied", "connect.tunnel", "the way to {address} at the proxy",
        encrypted=True, at="that denies the way"),
    Row("proxy", refusing(b"502 Bad Gateway"), "connect.unreachable", "connect.tunnel", encrypted=True,
        at="that finds no way"),
    Row("proxy", lambda way: behind_proxy(way, say(GARBAGE)), UNEXPECTED, "connect.tunnel", "127.0.0.1:",
        encrypted=True, at="that is none"),
    Row("cert-expired", partial(behind_proxy, certificate="expired"), "tls.expired", "tls", encrypted=True,
        at="behind a proxy"),
    Row("cert-expires-soon", partial(behind_proxy, certificate="ends_soon"), "tls.expires_soon", encrypted=True,
        at="behind a proxy", more={"status": "warning"}),
    # TLS.
    Row("cert-expired", partial(through, certificate="expired"), "tls.expired", "tls", encrypted=True),
    Row("cert-self-signed", partial(through, certificate="self_signed"), "tls.untrusted", "tls", encrypted=True),
    Row("cert-unknown-authority", partial(through, certificate="of_unknown_authority"), "tls.untrusted", "tls",
        encrypted=True),
    Row("cert-wrong-host", partial(through, certificate="wrong_host"), "tls.hostname_mismatch", "tls", encrypted=True),
    Row("cert-not-yet-valid", partial(through, certificate="not_yet_valid"), "tls.not_yet_valid", "tls",
        encrypted=True),
    Row("cert-expires-soon", partial(through, certificate="ends_soon"), "tls.expires_soon", encrypted=True,
        more={"status": "warning"}),
    Row("plain-on-tls", partial(through, encrypted=True), "tls.handshake_failed", "tls", encrypted=True),
    Row("tls-on-plain", partial(through, certificate="valid", encrypted=False), UNEXPECTED),
    # HTTP.
    Row("http-301", lambda way: through(way, _every(Answer(301, LOGIN_PAGE, {"Location": "https://login.example/"}))),
        UNEXPECTED),
    Row("http-401", lambda way: through(way, _every(Answer(401, LOGIN_PAGE)), certificate="valid"),
        "authenticate.rejected", steps=_HIDDEN, remedies=LOGIN, encrypted=True),
    Row("http-403", lambda way: through(way, _every(Answer(403, LOGIN_PAGE))), "authorize.denied",
        causes=_LISTS, steps=_HIDDEN | _UNTOLD, remedies=GRANT),
    Row("http-404", lambda way: through(way, _every(Answer(404, LOGIN_PAGE))), "operate.not_found",
        steps=_HIDDEN | _UNTOLD, remedies=PLACE),
    Row("http-429", lambda way: through(way, _every(Answer(429, LOGIN_PAGE, {"Retry-After": "7"}))),
        "operate.not_ready", steps=_UNTOLD, remedies=PLACE),
    Row("http-500", lambda way: through(way, _every(Answer(500, LOGIN_PAGE))), "operate.server_error",
        steps=_UNTOLD, remedies=PLACE),
    Row("http-503", lambda way: through(way, _every(Answer(503, LOGIN_PAGE))), "operate.not_ready",
        steps=_UNTOLD, remedies=PLACE),
    Row("html", lambda way: through(way, _every(Answer(200, LOGIN_PAGE))), UNEXPECTED, steps=_UNTOLD),
    Row("json-shape", lambda way: through(way, _every(Answer(200, {"unexpected": ["shape"]}))), UNEXPECTED,
        steps=_UNTOLD),
    Row("endless", lambda way: through(way, _every(Answer(200, b"x" * 65536, endless=True))), UNEXPECTED,
        more={"deadline": 5.0}, causes={"snowflake": "timeout"}),
    Row("endless", lambda way: through(way, _every(prolonged, times=1)), UNEXPECTED, at="after a whole answer",
        more={"deadline": 10.0}, causes={"snowflake": "timeout"}),
]  # fmt: skip

PLAIN = {
    kind: Twin(kind=kind, name="behind a path", server=way.server, arrange=through(way)) for kind, way in WAYS.items()
}
ENCRYPTED = {
    kind: Twin(kind=kind, name="behind a path with TLS", server=way.server, arrange=through(way, certificate="valid"))
    for kind, way in WAYS.items()
}


def _generated() -> Iterator[Cell]:
    for kind, way in WAYS.items():
        for row in TABLE:
            warns = row.more.get("status", "error") != "error"
            first = row.step or row.steps.get(kind, FIRST[kind])
            yield Cell(
                kind=kind, fault=row.fault, at=row.at, source=row.source, server=way.server,
                twin=(ENCRYPTED if row.encrypted else PLAIN)[kind], arrange=row.arrange(way),
                cause=row.causes.get(kind, row.cause), step=None if warns else first,
                remedy=row.remedies.get(kind, row.remedy), **row.more,
            )  # fmt: skip
        yield Cell(
            kind=kind, fault="no-driver", source="path", server=way.server, twin=PLAIN[kind],
            arrange=without_driver(way, PACKAGES[kind]), cause="config.missing_driver", step="driver",
            remedy=f"pip install 'pytest-floe[{kind}]'",
        )  # fmt: skip


CELLS = list(_generated())
NOT_APPLICABLE: list[NotApplicable] = []
