"""How each kind is reached by a path: the server at its end, and the settings that lead the check through.

A ``Way`` opens the server with what a cell needs of its own in it (a bucket, a user), and says the settings for the
address of a path. ``through`` and ``instead`` make arrangements of it: the first leads to the server, with moves or
tampered answers on the way, the second to a script that plays alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.faults.cell import Arrange, Scene
from tests.faults.certificates import Certificates
from tests.faults.lab import Lab
from tests.faults.path import Tamper, relay
from tests.faults.server import FaultyServer, Move, tls
from tests.servers import bigquery, iceberg_rest, snowflake, trino
from tests.servers.s3 import REGION, allow


@dataclass
class End:
    """The server at the end of a way: its ``url``, and the settings for the address (scheme://host:port) of a path."""

    url: str
    settings: Callable[[str], dict[str, object]]
    leftovers: Callable[[], Iterable[str]] = tuple
    ca_file: Path | None = None
    secrets: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """``open`` takes the lab and whether the check will speak TLS; ``server`` is what docs/faults.md says."""

    kind: str
    server: str
    open: Callable[[Lab, bool], AbstractContextManager[End]]


def through(
    way: Way,
    *tampers: Tamper,
    certificate: str | None = None,
    encrypted: bool | None = None,
    **changes: object,
) -> Arrange:
    """Return the arrangement of a way with ``tampers`` on it; under TLS if a ``certificate`` is named.

    ``encrypted`` says whether the check speaks TLS, if that is not what the path does; ``changes`` are of the settings.
    """
    speaks_tls = certificate is not None if encrypted is None else encrypted

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with way.open(lab, speaks_tls) as end:
            moves = secured(lab.certificates, certificate)
            with FaultyServer(*moves, relay(end.url, *tampers, ca_file=end.ca_file)) as path:
                yield _scene(lab, end, path.https_url if speaks_tls else path.url, changes)

    return arrange


def instead(way: Way, *script: Move) -> Arrange:
    """Return the arrangement of a server that plays ``script`` in the place of the real one."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with way.open(lab, False) as end, FaultyServer(*script) as path:
            yield _scene(lab, end, path.url, {})

    return arrange


def nowhere(way: Way, base: Callable[[], str], *, encrypted: bool = False) -> Arrange:
    """Return the arrangement of an address where nothing is."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with way.open(lab, encrypted) as end:
            yield _scene(lab, end, base(), {})

    return arrange


def without_driver(way: Way, package: str) -> Arrange:
    """Return the arrangement of a machine on which ``package`` is not installed."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        with way.open(lab, False) as end:
            scene = _scene(lab, end, end.url, {})
            lab.uninstall(package)
            yield Scene(scene.settings, names=scene.names, secrets=scene.secrets)

    return arrange


def under(arrange: Arrange, variable: str, value: str) -> Arrange:
    """Return an arrangement on a machine whose environment has a variable that the client library reads by itself."""

    @contextmanager
    def arranged(lab: Lab) -> Iterator[Scene]:
        with arrange(lab) as scene:
            lab.monkeypatch.setenv(variable, value)

            def leftovers() -> Iterable[str]:
                lab.monkeypatch.delenv(variable)
                return scene.leftovers()

            yield replace(scene, leftovers=leftovers)
            lab.monkeypatch.delenv(variable, raising=False)

    return arranged


def secured(certificates: Certificates, name: str | None) -> tuple[Move, ...]:
    """Return the move that begins TLS with the certificate of that name; none without a name."""
    return (tls(getattr(certificates, name)),) if name else ()


def closed_port() -> str:
    """Return an address that refuses connections."""
    with FaultyServer() as gone:
        return gone.url


def _scene(lab: Lab, end: End, base: str, changes: dict[str, object]) -> Scene:
    trusting = {"ca_file": lab.certificates.ca_file} if base.startswith("https:") else {}
    settings = {**end.settings(base), **trusting, **changes}
    host = urlsplit(base).hostname or ""
    names = {**end.names, "host": host, "address": urlsplit(base).netloc, "base": base}
    return Scene(settings, end.leftovers, names, end.secrets)


# The ways


@contextmanager
def _trino(lab: Lab, encrypted: bool) -> Iterator[End]:
    server: trino.TrinoServer = lab.server("trino_server")
    login = {"user": "writer", **({"password": trino.PASSWORDS["writer"]} if encrypted else {})}
    place = {"catalog": trino.CATALOG, "schema": trino.SCHEMA, "write": True}

    def settings(base: str) -> dict[str, object]:
        return {**_host_and_port(base), "scheme": base.partition(":")[0], **login, **place}

    port = server.tls_port if encrypted else server.port
    url = f"http{'s' if encrypted else ''}://localhost:{port}"
    yield End(url, settings, lambda: server.tables() - {"orders"}, server.ca_file)


@contextmanager
def _snowflake(lab: Lab, _: bool) -> Iterator[End]:
    server: snowflake.SnowflakeServer = lab.server("snowflake_server")
    login = {"account": "test", "user": "writer", "password": snowflake.PASSWORDS["writer"], "role": "loader"}
    place = {"warehouse": "compute", "database": "lake", "schema": "shop", "write": True}

    def settings(base: str) -> dict[str, object]:
        return {**_host_and_port(base), "protocol": base.partition(":")[0], **login, **place}

    yield End(f"http://127.0.0.1:{server.port}", settings, lambda: server.tables() - {"ORDERS"})


@contextmanager
def _bigquery(lab: Lab, _: bool) -> Iterator[End]:
    server: bigquery.BigQueryServer = lab.server("bigquery_server")
    dataset = server.dataset(f"matrix_{lab.number()}", "orders")
    key = server.account(*bigquery.WRITER).key_file
    place = {"project": bigquery.PROJECT, "dataset": dataset, "write": True}

    def settings(base: str) -> dict[str, object]:
        return {"endpoint": base, "credentials_json": json.dumps(key), **place}

    yield End(server.url, settings, lambda: server.tables(dataset) - {"orders"}, secrets=(key["private_key"],))


@contextmanager
def _s3(lab: Lab, _: bool) -> Iterator[End]:
    server = lab.server("minio")
    bucket = server.bucket("matrix")
    user = server.user(allow(bucket, "ListBucket"), allow(f"{bucket}/wh/*", "GetObject", "PutObject", "DeleteObject"))
    place = {"bucket": bucket, "prefix": "wh", "region": REGION, "path_style": True}

    def settings(base: str) -> dict[str, object]:
        return {"endpoint": base, **place, **user.settings}

    yield End(server.url, settings, lambda: server.everything_in(bucket), names={"who": user.access_key_id})


@contextmanager
def _gcs(lab: Lab, _: bool) -> Iterator[End]:
    server = lab.server("gcs_server")
    bucket = server.bucket(f"matrix-{lab.number()}")
    key = server.gateway.account(*(f"storage.objects.{verb}" for verb in ("list", "get", "create", "delete"))).key_file

    def settings(base: str) -> dict[str, object]:
        return {"endpoint": base, "credentials_json": json.dumps(key), "bucket": bucket, "prefix": "wh"}

    yield End(server.url, settings, lambda: server.everything_in(bucket), secrets=(key["private_key"],))


@contextmanager
def _adls(lab: Lab, _: bool) -> Iterator[End]:
    server = lab.server("azurite")
    container = server.container(f"matrix-{lab.number()}")
    signature = server.signature(container, "rcdl")
    account = urlsplit(server.url).path

    def settings(base: str) -> dict[str, object]:
        login = {"account": "lake", "sas_token": signature}
        return {"endpoint": f"{base}{account}", **login, "container": container, "prefix": "wh"}

    url = server.url.removesuffix(account)
    yield End(url, settings, lambda: server.everything_in(container), server.ca_file)


@contextmanager
def _polaris(lab: Lab, _: bool) -> Iterator[End]:
    server: iceberg_rest.IcebergRest = lab.server("iceberg_rest")
    parts = urlsplit(server.uri)

    def settings(base: str) -> dict[str, object]:
        return {**server.client(), "uri": f"{base}{parts.path}", "write": True}

    try:
        yield End(f"{parts.scheme}://{parts.netloc}", settings, server.canaries)
    finally:
        server.clear()  # what a check left would get the next one's answers that a path holds ready


def _host_and_port(base: str) -> dict[str, Any]:
    parts = urlsplit(base)
    return {"host": parts.hostname, "port": parts.port}


WAYS = {
    "trino": Way("trino", "Trino", _trino),
    "snowflake": Way("snowflake", "fakesnow", _snowflake),
    "bigquery": Way("bigquery", "bqemulator", _bigquery),
    "s3": Way("s3", "MinIO", _s3),
    "gcs": Way("gcs", "fake-gcs-server", _gcs),
    "adls": Way("adls", "Azurite", _adls),
    "polaris": Way("polaris", "Iceberg REST catalog of `local`", _polaris),
}
