"""JSON over HTTP, with nothing taken on trust: answers are bounded in time and size, redirects are not followed."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from pytest_floe import Finding, http_cause, shortened

from .plain_text import stays_on_this_machine

LIMIT_BYTES = 8 * 2**20

Json = dict[str, Any]


class RefusedError(Exception):
    """A ``response`` of httpx that is no success: its ``status``, and its ``body``, a JSON object that may be empty."""

    def __init__(self, url: str, response: Any, body: Json) -> None:
        said, status = _said(body), int(response.status_code)
        super().__init__(f"{said} (HTTP {status})" if said else f"HTTP {status}")
        self.url = url
        self.response = response
        self.status = status
        self.body = body

    def finding(self, cause: str | None = None, subject: str | None = None) -> Finding:
        """Return what the answer means; ``cause`` and ``subject`` are used where the status alone can't tell better."""
        headers = self.response.headers
        if 300 <= self.status < 400:  # noqa: PLR2004 - redirection (RFC 9110, 15.4)
            return elsewhere(self.status, headers.get("location", ""), self.url)
        if "retry-after" in headers and self.status in (429, 503):
            return Finding(
                "operate.not_ready", f"{self}, retry after {shortened(headers['retry-after'], 40)}", self.url
            )
        return Finding(cause or http_cause(self.status), str(self), subject or self.url)


class Rest:
    """A client of one service; ``remaining`` says how many seconds are left for what is to be done.

    ``trust`` is made once by the caller, because reading the authorities takes long. Where one of ``urls`` is on this
    machine, no proxy of the environment comes between: plain text must not leave the machine.
    """

    def __init__(
        self, httpx: ModuleType, trust: ssl.SSLContext, remaining: Callable[[], float], urls: tuple[str, ...]
    ) -> None:
        self._remaining = remaining
        direct = {f"all://{urlsplit(url).netloc}": None for url in urls if stays_on_this_machine(url)}
        self._client = httpx.Client(verify=trust, mounts=direct)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def send(self, method: str, url: str, **request: Any) -> Json:
        """Return the JSON object that the service answers with, an empty one for an answer without a body.

        Raises RefusedError for any status but 2xx, and Finding for what is no JSON object, or too large.
        """
        until = time.monotonic() + self._remaining()
        with self._client.stream(method, url, timeout=self._remaining(), **request) as answer:
            content = b"".join(bounded(answer.iter_bytes(), url, until))
        where = url.partition("?")[0]
        body = _parsed(content) if content else {}
        if not answer.is_success:
            raise RefusedError(where, answer, body or {})
        if body is None:
            kind = shortened(answer.headers.get("content-type", "no type"), 60)
            message = f"HTTP {answer.status_code} with {len(content)} bytes of {kind}, not a JSON object"
            raise Finding("operate.unexpected_response", message, where)
        return body


def shape(body: Json, name: str, kind: type, where: str) -> Any:
    """Return ``body[name]``; raises Finding unless it is a ``kind``."""
    value = body.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        found = "is missing" if value is None else f"is a {type(value).__name__}"
        raise Finding("operate.unexpected_response", f"{name} {found}; expected a {kind.__name__}", where)
    return value


def elsewhere(status: int, location: str, url: str) -> Finding:
    """Return the finding for ``url`` redirecting to ``location``: services send nobody elsewhere, login pages do."""
    host = urlsplit(location).hostname or "somewhere else"
    return Finding("operate.unexpected_response", f"HTTP {status}, which points to {host}", url)


def bounded(parts: Iterator[bytes], url: str, until: float) -> Iterator[bytes]:
    """Yield ``parts`` of an answer of ``url`` until they are too many; ``until`` is of the monotonic clock."""
    size = 0
    for part in parts:
        size += len(part)
        if size > LIMIT_BYTES:
            message = f"the answer has no end: stopped reading after {LIMIT_BYTES // 2**20} MiB"
            raise Finding("operate.unexpected_response", message, url.partition("?")[0])
        if time.monotonic() > until:
            raise TimeoutError("the answer did not end in time")
        yield part


def _parsed(content: bytes) -> Json | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _said(body: Json) -> str:
    """Return what an error says: the Iceberg specification's ErrorModel, or RFC 6749, 5.2."""
    error = body.get("error")
    parts = (
        [error.get("type"), error.get("message")] if isinstance(error, dict) else [error, body.get("error_description")]
    )
    return shortened(": ".join(str(part) for part in parts if part))
