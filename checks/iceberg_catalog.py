"""The operations of an Iceberg REST catalog that a check needs.

Protocol: https://github.com/apache/iceberg/blob/main/open-api/rest-catalog-open-api.yaml
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from pytest_floe import Finding

from .rest import Json, RefusedError, Rest, shape

Levels = Sequence[str]

#: Property that holds a canary's signature.
SIGNATURE = "pytest-floe"
SCHEMA: Json = {
    "type": "struct",
    "schema-id": 0,
    "fields": [
        {"id": 1, "name": "id", "required": False, "type": "long"},
        {"id": 2, "name": "note", "required": False, "type": "string"},
    ],
}
_LEVEL_SEPARATOR = "\x1f"
_NOT_FOUND = 404
_MOST_PAGES = 200


class Catalog:
    """One catalog, as one principal; every operation raises RefusedError if the catalog refuses it."""

    def __init__(self, rest: Rest, uri: str, headers: dict[str, str]) -> None:
        self._rest = rest
        self._base = f"{uri.rstrip('/')}/v1"
        self._root = self._base
        self._headers = headers

    def bear(self, token: str | None) -> None:
        """Send ``token`` from here on, if there is one."""
        if token:
            self._headers = {**self._headers, "Authorization": f"Bearer {token}"}

    def through(self, rest: Rest) -> Catalog:
        """Return the same catalog, spoken to through another client."""
        other = copy.copy(self)
        other._rest = rest  # noqa: SLF001 - a copy of its own
        return other

    def configure(self, warehouse: str | None) -> Json:
        """Ask for the catalog's configuration, and use the prefix it says."""
        wanted = {"warehouse": warehouse} if warehouse else {}
        url = f"{self._base}/config"
        answer = self._rest.send("GET", url, headers=self._headers, params=wanted)
        defaults, overrides = (shape(answer, part, dict, url) for part in ("defaults", "overrides"))
        prefix = str({**defaults, **overrides}.get("prefix") or "")
        # The server gives it encoded as far as it has to be; what is left would break the path.
        self._root = f"{self._base}/{quote(prefix, safe='/%')}" if prefix else self._base
        return answer

    def namespaces(self, parent: Levels = ()) -> Iterator[tuple[str, ...]]:
        """Yield the namespaces under ``parent``, page by page."""
        query = {"parent": _LEVEL_SEPARATOR.join(parent)} if parent else {}
        for page in self._pages(f"{self._root}/namespaces", query):
            for levels in shape(page, "namespaces", list, self._root):
                if not isinstance(levels, list):
                    raise Finding("operate.unexpected_response", "a namespace is not a list of levels", self._root)
                yield tuple(map(str, levels))

    def tables(self, namespace: Levels) -> Iterator[str]:
        """Yield the names of the tables of ``namespace``."""
        for page in self._pages(f"{self._path(namespace)}/tables", {}):
            for identifier in shape(page, "identifiers", list, self._root):
                yield str(identifier["name"])

    def properties(self, namespace: Levels) -> Json:
        """Return the properties of ``namespace``."""
        answer = self._send("GET", self._path(namespace))
        return answer.get("properties") or {}

    def has_namespace(self, namespace: Levels) -> bool:
        """Tell whether there is such a namespace."""
        try:
            self.properties(namespace)
        except RefusedError as refused:
            if refused.status != _NOT_FOUND:
                raise
            return False
        return True

    def create_namespace(self, namespace: Levels, signature: str) -> None:
        """Create ``namespace``, signed."""
        body = {"namespace": list(namespace), "properties": {SIGNATURE: signature}}
        self._send("POST", f"{self._root}/namespaces", json=body)

    def create_table(self, namespace: Levels, table: str, signature: str) -> None:
        """Create an empty ``table`` with two columns, signed."""
        body = {"name": table, "schema": SCHEMA, "properties": {SIGNATURE: signature}, "stage-create": False}
        self._send("POST", f"{self._path(namespace)}/tables", json=body)

    def load_table(self, namespace: Levels, table: str) -> Json:
        """Return the metadata of ``table``."""
        url = self._path(namespace, table)
        metadata: Json = shape(self._send("GET", url), "metadata", dict, url)
        return metadata

    def drop_table(self, namespace: Levels, table: str, *, purge: bool = True) -> None:
        """Drop ``table``, with its files if ``purge``; fine if there is none."""
        self._drop(self._path(namespace, table), {"purgeRequested": str(purge).lower()})

    def drop_namespace(self, namespace: Levels) -> None:
        """Drop ``namespace``; fine if there is none."""
        self._drop(self._path(namespace), {})

    def _path(self, namespace: Levels, table: str | None = None) -> str:
        path = f"{self._root}/namespaces/{quote(_LEVEL_SEPARATOR.join(namespace), safe='')}"
        return path if table is None else f"{path}/tables/{quote(table, safe='')}"

    def _pages(self, url: str, query: dict[str, str]) -> Iterator[Json]:
        token = ""  # an empty one says that this client can turn pages
        for _ in range(_MOST_PAGES):
            page = self._send("GET", url, params={**query, "pageToken": token})
            yield page
            token = page.get("next-page-token") or ""
            if not token:
                return
        raise Finding("operate.unexpected_response", f"more than {_MOST_PAGES} pages, the list has no end", url)

    def _drop(self, url: str, query: dict[str, str]) -> None:
        try:
            self._send("DELETE", url, params=query)
        except RefusedError as refused:
            if refused.status != _NOT_FOUND:
                raise

    def _send(self, method: str, url: str, **request: Any) -> Json:
        return self._rest.send(method, url, headers=self._headers, **request)
