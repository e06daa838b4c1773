"""What the checks of object stores share: list, write, read back, delete, and see that nothing is left."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from pytest_floe import Finding, Plan, Probe, shortened

from .leftovers import in_time, sweeping

T = TypeVar("T")
Verb = Literal["list", "read", "write", "delete"]
Explain = Callable[[Exception], Finding | None]

_CANARY = "floe-preflight-"
_PORTS = {"http": 80, "https": 443}
_SWEEP_LIMIT = 50
_LARGEST_SIGNATURE = 100
_READ_LIMIT = 5
#: What S3 and Azure answer for an object that has to be restored before it can be read.
_ARCHIVED = frozenset({"InvalidObjectState", "BlobArchived"})
WAY_OUT = "use a bucket that lets go of what is deleted, or set write: false"
_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: "authenticate.rejected",
    HTTPStatus.NOT_FOUND: "operate.not_found",
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.TOO_MANY_REQUESTS: "operate.not_ready",
    HTTPStatus.SERVICE_UNAVAILABLE: "operate.not_ready",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout",
    HTTPStatus.INSUFFICIENT_STORAGE: "operate.out_of_space",
}
#: Not for this principal, or not known to this store; any other status leaves open what the answer would have been.
_DECLINED = frozenset({400, 403, 404, 405, 409, 501})


@dataclass(frozen=True)
class Entry:
    """One listed object: its full key and its size in bytes; ``archived`` if it may have to be restored first."""

    key: str
    size: int
    archived: bool = False


@dataclass(frozen=True)
class Refusal:
    """An error that the store itself answered: HTTP status, its own code and text."""

    status: int
    code: str
    text: str

    @property
    def declines(self) -> bool:
        """Whether asking again would be answered alike, so that a check may do without."""
        return self.status in _DECLINED


@dataclass(frozen=True)
class Kept:
    """What a store keeps of a deleted object; ``expires`` says that soft delete ends it by itself."""

    what: str
    expires: bool = False


class Bucket(ABC):
    """One bucket or container as its SDK reaches it. Keys are full object names; errors are the SDK's own.

    ``accepts_soft_delete`` says that a copy which the store keeps restorable for a while is no finding.
    ``not_verified`` says what the principal may not know of what is kept.
    """

    url: str
    accepts_soft_delete = False
    not_verified: tuple[str, ...] = ()

    @abstractmethod
    def objects(self, prefix: str) -> list[Entry]:
        """Return the first page of objects whose keys begin with ``prefix``."""

    def exists(self, key: str) -> bool:
        """Tell whether the store shows an object ``key``."""
        return any(entry.key == key for entry in self.objects(key))

    @abstractmethod
    def retention(self) -> str | None:
        """Say why nothing written here could be removed, as far as the principal may know; None if it can be."""

    @abstractmethod
    def write(self, key: str, body: bytes, made: Callable[[], None]) -> None:
        """Create the object ``key``; call ``made`` as soon as the store confirmed that there is something."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """Return the whole object."""

    @abstractmethod
    def read_byte(self, key: str) -> None:
        """Read the first byte of an object, however large it is."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete the object as a workload does; succeeds if there is none."""

    @abstractmethod
    def purge(self, key: str) -> list[Kept]:
        """Remove versions and markers that deleting left behind; return what stays, each with the reason."""

    @abstractmethod
    def refusal(self, error: Exception) -> Refusal | None:
        """Return what the store answered; None if ``error`` is no answer of it."""

    def look(self, ask: Callable[[], T], unknown: str | None = None) -> T | None:
        """Ask for what a workload often may not know or do, and some stores do not have; None if it is declined.

        ``unknown`` says what can't be verified where it is forbidden. Any other error is raised.
        """
        try:
            return ask()
        except Exception as error:
            refusal = self.refusal(error)
            if refusal is None or not refusal.declines:
                raise
            if unknown and refusal.status == HTTPStatus.FORBIDDEN:
                self.not_verified = tuple(dict.fromkeys((*self.not_verified, unknown)))
            return None

    @abstractmethod
    def explain(self, verb: Verb) -> Explain:
        """Return what maps the SDK's errors of an operation to findings."""


