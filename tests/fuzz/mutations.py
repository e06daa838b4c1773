"""Ways to spoil an HTTP answer, each as data that is read easily in a failing example."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from tests.faults.server import Answer

HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
_DEEP = 20_000
_VALUES: list[Any] = [None, True, 0, -1, 2**70, 1.5e308, "", "x" * 5000, "\0\x1b[31m<b>", [], {}, [None], {"a": 1}]
_XML = re.compile(rb"<(\w+)[^<>]*>([^<>]*)</\1>")


@dataclass(frozen=True)
class Mutation:
    """``kind`` of what is done to an answer; ``where`` and ``value`` say to what and with what."""

    kind: str
    where: Any = None
    value: Any = None

    def apply(self, answer: Answer) -> Answer:
        """Return the spoiled answer."""
        return _APPLY[self.kind](answer, self.where, self.value)


def _status(answer: Answer, _: Any, value: int) -> Answer:
    return replace(answer, status=value)


def _refused(answer: Answer, _: Any, value: int) -> Answer:
    return Answer(value, b"", {"Content-Type": "text/plain"})


def _body(answer: Answer, _: Any, value: bytes) -> Answer:
    return replace(answer, body=value)


def _truncated(answer: Answer, where: int, _: Any) -> Answer:
    return replace(answer, body=answer.content[: where % max(1, len(answer.content))])


def _cut(answer: Answer, where: int, _: Any) -> Answer:
    return replace(answer, cut=where % max(1, len(answer.content)))


def _header(answer: Answer, where: str, value: str | None) -> Answer:
    kept = {name: told for name, told in answer.headers.items() if name.lower() != where}
    return replace(answer, headers=kept | ({} if value is None else {where: value}))


def _json(answer: Answer, where: int, value: Any) -> Answer:
    """Replace, or with ``...`` remove, one node of a JSON body."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        return answer
    nodes = list(_nodes(body))
    if not nodes:
        return replace(answer, body=json.dumps(None if value is ... else value).encode())
    holder, key = nodes[where % len(nodes)]
    if value is ...:
        del holder[key]
    else:
        holder[key] = value
    return replace(answer, body=json.dumps(body).encode())


def _xml(answer: Answer, where: int, value: bytes | None) -> Answer:
    """Replace the text of one element of an XML body, or with None remove the element."""
    elements = list(_XML.finditer(answer.content))
    if not elements:
        return answer
    found = elements[where % len(elements)]
    told = b"" if value is None else found[0].replace(b">" + found[2] + b"<", b">" + value + b"<")
    return replace(answer, body=answer.content[: found.start()] + told + answer.content[found.end() :])


def _nodes(body: Any) -> Iterator[tuple[Any, Any]]:
    """Yield holder and key of every node of a JSON document below its root."""
    keys = body.keys() if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ()
    for key in list(keys):
        yield body, key
        yield from _nodes(body[key])


_APPLY = {
    "status": _status, "refused": _refused, "body": _body, "truncated": _truncated, "cut": _cut, "header": _header,
    "json": _json, "xml": _xml,
}  # fmt: skip

_STATUSES = [200, 201, 202, 204, 206, 301, 302, 307, 400, 401, 403, 404, 407, 408, 409, 412, 416, 418, 429, 500, 501,
             502, 503, 504, 507, 599, 999]  # fmt: skip
_BODIES = st.sampled_from([
    b"", HTML, b"null", b"[]", b"{}", b"0", b'"x"', b"\xff\xfe\0", b"\x1f\x8b\x08", b"[" * _DEEP, b'{"a":' * _DEEP,
    b"<a>" * _DEEP, b"{" + b" " * 2**20, b"<?xml version='1.0'?><Error/>",
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
]) | st.binary(max_size=64)  # fmt: skip
_HEADERS = st.sampled_from([
    ("content-type", None), ("content-type", "text/html; charset=no-such"), ("content-type", "application/xml"),
    ("content-encoding", "gzip"), ("content-encoding", "no-such"), ("transfer-encoding", "chunked"),
    ("content-length", "-1"), ("content-length", "x"), ("content-length", "0"), ("retry-after", "never"),
    ("location", "http://127.0.0.1:1/"), ("location", "::"), ("etag", None), ("etag", "?"), ("last-modified", "never"),
    ("set-cookie", "a=\xff"), ("connection", "close"), ("x-amz-bucket-region", "mars"), ("x-amz-version-id", "v"),
    ("x-ms-error-code", "?"), ("x-goog-hash", "md5=?"), ("content-range", "bytes 9-8/7"), ("x-ms-version", None),
])  # fmt: skip

_ANYWHERE = st.integers(0, 2**16)
mutations = st.one_of(
    st.builds(Mutation, st.just("status"), st.none(), st.sampled_from(_STATUSES)),
    st.builds(Mutation, st.just("refused"), st.none(), st.sampled_from(_STATUSES)),
    st.builds(Mutation, st.just("body"), st.none(), _BODIES),
    st.builds(Mutation, st.just("truncated"), _ANYWHERE),
    st.builds(Mutation, st.just("cut"), _ANYWHERE),
    _HEADERS.map(lambda header: Mutation("header", *header)),
    st.builds(Mutation, st.just("json"), _ANYWHERE, st.sampled_from([..., *_VALUES])),
    st.builds(Mutation, st.just("xml"), _ANYWHERE, st.sampled_from([None, b"", b"x" * 5000, b"-1", b"true", b"&#27;"])),
)

#: What no client can take for success, whatever was asked.
failures = st.sampled_from([400, 401, 403, 418, 429, 500, 501, 502, 503, 599]).map(
    lambda status: Mutation("refused", None, status)
)
#: What holds nothing of what was asked for.
nonsense = st.sampled_from(
    [b"", HTML, b"null", b"[]", b"{}", b"\xff\xfe\0", b"[" * _DEEP, b"<?xml version='1.0'?><a/>"]
).map(lambda body: Mutation("body", None, body))
