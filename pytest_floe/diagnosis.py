"""From an exception, however deep a driver wrapped it, to the cause of a finding."""

from __future__ import annotations

import errno
import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from pytest_floe.causes import CAUSES

_VERIFY_CODES = {
    9: "tls.not_yet_valid",
    10: "tls.expired",
    62: "tls.hostname_mismatch",
    64: "tls.hostname_mismatch",
}  # X509_V_ERR_*, OpenSSL's x509_vfy.h
_ERRNOS = {
    errno.ECONNREFUSED: "connect.refused",
    errno.EHOSTUNREACH: "connect.unreachable",
    errno.ENETUNREACH: "connect.unreachable",
    errno.EADDRNOTAVAIL: "connect.unreachable",
    errno.ENOSPC: "operate.out_of_space",
    errno.EDQUOT: "operate.out_of_space",
    errno.EACCES: "authorize.denied",
    errno.ENOENT: "operate.not_found",
    errno.EROFS: "operate.read_only",
}
_OF_NETWORK = ("resolve.", "connect.", "tls.", "timeout", "operate.unexpected_response")
_DEPTH = 12


class Misuse(ValueError):  # noqa: N818 - said of the check, not of what it checks
    """What a check asks of the probe, or says by it, makes no sense."""


class Finding(Exception):  # noqa: N818 - a finding is a result, not an error of the program
    """The reason a check is not green: a cause, a sentence, and the subject of the remedy.

    ``step`` is the name of the step that it broke, set by the probe; ``retry_after`` are the seconds for which the
    service asks not to be tried again.
    """

    def __init__(self, cause: str, message: str, subject: str | None = None) -> None:
        if cause not in CAUSES:
            raise Misuse(f"unknown cause {cause!r}; docs/causes.md has all")
        super().__init__(cause, message, subject)
        self.cause = cause
        self.message = message
        self.subject = subject
        self.step: str | None = None
        self.retry_after = 0.0

    def __str__(self) -> str:
        return f"{self.cause}: {self.message}"


def diagnose(error: BaseException, *, reached: bool, address: str | None = None) -> Finding:
    """Return the finding that ``error`` means.

    ``reached`` says whether TCP had connected: it tells a time-out of the service from one of the network. ``address``
    is the host and port that were asked, as far as ``error`` does not name them itself.
    """
    for link in chain(error):
        cause = _cause_of(link, reached=reached)
        if cause:
            break
    else:
        cause, link = "operate.unexpected_response", error
    return Finding(cause, describe(link), (_address(error) or address) if is_of_network(cause) else None)


def is_of_service(error: BaseException) -> bool:
    """Tell whether ``error`` speaks of what was asked, or of the way there; else the check itself has a mistake."""
    links = list(chain(error))
    return any(_cause_of(link, reached=True) or isinstance(link, OSError) for link in links)


def is_of_network(cause: str) -> bool:
    """Tell whether what there is to do about ``cause`` is done at the address that was asked."""
    return cause.startswith(_OF_NETWORK)


def http_cause(status: int) -> str:
    """Return the cause an HTTP status stands for (RFC 9110, 15)."""
    known = {401: "authenticate.rejected", 403: "authorize.denied", 404: "operate.not_found",
             407: "authenticate.rejected", 408: "timeout", 429: "operate.not_ready",
             503: "operate.not_ready", 504: "timeout", 507: "operate.out_of_space"}  # fmt: skip
    if status in known:
        return known[status]
    return "operate.server_error" if status >= http.client.INTERNAL_SERVER_ERROR else "operate.unexpected_response"


def retry_after(error: BaseException) -> float:
    """Return the seconds for which the answer that a driver's error holds asks to wait (RFC 9110, 10.2.3); else 0."""
    answers = (getattr(link, "response", None) for link in chain(error))
    return max(map(_asked_to_wait, map(_headers, answers)), default=0.0)


def _headers(answer: Any) -> Mapping[str, str]:
    """Return the headers of an answer as HTTP clients and botocore have them."""
    of_botocore = answer.get("ResponseMetadata", {}).get("HTTPHeaders") if isinstance(answer, dict) else None
    headers: Any = of_botocore or getattr(answer, "headers", None)
    return {str(key).lower(): str(value) for key, value in headers.items()} if hasattr(headers, "items") else {}


def _asked_to_wait(headers: Mapping[str, str]) -> float:
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return 0.0


def describe(error: BaseException) -> str:
    """Return what ``error`` says with the name of its class, as one sentence of at most 300 characters."""
    name = type(error).__name__
    try:
        text = str(error).strip()
    except Exception:  # noqa: BLE001 - what a driver raises may fail to say what it is
        text = ""
    return shortened(f"{name}: {text}") if text else name


def shortened(text: str, most: int = 300) -> str:
    """Return ``text`` on one line, of at most ``most`` characters.

    A cut is marked, so that what it leaves of a secret is recognised.
    """
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and everything it wraps, outermost first, in the ways that Python and the drivers wrap."""
    seen: set[int] = set()
    queue: list[BaseException] = [error]
    while queue and len(seen) < _DEPTH:
        link = queue.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapped = [link.__cause__, link.__context__, getattr(link, "reason", None)]
        wrapped += [getattr(link, "error", None), getattr(link, "inner_exception", None), *link.args]
        wrapped += list(getattr(link, "kwargs", None) or {}.values()) if hasattr(link, "kwargs") else []
        queue += [inner for inner in wrapped if isinstance(inner, BaseException)]


def _address(error: BaseException) -> str | None:
    """Return host and port of the request that failed, where the client notes it in its error (requests, httpx)."""
    for link in chain(error):
        try:
            return urlsplit(str(link.request.url)).netloc or None  # type: ignore[attr-defined]
        except (AttributeError, RuntimeError, ValueError):  # httpx raises RuntimeError where it notes none
            continue
    return None


def _cause_of(error: BaseException, *, reached: bool) -> str | None:  # noqa: PLR0911 - one return for each class of fault
    if isinstance(error, Misuse):
        return "incomplete.check_broken"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_CODES.get(error.verify_code, "tls.untrusted")
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        connecting = "Connect" in type(error).__name__ or not reached
        return "connect.timeout" if connecting and not reached else "timeout"
    if isinstance(error, ssl.SSLError):
        return "tls.handshake_failed"
    if isinstance(error, socket.gaierror):
        return "resolve.not_found"
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError | http.client.HTTPException):
        return "operate.unexpected_response"
    if isinstance(error, OSError) and error.errno in _ERRNOS:
        return _ERRNOS[error.errno]
    if isinstance(error, AssertionError):
        return "operate.failed"
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "operate.unexpected_response"
    return None
