"""The forms that a value takes in text written by others: quoted, escaped, encoded."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse

from markupsafe import escape

_SHORTEST_BASE64 = 8
#: Characters that clients leave as they are in URLs: none, paths, userinfo (RFC 3986, 3.2.1), whole URLs.
_URL_SAFE = ("", "/", "!$&'()*+,;=", "!#$%&'()*+,/:;=?@[]~")


def encodings(value: str) -> set[str]:
    """Return ``value`` as it looks in URLs, JSON, Python, HTML, XML, base64, hexadecimal, and on one line."""
    plain = {value, " ".join(value.split())}
    quoted = {form for text in plain for form in _quoted(text)}
    twice = {form for text in quoted for form in _quoted(text)}
    return {form for form in quoted | twice | _marked_up(quoted) | _in_url(value) | _in_bytes(value) if form}


def _quoted(text: str) -> set[str]:
    """Return ``text`` as it stands between the quotes of JSON and of Python."""
    escaped = repr(text + "\"'")[1:-1]  # with both quotes inside, repr escapes the single one
    return {
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        escaped[: -len("\"\\'")],
        repr(text.encode(errors="replace"))[2:-1],
    }


def _marked_up(texts: set[str]) -> set[str]:
    forms = {form for text in texts for form in (html.escape(text), html.escape(text, quote=False), str(escape(text)))}
    return forms | {html.escape(text, quote=False).replace('"', "&quot;") for text in texts}  # an attribute of XML


def _in_url(value: str) -> set[str]:
    raw = value.encode(errors="replace")
    forms = {urllib.parse.quote(raw, safe=safe) for safe in _URL_SAFE} | {urllib.parse.quote_plus(raw)}
    return forms | {re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), form) for form in forms}


def _in_bytes(value: str) -> set[str]:
    digits = value.encode(errors="replace").hex()
    return _base64(value) | {digits, digits.upper()}


def _base64(value: str) -> set[str]:
    """Return what of ``value`` is seen in base64 text, wherever in the encoded bytes it begins (RFC 4648, 4)."""
    raw = value.encode(errors="replace")
    forms = set()
    for alphabet in (b"+/", b"-_"):
        for offset in range(3):
            encoded = base64.b64encode(bytes(offset) + raw, altchars=alphabet).decode().rstrip("=")
            forms.add(encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6])
    return {form for form in forms if len(form) >= _SHORTEST_BASE64}