@dataclass
class _Written:
    """The canary object; ``unseen`` says that it was not there when it was read."""

    key: str
    body: bytes
    unseen: bool = False


def folder(prefix: str | None) -> str:
    """Return ``prefix`` as keys begin with it: no slash in front, one at the end, or nothing at all."""
    trimmed = (prefix or "").strip("/")
    return f"{trimmed}/" if trimmed else ""


def address(url: str) -> str:
    """Return ``url`` as scheme://host:port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"


def plan(
    where: str | None,
    *,
    account: str,
    connects: tuple[str, ...],
    principal: str,
    grant: Callable[[Verb], str],
    write: bool,
) -> Plan:
    """Say what a check touches ``where`` (a URL with the prefix); None if only the ``account`` itself is known."""
    if where is None:
        return Plan(endpoint=account, connects=connects, principal=principal)
    verbs: tuple[Verb, ...] = ("list", "read", "write", "delete") if write else ("list", "read")
    return Plan(
        endpoint=where.rstrip("/"),
        connects=connects,
        principal=principal,
        reads=(where,),
        creates=(f"{where}{_CANARY}*",) if write else (),
        needs=tuple(grant(verb) for verb in verbs),
    )


def finding(
    refusal: Refusal, verb: Verb, *, causes: Mapping[str, str], grant: str, subject: str, asked: str | None = None
) -> Finding:
    """Return the finding for what the store answered.

    ``causes`` maps the store's own codes to causes; the HTTP status decides where it has none. ``grant`` is the
    permission that ``verb`` needs, ``subject`` fills the remedy of every other cause. ``asked`` says what was asked for
    where that was not the verb.
    """
    cause = causes.get(refusal.code) or _by_status(refusal.status, verb)
    message = f"{asked or verb} was answered with {refusal.code or refusal.status}: {' '.join(refusal.text.split())}"
    if cause == "operate.retained":
        subject = WAY_OUT
    return Finding(cause, shortened(message), grant if cause.startswith("authorize.") else subject)


def _by_status(status: int, verb: Verb) -> str:
    if status == HTTPStatus.FORBIDDEN:
        return f"authorize.{verb}_denied"
    if status in _BY_STATUS:
        return _BY_STATUS[HTTPStatus(status)]
    return "operate.server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "operate.unexpected_response"


def verify(probe: Probe, bucket: Bucket, prefix: str) -> None:
    """Walk from listing to nothing left, under ``prefix``; without ``probe.write`` only list and read."""
    with probe.step("authorize.list", bucket.explain("list")):
        listed = bucket.objects(prefix)
    where = f"{bucket.url}{prefix}"
    if not probe.write:
        _read_existing(probe, bucket, listed, where)
    elif kept := retention(probe, bucket):
        probe.warn("operate.retained", f"nothing was written: {kept}", WAY_OUT)
        _read_existing(probe, bucket, listed, where)
    else:
        probe.await_needs()
        _sweep(probe, bucket, prefix)
        _round_trip(probe, bucket, prefix)
        probe.ok(f"listed, wrote, read back and deleted under {where}")


def _read_existing(probe: Probe, bucket: Bucket, listed: list[Entry], where: str) -> None:
    # A listing does not tell all that is archived, nor what of it was restored; the likeliest go first.
    tried = sorted((entry for entry in listed if entry.size), key=lambda entry: entry.archived)[:_READ_LIMIT]
    probe.fact(scope="read-only")
    if not tried:
        probe.fact(not_verified=[f"read: there is no object under {where}"])
        probe.ok(f"listed {where}; it holds no object that could be read")
        return
    with probe.step("operate.read", bucket.explain("read")):
        read = next((entry.key for entry in tried if _is_read(bucket, entry.key)), None)
    if read is None:
        probe.fact(not_verified=[f"read: what was tried of {where} is archived"])
        probe.ok(f"listed {where}; what was tried of it is archived, and can't be read before it is restored")
        return
    probe.ok(f"listed {where} and read from {read}")


def _is_read(bucket: Bucket, key: str) -> bool:
    """Read from an object; False if that is archived."""
    try:
        bucket.read_byte(key)
    except Exception as error:
        refusal = bucket.refusal(error)
        if refusal and refusal.code in _ARCHIVED:
            return False
        raise
    return True


def retention(probe: Probe, bucket: Bucket) -> str | None:
    """Say, as a step, why nothing written to ``bucket`` could be removed; None if it can be."""
    with probe.step("operate.retention", bucket.explain("list")):
        return bucket.retention()


def _round_trip(probe: Probe, bucket: Bucket, prefix: str) -> None:
    written = _Written(prefix + probe.canary_name("object"), probe.signature.encode())
    canary = probe.canary(bucket.url + written.key, lambda: _remove_written(probe, bucket, written))
    with probe.step("operate.write", bucket.explain("write")):
        bucket.write(written.key, written.body, canary.made)
    with probe.step("operate.read", bucket.explain("read")):
        _compare(probe, bucket, written)
    with probe.step("operate.delete", bucket.explain("delete")):
        canary.remove()


def _compare(probe: Probe, bucket: Bucket, written: _Written) -> None:
    try:
        found = bucket.read(written.key)
    except Exception as error:
        said = bucket.explain("read")(error)
        if said and said.cause == "operate.not_found":
            written.unseen = True
            message = f"{written.key} was confirmed as written, and {said.message}"
            raise Finding("operate.wrong_content", shortened(message), bucket.url) from error
        raise
    if found != written.body:
        message = f"{len(written.body)} bytes were written, and {len(found)} other bytes were read from {written.key}"
        probe.fail("operate.wrong_content", message, bucket.url)


def _remove_written(probe: Probe, bucket: Bucket, written: _Written) -> None:
    remove(probe, bucket, written.key)
    if written.unseen:  # the deletion may have found no more than reading did
        raise Finding("operate.not_removed", "it could not be read, so look for it on every server behind this address")


def remove(probe: Probe, bucket: Bucket, key: str) -> None:
    """Delete the object ``key`` with all that the store keeps of it; what stays all the same is a finding."""
    bucket.delete(key)
    kept = bucket.purge(key)
    if bucket.exists(key):
        raise Finding("operate.not_removed", f"{key} is still listed after its deletion", bucket.url + key)
    if bucket.not_verified:
        probe.fact(not_verified=list(bucket.not_verified))
    if bucket.accepts_soft_delete:
        probe.fact(soft_deleted=[copy.what for copy in kept if copy.expires])
        kept = [copy for copy in kept if not copy.expires]
    if kept:
        message = f"the canary was deleted, and the store keeps {', '.join(copy.what for copy in kept)}"
        probe.warn("operate.retained", message, f"remove by hand what stays of {bucket.url}{key}, or set write: false")


def _sweep(probe: Probe, bucket: Bucket, prefix: str) -> None:
    with probe.step("operate.sweep"), sweeping(probe):
        found = [entry for entry in bucket.objects(prefix + _CANARY) if entry.size <= _LARGEST_SIGNATURE]
        for entry in in_time(probe, found[:_SWEEP_LIMIT]):
            _sweep_one(probe, bucket, entry.key)


def _sweep_one(probe: Probe, bucket: Bucket, key: str) -> None:
    name, removal, explain = key.rpartition("/")[2], partial(remove, probe, bucket, key), bucket.explain("delete")
    with sweeping(probe):  # one that can't be read must not keep the others
        probe.sweep(name, bucket.read(key).decode(errors="replace"), removal, explain, address=bucket.url + key)
