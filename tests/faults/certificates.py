"""Certificates, each with one fault, from an authority made for the session."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

_DAY = timedelta(days=1)


class Certificates:
    """Server contexts for 127.0.0.1 and localhost, for ``tls(...)``; ``ca_file`` holds the authority to trust."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.ca_file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    @property
    def valid(self) -> ssl.SSLContext:
        return self.valid_until(datetime.now(UTC) + 365 * _DAY)

    def valid_until(self, end: datetime) -> ssl.SSLContext:
        return _context(self.issue(not_after=end))

    @property
    def expired(self) -> ssl.SSLContext:
        now = datetime.now(UTC)
        return _context(self.issue(not_before=now - 2 * _DAY, not_after=now - _DAY))

    @property
    def not_yet_valid(self) -> ssl.SSLContext:
        now = datetime.now(UTC)
        return _context(self.issue(not_before=now + _DAY, not_after=now + 2 * _DAY))

    @property
    def wrong_host(self) -> ssl.SSLContext:
        return _context(self._authority.issue_cert("elsewhere.example"))

    @property
    def self_signed(self) -> ssl.SSLContext:
        stranger = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with stranger.private_key_pem.tempfile() as key, stranger.cert_pem.tempfile() as certificate:
            context.load_cert_chain(certificate, key)
        return context

    @property
    def of_unknown_authority(self) -> ssl.SSLContext:
        return _context(trustme.CA().issue_cert("127.0.0.1", "localhost"))

    def issue(self, *, not_before: datetime | None = None, not_after: datetime | None = None) -> trustme.LeafCert:
        """Return certificate and key for 127.0.0.1 and localhost, for servers that read files."""
        return self._authority.issue_cert("127.0.0.1", "localhost", not_before=not_before, not_after=not_after)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
