"""The storage under a lakehouse: as whom files are written, whether they lie there, and that none is left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from pytest_floe import Finding, Probe

from . import object_storage, s3_session
from .object_storage import Explain, Kept
from .s3 import S3Settings
from .s3_bucket import S3Bucket
from .scratch_table import REMOVAL_SECONDS

SCHEMES = ("s3", "s3a", "s3n")
#: The property, of ours, that tells PyIceberg the path of the storage's authorities.
STORAGE_CA = "floe.s3.ca-file"
_SHOWN = 3


class Files:
    """The bucket of a storage target, through the credentials of ``session``, a session of boto3."""

    def __init__(self, probe: Probe, settings: S3Settings, session: Any) -> None:
        self._probe = probe
        self._settings = settings
        self._session = session
        self._buckets: dict[str, S3Bucket] = {}
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
            STORAGE_CA: str(self._settings.ca_file) if self._settings.ca_file else None,
        }
        return {name: value for name, value in said.items() if value}

    def expect_inside(self, addresses: Iterable[str], warehouse: str) -> None:
        """Raise a finding for the first of ``addresses`` that is not in the bucket."""
        wanted = self._settings.bucket
        for address in addresses:
            parts = urlsplit(address)
            if wanted and (parts.scheme not in SCHEMES or parts.netloc != wanted):
                said = f"the catalog keeps the table at {address}, and the storage is s3://{wanted}"
                raise Finding("operate.wrong_location", said, f"the location of {warehouse} with bucket {wanted}")

    def retention(self) -> str | None:
        """Say why files could not be removed again, as far as the storage target tells; None if they can be."""
        name = self._settings.bucket
        return object_storage.retention(self._probe, self._bucket(f"s3://{name}")) if name else None

    def note_versions(self, written: Iterable[str]) -> None:
        """Look whether the store keeps versions of what was ``written``, as long as it is there."""
        for address in written:
            self._bucket(address).note_version(_key(address))

    def removed(self, location: str, table: str, written: Iterable[str]) -> int:
        """Remove what is left of a dropped ``table``; return how many files that were.

        Raises Finding for what must not be removed: what does not carry the table's name. What the store keeps of
        deleted files all the same is a warning.
        """
        bucket, left = self._bucket(location), self._left(location, written)
        foreign = [address for address in left if table not in _key(address)]
        if foreign:
            raise Finding("operate.not_removed", f"{len(foreign)} files are left under {location}", location)
        for address in left:
            self._bucket(address).delete(_key(address))
        kept = bucket.purge_under(_folder(location), table)
        elsewhere = [address for address in written if not address.startswith(location)]
        kept += [copy for address in elsewhere for copy in self._bucket(address).purge(_key(address))]
        if still := self._left(location, written):
            raise Finding("operate.not_removed", f"{still[0]} is still listed after its deletion", location)
        self._note_kept(location, bucket, kept)
        return len(left)

    def _left(self, location: str, written: Iterable[str]) -> list[str]:
        """Return the addresses of what is there, under ``location`` and of what was ``written`` elsewhere."""
        bucket = self._bucket(location)
        inside = [f"{bucket.url}{entry.key}" for entry in bucket.objects(_folder(location))]
        elsewhere = [address for address in written if not address.startswith(location)]
        return inside + [address for address in elsewhere if self._bucket(address).exists(_key(address))]

    def _note_kept(self, location: str, bucket: S3Bucket, kept: list[Kept]) -> None:
        if bucket.not_verified:
            self._probe.fact(not_verified=list(bucket.not_verified))
        if kept:
            shown = ", ".join(copy.what for copy in kept[:_SHOWN])
            more = f" and {len(kept) - _SHOWN} more" if len(kept) > _SHOWN else ""
            remedy = f"remove by hand what stays under {location}, or use a bucket that keeps no versions"
            self._probe.warn("operate.retained", f"the table was dropped, and the store keeps {shown}{more}", remedy)

    def explain_deleting(self, location: str) -> Explain:
        """Return what maps errors of removing files to findings."""
        return self._bucket(location).explain("delete")

    def _bucket(self, address: str) -> S3Bucket:
        """Return the bucket of ``address``, always the same one: it remembers what it has learned of versions."""
        name = urlsplit(address).netloc
        if name not in self._buckets:
            client = s3_session.client(self._session, "s3", self._settings, lambda: REMOVAL_SECONDS)
            who = self._settings.login
            self._buckets[name] = S3Bucket(client, name, grant=self._settings.grant, put={}, who=who)
        return self._buckets[name]


def logged_in(settings: S3Settings, probe: Probe) -> Files:
    """Return the files as the storage target's own principal reaches them."""
    probe.driver("boto3", "s3")
    session, _ = s3_session.declared(settings, probe)
    return Files(probe, settings, s3_session.logged_in(session, settings, probe))


def _key(address: str) -> str:
    return urlsplit(address).path.lstrip("/")


def _folder(address: str) -> str:
    return f"{_key(address).rstrip('/')}/"
