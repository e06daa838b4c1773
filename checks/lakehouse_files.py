"""The storage under a lakehouse: as whom files are written, whether they lie there, and that none is left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from pytest_floe import Finding, Probe

from . import object_storage, s3_session
from .object_storage import Explain
from .s3 import S3Settings
from .s3_bucket import S3Bucket
from .scratch_table import REMOVAL_SECONDS

_SCHEMES = ("s3", "s3a", "s3n")


class Files:
    """The bucket of a storage target, through the credentials of ``session``, a session of boto3."""

    def __init__(self, probe: Probe, settings: S3Settings, session: Any) -> None:
        self._probe = probe
        self._settings = settings
        self._session = session
        self.credentials = session.get_credentials().get_frozen_credentials()
        self.region = session.region_name or "us-east-1"

    @property
    def properties(self) -> dict[str, str]:
        """How PyIceberg is told the same; what the catalog says of a table goes before it."""
        seconds = str(max(1, round(self._probe.remaining())))
        said = {
            "s3.endpoint": self._settings.endpoint,
            "s3.region": self.region,
            "s3.access-key-id": self.credentials.access_key,
            "s3.secret-access-key": self.credentials.secret_key,
            "s3.session-token": self.credentials.token,
            "s3.connect-timeout": seconds,
            "s3.request-timeout": seconds,
            "s3.force-virtual-addressing": "true" if self._settings.path_style is False else None,
            "floe.s3.ca-file": str(self._settings.ca_file) if self._settings.ca_file else None,
        }
        return {name: value for name, value in said.items() if value}

    def expect_inside(self, addresses: Iterable[str], warehouse: str) -> None:
        """Raise a finding for the first of ``addresses`` that is not in the bucket."""
        wanted = self._settings.bucket
        for address in addresses:
            parts = urlsplit(address)
            if wanted and (parts.scheme not in _SCHEMES or parts.netloc != wanted):
                said = f"the catalog keeps the table at {address}, and the storage is s3://{wanted}"
                raise Finding("operate.wrong_location", said, f"the location of {warehouse} with bucket {wanted}")

    def removed(self, location: str, table: str, written: Iterable[str]) -> int:
        """Remove what is left of a dropped ``table``; return how many files that were.

        Raises Finding for what must not be removed: what does not carry the table's name.
        """
        left = [entry.key for entry in self._bucket(location).objects(_key(location).rstrip("/") + "/")]
        elsewhere = [address for address in written if not address.startswith(location)]
        left += [_key(address) for address in elsewhere if self._bucket(address).exists(_key(address))]
        foreign = [key for key in left if table not in key]
        if foreign:
            raise Finding("operate.not_removed", f"{len(foreign)} files are left under {location}", location)
        for key in left:
            object_storage.remove(self._probe, self._bucket(location), key)
        return len(left)

    def explain_deleting(self, location: str) -> Explain:
        """Return what maps errors of removing files to findings."""
        return self._bucket(location).explain("delete")

    def _bucket(self, address: str) -> S3Bucket:
        client = s3_session.client(self._session, "s3", self._settings, lambda: REMOVAL_SECONDS)
        name, who = urlsplit(address).netloc, self._settings.login
        return S3Bucket(client, name, grant=self._settings.grant, put={}, who=who)


def logged_in(settings: S3Settings, probe: Probe) -> Files:
    """Return the files as the storage target's own principal reaches them."""
    probe.driver("boto3", "s3")
    return Files(probe, settings, s3_session.logged_in(s3_session.declared(settings, probe), settings, probe))


def _key(address: str) -> str:
    return urlsplit(address).path.lstrip("/")
