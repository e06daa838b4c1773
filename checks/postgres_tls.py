"""How PostgreSQL gets into TLS, by hand, so that a bad certificate has its name before the driver hides it.

Protocol: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
Modes: https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION
"""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path
from typing import Literal

from pytest_floe import Probe

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_DEMANDING = ("require", "verify-ca", "verify-full")


def negotiate(probe: Probe, host: str, port: int, sslmode: SslMode, ca_file: Path | None) -> None:
    """Ask for TLS as ``sslmode`` does, and verify what it verifies; the connection is closed again."""
    if sslmode in ("disable", "allow"):  # libpq begins in plain text
        return
    where = f"{host}:{port}"
    with probe.step("tls", subject=where), socket.create_connection((host, port), probe.remaining()) as plain:
        if _offers_tls(probe, plain, where):
            plain.settimeout(probe.remaining())
            with _context(sslmode, ca_file).wrap_socket(plain, server_hostname=host) as secured:
                probe.note_certificate(secured, where)
        elif sslmode in _DEMANDING:
            probe.fail(
                "tls.handshake_failed", f"{where} offers no TLS, and sslmode is {sslmode}", f"sslmode of {where}"
            )


def _offers_tls(probe: Probe, plain: socket.socket, where: str) -> bool:
    plain.sendall(_SSL_REQUEST)
    answer = plain.recv(1)
    if answer not in (b"S", b"N", b"E"):
        said = f"answered with {answer!r}" if answer else "closed the connection"
        probe.fail("operate.unexpected_response", f"{where} {said} when asked for TLS as PostgreSQL is asked", where)
    # E begins an error message, of a server too busy to negotiate: logging in will tell what it is.
    return answer == b"S"


def _context(sslmode: SslMode, ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python's own default since 3.13; libpq accepts such certificates
    context.check_hostname = sslmode == "verify-full"
    # libpq verifies the chain under require too, as soon as it is told an authority.
    if not (sslmode.startswith("verify") or (sslmode == "require" and ca_file)):
        context.verify_mode = ssl.CERT_NONE
    return context
