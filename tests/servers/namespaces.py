"""What checks leave in an Iceberg REST catalog."""

from __future__ import annotations

from typing import Any


class Namespaces:
    """Of a running catalog, which ``ask`` reaches as the client that may do everything."""

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Ask ``path`` below the prefix."""
        raise NotImplementedError

    def namespaces(self, parent: str | None = None) -> list[list[str]]:
        query = {"parent": parent} if parent else {}
        return list(self.ask("GET", "/namespaces", params=query)["namespaces"])

    def canaries(self) -> list[str]:
        """Return the top namespaces that checks left."""
        return [levels[0] for levels in self.namespaces() if levels[0].startswith("floe-preflight-")]

    def clear(self) -> None:
        """Drop what checks left."""
        for name in self.canaries():
            path = f"/namespaces/{name}"
            for table in self.ask("GET", f"{path}/tables")["identifiers"]:
                self.ask("DELETE", f"{path}/tables/{table['name']}")
            self.ask("DELETE", path)
