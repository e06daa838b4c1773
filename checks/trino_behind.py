"""What a service behind Trino said: a query fails in Trino's words, and theirs lie among its causes.

Protocol: https://trino.io/docs/current/develop/client-protocol.html; ``failureInfo`` is a chain of Java's exceptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_DEEPEST = 20


@dataclass(frozen=True)
class _Refusal:
    """An exception by the end of its type and a pattern of its message; ``cause`` if it is not the step's own."""

    kind: str
    said: re.Pattern[str]
    subject: str
    cause: str | None = None


_STORAGE = "access to the storage of catalog {catalog} to Trino's own principal there"
_SERVICE = "access to the catalog service of {catalog} to Trino's own principal there"
_LOGIN = "Trino's own login at the catalog service of {catalog}"
_REFUSALS = (
    _Refusal("S3Exception", re.compile(r"Status Code: 403"), _STORAGE),
    _Refusal("storage.StorageException", re.compile(r"does not have [\w.]+ access|^403 Forbidden"), _STORAGE),  # Google
    _Refusal("StorageException", re.compile(r"Status code 403"), _STORAGE),  # Azure's, for blobs and for Data Lake
    _Refusal("ForbiddenException", re.compile(""), _SERVICE),
    _Refusal("ServiceFailureException", re.compile("AccessCheckException"), _SERVICE),  # Nessie's, sent as HTTP 500
    _Refusal("NotAuthorizedException", re.compile(""), _LOGIN, "authenticate.rejected"),
)


def refusal(error: Any, refused: str, catalog: str | None) -> tuple[str, str] | None:
    """Return cause and subject if a service behind ``catalog`` refused; ``refused`` is the cause of the step."""
    for kind, said in _chain(error):
        for known in _REFUSALS:
            if kind.endswith(known.kind) and known.said.search(said):
                return known.cause or refused, known.subject.format(catalog=catalog)
    return None


def root(error: Any) -> str:
    """Return what the innermost exception said, an empty text if the query itself says it."""
    said = [said for _, said in _chain(error) if said]
    return said[-1] if said and said[-1] not in error.message else ""


def _chain(error: Any) -> Iterator[tuple[str, str]]:
    info = getattr(error, "failure_info", None)
    for _ in range(_DEEPEST):
        if not isinstance(info, dict):
            return
        yield str(info.get("type") or ""), str(info.get("message") or "")
        info = info.get("cause")
