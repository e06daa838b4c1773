"""PostgreSQL, by itself: certificates on both sides, and who may come in without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.cell import Arrange, Cell, Scene, Twin
from tests.faults.cells.postgres import REAL
from tests.faults.certificates import Certificates
from tests.faults.lab import Lab
from tests.servers.postgres_states import StrictServer

_PASSWORDS = {"dagster": "s3cret-dagster", "secured": "s3cret-secured"}
STRANGER = "stranger"


def strict(
    user: str = "dagster", *, certificate: str | None = None, client: str | None = None, **changes: object
) -> Arrange:
    """Return the arrangement of a server with a ``certificate`` of that fault, for a ``client`` that shows one too."""

    @contextmanager
    def arrange(lab: Lab) -> Iterator[Scene]:
        server: StrictServer = lab.server("postgres_strict")
        where = {"host": server.postgres.host, "port": server.postgres.port, "database": "dagster"}
        login = {"user": user, "password": _PASSWORDS.get(user), "ca_file": lab.certificates.ca_file}
        shown = _client_files(lab, client) if client else {}
        with presenting(server, certificate, lab.certificates):
            yield Scene({**where, **login, **shown, **changes})

    return arrange


@contextmanager
def plain(lab: Lab) -> Iterator[Scene]:
    """A server that has no TLS, and is asked for it."""
    server = lab.server("postgres_replica")
    yield Scene({"host": server.host, "port": server.port, "user": "postgres", "sslmode": "require"})


@contextmanager
def presenting(server: StrictServer, fault: str | None, certificates: Certificates) -> Iterator[None]:
    """Have the server show a certificate with a fault, and a good one again."""
    if fault:
        server.present(certificates.pem(fault))
    try:
        yield
    finally:
        if fault:
            server.present(certificates.pem())


def _client_files(lab: Lab, name: str) -> dict[str, object]:
    pem = Certificates(lab.tmp_path).of_client(name) if name == STRANGER else lab.certificates.of_client(name)
    return {"sslcert": _written(lab, "client.crt", pem.chain), "sslkey": _written(lab, "client.key", pem.key)}


def _written(lab: Lab, name: str, text: str) -> Any:
    file = lab.tmp_path / name
    file.write_text(text)
    file.chmod(0o600)
    return file


TWIN = Twin(kind="postgres", name="TLS that is verified", server="PostgreSQL", arrange=strict())
WITH_CERTIFICATE = Twin(
    kind="postgres",
    name="a certificate",
    server="PostgreSQL",
    arrange=strict("trusted", client="trusted", write=False),
)
_TLS: dict[str, Any] = {**REAL, "twin": TWIN, "step": "tls"}
_CLIENT: dict[str, Any] = {**REAL, "twin": WITH_CERTIFICATE, "step": "authenticate"}
_NOT_ADMITTED: dict[str, Any] = {**_TLS, "step": "authenticate", "cause": "authenticate.not_admitted"}

CELLS = [
    Cell(
        **_TLS,
        fault="cert-expired",
        arrange=strict(certificate="expired"),
        cause="tls.expired",
        remedy="renew the certificate of {address}",
    ),
    Cell(
        **_TLS,
        fault="cert-not-yet-valid",
        arrange=strict(certificate="not yet valid"),
        cause="tls.not_yet_valid",
        remedy="install the certificate of {address} when it is valid",
    ),
    Cell(
        **_TLS,
        fault="cert-wrong-host",
        arrange=strict(certificate="wrong host"),
        cause="tls.hostname_mismatch",
        remedy="issue one for {address}",
    ),
    Cell(
        **_TLS,
        fault="cert-self-signed",
        arrange=strict(certificate="self signed"),
        cause="tls.untrusted",
        remedy="install a trusted one at {address}",
    ),
    Cell(
        **_TLS,
        fault="cert-unknown-authority",
        arrange=strict(certificate="unknown authority"),
        cause="tls.untrusted",
        remedy="install a trusted one at {address}",
    ),
    Cell(
        **_TLS,
        fault="cert-unknown-authority",
        at="the system's alone",
        arrange=strict(sslmode="verify-full", ca_file=None),
        cause="tls.untrusted",
        remedy="set ca_file to the authority's certificate",
    ),
    Cell(
        **{**_TLS, "step": None},
        fault="cert-expires-soon",
        arrange=strict(certificate="expires soon"),
        status="warning",
        cause="tls.expires_soon",
        remedy="renew the certificate of {address}",
    ),
    Cell(
        **REAL,
        fault="tls-on-plain",
        arrange=plain,
        cause="tls.handshake_failed",
        step="tls",
        remedy="correct port and scheme (TLS or plain text) of sslmode of {address}",
    ),
    Cell(
        **_NOT_ADMITTED,
        fault="not-admitted",
        at="without TLS",
        arrange=strict(sslmode="disable", ca_file=None),
        remedy='host "127.0.0.1", user "dagster", database "dagster", no encryption',
    ),
    Cell(
        **_NOT_ADMITTED,
        fault="not-admitted",
        at="no line of pg_hba.conf",
        arrange=strict("nobody_known", password="not-asked-for"),
        remedy='admit a line of pg_hba.conf for what the server names: host "127.0.0.1", user "nobody_known"',
    ),
    Cell(
        **_CLIENT,
        fault="no-credentials",
        at="certificate",
        arrange=strict("trusted"),
        cause="config.missing_credentials",
        remedy="give credentials: postgres.sslcert and postgres.sslkey",
    ),
    Cell(
        **_CLIENT,
        fault="no-credentials",
        at="certificate beside a password",
        arrange=strict("secured"),
        cause="config.missing_credentials",
        remedy="give credentials: postgres.sslcert and postgres.sslkey",
    ),
    Cell(
        **_CLIENT,
        fault="wrong-user",
        at="certificate of another",
        arrange=strict("trusted", client="dagster"),
        cause="authenticate.rejected",
        remedy="correct or renew the credentials of role trusted at {address}",
    ),
    Cell(
        **_CLIENT,
        fault="wrong-secret",
        at="certificate of a stranger",
        arrange=strict("trusted", client=STRANGER),
        cause="authenticate.rejected",
        remedy="the credentials of role trusted at {address}",
    ),
]
