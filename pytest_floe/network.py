"""The lowest rungs by plain sockets: name, TCP and TLS, each told apart before a driver hides which one broke."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_floe.diagnosis import Finding, describe
from pytest_floe.proxies import Proxy, proxy_for
from pytest_floe.settings import url_host

if TYPE_CHECKING:
    from pytest_floe.probe import Probe

EXPIRY_WARNING = timedelta(days=14)
_PORTS = {"http": 80, "https": 443}


def reach_url(probe: Probe, url: str, *, ca_file: Path | None = None) -> None:
    """Walk to the host of ``url``; where the environment sets a proxy for it, through the proxy."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if proxy := proxy_for(parts.scheme, host):
        _reach_through(probe, proxy, host, port, tls=parts.scheme == "https", ca_file=ca_file)
    else:
        reach(probe, host, port, tls=parts.scheme == "https", ca_file=ca_file)


def _reach_through(probe: Probe, proxy: Proxy, host: str, port: int, *, tls: bool, ca_file: Path | None) -> None:
    """Walk to the proxy, and to the end of a tunnel through it; plain text is handed to it request by request."""
    probe.address = proxy.address
    probe.fact(proxy=proxy.address)
    with connect(probe, resolve(probe, proxy.host, proxy.port), proxy.address) as plain:
        if tls and proxy.speaks_http:
            plain.settimeout(probe.remaining())
            with probe.step("connect.tunnel", subject=proxy.address):
                proxy.lead(plain, f"{url_host(host)}:{port}")
            probe.address = f"{host}:{port}"
            handshake(probe, plain, host, probe.address, ca_file)


def reach(probe: Probe, host: str, port: int, *, tls: bool, ca_file: Path | None) -> None:
    """Walk resolve, connect and, with ``tls``, tls. Sets ``probe.reached`` once TCP has connected."""
    probe.address = f"{host}:{port}"
    addresses = resolve(probe, host, port)
    with connect(probe, addresses, f"{host}:{port}") as plain:
        if tls:
            handshake(probe, plain, host, f"{host}:{port}", ca_file)


def resolve(probe: Probe, host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Return the addresses of ``host`` as (family, socket address)."""
    with probe.step("resolve", lambda _: Finding("resolve.not_found", f"the host name {host} has no address", host)):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(entry[0], entry[4][:2]) for entry in found]  # type: ignore[misc]


def connect(probe: Probe, addresses: list[tuple[socket.AddressFamily, tuple[str, int]]], where: str) -> socket.socket:
    """Connect to the first address that answers, each getting its share of the time that is left."""

    def explain(error: Exception) -> Finding | None:
        if isinstance(error, TimeoutError):
            return Finding("connect.timeout", f"no TCP connection to {where} in time", where)
        if isinstance(error, ConnectionRefusedError):
            return Finding("connect.refused", f"{where} refuses connections", where)
        return None

    with probe.step("connect", explain):
        plain = _first_that_answers(probe, addresses)
        probe.reached = True
        return plain


def _first_that_answers(probe: Probe, addresses: list[tuple[socket.AddressFamily, tuple[str, int]]]) -> socket.socket:
    last: OSError | None = None
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        plain = socket.socket(family, socket.SOCK_STREAM)
        plain.settimeout(probe.remaining() / left)
        try:
            plain.connect(address)
        except OSError as error:
            plain.close()
            last = error
        else:
            return plain
    raise last or OSError("no address")


def handshake(probe: Probe, plain: socket.socket, host: str, where: str, ca_file: Path | None) -> None:
    """Verify the certificate of ``host`` as a client would, and note its end; ``plain`` is closed."""

    def explain(error: Exception) -> Finding | None:
        if isinstance(error, ssl.SSLError | ConnectionError) and not isinstance(error, ssl.SSLCertVerificationError):
            return Finding("tls.handshake_failed", f"{where}: {describe(error)}", where)
        return None

    with probe.step("tls", explain, subject=where):
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        plain.settimeout(probe.remaining())
        with context.wrap_socket(plain, server_hostname=host) as secured:
            note_expiry(probe, secured, where)


def note_expiry(probe: Probe, secured: ssl.SSLSocket, where: str) -> None:
    """Note TLS version and the end of the peer's certificate; warn if it ends within 14 days."""
    certificate = secured.getpeercert() or {}
    not_after = str(certificate.get("notAfter", ""))
    probe.fact(tls_version=secured.version())
    if not not_after:
        return
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(not_after), UTC)
    probe.fact(tls_expires=ends.isoformat().replace("+00:00", "Z"))
    if ends - datetime.fromtimestamp(time.time(), UTC) < EXPIRY_WARNING:
        probe.warn("tls.expires_soon", f"the certificate of {where} expires on {ends:%Y-%m-%d}", where)
