"""What botocore is held to: no redirects but S3's own, and answers that are XML, bounded in time and size."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from pytest_floe import Finding, shortened

from .guarded_requests import bound, origin
from .rest import elsewhere

#: By which S3 says where a bucket is, with or without a redirect.
_REGION = "x-amz-bucket-region"
_REDIRECTS = range(300, 400)


class Guard:
    """Stands between ``client`` and its HTTP session; no answer takes longer to read than ``remaining`` seconds."""

    def __init__(self, client: Any, remaining: Callable[[], float]) -> None:
        session = client._endpoint.http_session  # noqa: SLF001 - botocore has no public place to bound an answer
        self._send = session.send
        self._remaining = remaining
        self._status = 0
        session.send = self.send
        client.meta.events.register_last("before-parse.s3", self.expect_xml)

    def send(self, request: Any) -> Any:
        """Send ``request`` and return the answer, which is read only as far as it is bounded."""
        until = time.monotonic() + self._remaining()
        whole, request.stream_output = not request.stream_output, True  # else it would be read before it is bounded
        answer = self._send(request)
        self._status = answer.status_code
        where, location = origin(request.url), answer.headers.get("location")
        if location and self._status in _REDIRECTS and _REGION not in answer.headers:
            answer.raw.close()
            raise elsewhere(self._status, location, where)
        bound(answer.raw, where, until)
        if whole:
            _ = answer.content
        return answer

    def expect_xml(self, response_dict: dict[str, Any], **_: Any) -> None:
        """Raise Finding for a success that is no XML, of which botocore makes an error of the store's, HTTP 500."""
        body, status = response_dict["body"], response_dict["status_code"]
        made_up = (self._status, status) == (HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR)
        if made_up and b"<Error>" not in body[:1000]:
            kind = shortened(response_dict["headers"].get("content-type", "no type"), 60)
            raise Finding("operate.unexpected_response", f"HTTP 200 with {len(body)} bytes of {kind}, not of S3")
