"""Looking for secrets in what a run wrote, without the code that is to keep them out."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path


def forms(secret: str) -> set[str]:
    """Return the secret raw, in URLs, JSON, HTML, and in base64 wherever in the encoded bytes it begins."""
    raw = secret.encode()
    encoded = {base64.b64encode(b"\0" * offset + raw + b"\0\0\0").decode() for offset in range(3)}
    return {
        secret,
        json.dumps(secret)[1:-1],
        html.escape(secret),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        *(text[4 : len(raw) * 4 // 3 - 2] for text in encoded),  # but for what the neighbours share
    }


def search(folder: Path, secrets: Iterable[str]) -> Iterator[str]:
    """Yield each file under ``folder`` that holds one of ``secrets``, with the form it has there."""
    wanted = [(secret, form.encode()) for secret in secrets for form in forms(secret)]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in (".duckdb", ".wal"):
            content = path.read_bytes()
            yield from (
                f"{path.relative_to(folder)}: {secret!r} as {form!r}" for secret, form in wanted if form in content
            )
