"""Certificates, each with one fault, from an authority made for the session."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

_DAY = timedelta(days=1)
#: What can be wrong with a server's certificate, as ``Certificates.pem`` names it.
FAULTS = ("expired", "not yet valid", "wrong host", "self signed", "unknown authority", "expires soon")


@dataclass(frozen=True)
class Pem:
    """A private key and its certificate, with those of the authorities between, as files hold them."""

    key: str
    chain: str

    @classmethod
    def of(cls, issued: trustme.LeafCert) -> Pem:
        return cls(_text(issued.private_key_pem), "".join(map(_text, issued.cert_chain_pems)))


class Certificates:
    """Certificates for 127.0.0.1 and localhost; ``ca_file`` holds the authority to trust.

    As server contexts they are for ``tls(...)``; servers that read files take the same as ``pem(...)``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.ca_file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    def pem(self, fault: str | None = None) -> Pem:
        """Return a certificate with one of ``FAULTS``, or with none."""
        now = datetime.now(UTC)
        lives = {
            None: (now - _DAY, now + 365 * _DAY),
            "expired": (now - 2 * _DAY, now - _DAY),
            "not yet valid": (now + _DAY, now + 2 * _DAY),
            "expires soon": (now - _DAY, now + 2 * _DAY),
        }
        if fault in lives:
            begin, end = lives[fault]
            return Pem.of(self.issue(not_before=begin, not_after=end))
        if fault == "wrong host":
            return Pem.of(self._authority.issue_cert("elsewhere.example"))
        stranger = trustme.CA()
        if fault == "unknown authority":
            return Pem.of(stranger.issue_cert("127.0.0.1", "localhost"))
        if fault == "self signed":
            return Pem(_text(stranger.private_key_pem), _text(stranger.cert_pem))
        raise ValueError(f"no certificate is {fault}; one can be {', '.join(FAULTS)}")

    @property
    def valid(self) -> ssl.SSLContext:
        return self._context(self.pem())

    def valid_until(self, end: datetime) -> ssl.SSLContext:
        return self._context(Pem.of(self.issue(not_after=end)))

    @property
    def ends_soon(self) -> ssl.SSLContext:
        return self.valid_until(datetime.now(UTC) + 10 * _DAY)

    @property
    def expired(self) -> ssl.SSLContext:
        return self._context(self.pem("expired"))

    @property
    def not_yet_valid(self) -> ssl.SSLContext:
        return self._context(self.pem("not yet valid"))

    @property
    def wrong_host(self) -> ssl.SSLContext:
        return self._context(self.pem("wrong host"))

    @property
    def self_signed(self) -> ssl.SSLContext:
        return self._context(self.pem("self signed"))

    @property
    def of_unknown_authority(self) -> ssl.SSLContext:
        return self._context(self.pem("unknown authority"))

    def issue(self, *, not_before: datetime | None = None, not_after: datetime | None = None) -> trustme.LeafCert:
        """Return certificate and key for 127.0.0.1 and localhost, for servers that read files."""
        return self._authority.issue_cert("127.0.0.1", "localhost", not_before=not_before, not_after=not_after)

    def of_client(self, name: str) -> Pem:
        """Return the certificate of a client that is called ``name``."""
        return Pem.of(self._authority.issue_cert(f"{name}@client.example", common_name=name))

    def _context(self, pem: Pem) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        file = self._folder / "loaded.pem"
        file.write_text(pem.key + pem.chain)
        context.load_cert_chain(file)
        return context


def _text(blob: trustme.Blob) -> str:
    return blob.bytes().decode()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
