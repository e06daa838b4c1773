"""A strict fake of the REST calls of an account with a hierarchical namespace; nothing that can be had serves them.

It plays https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path: real directories, data that is
seen only after a flush, and no recursive deletion unless asked for. What it does not know it refuses with 400, and
``refused`` names it. Credentials are shared access signatures, as issued by ``signature``.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.servers.http_server import HttpServer

#: Permissions of a signature: r, c, w, d, l are read, create, write, delete, list.
_NEEDS = {"list": "l", "create": "c", "append": "w", "read": "r", "properties": "r", "delete": "d"}
_DATE = "Mon, 23 Nov 2026 12:00:00 GMT"


@dataclass
class Path:
    """A file or directory; ``appended`` is not seen until it is flushed."""

    is_directory: bool = False
    content: bytes = b""
    appended: bytes = b""


class RefusedError(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class DfsServer(HttpServer):
    """One account with one file system; listens on a free port of 127.0.0.1 while its ``with`` block runs."""

    def __init__(self, filesystem: str = "lakefs", *, soft_delete: bool = False) -> None:
        self.filesystem = filesystem
        self.paths: dict[str, Path] = {}
        self.deleted: list[str] = []
        self.refused: list[str] = []
        self.signatures: dict[str, str] = {}
        self.soft_delete = soft_delete
        super().__init__(_Handler)

    @property
    def url(self) -> str:
        return f"{super().url}/lake"

    def signature(self, permissions: str) -> str:
        signed = secrets.token_hex(16)
        self.signatures[signed] = permissions
        return f"sv=2024-11-04&sp={permissions}&sig={signed}"

    def put(self, name: str, content: str) -> None:
        self._make_parents(name)
        self.paths[name] = Path(content=content.encode())

    def directory(self, name: str) -> None:
        self._make_parents(f"{name}/")

    # The calls

    def list(self, query: dict[str, str], _body: bytes) -> dict[str, Any]:
        directory = query.get("directory", "")
        if directory and directory not in self.paths:
            raise RefusedError(404, "PathNotFound")
        if query["recursive"] != "false":
            raise RefusedError(400, "UnsupportedQueryParameter")
        inside = f"{directory}/" if directory else ""
        names = [name for name in self.paths if name.startswith(inside) and "/" not in name[len(inside) :]]
        return {"paths": [_listed(name, self.paths[name]) for name in names]}

    def create(self, name: str, query: dict[str, str], body: bytes) -> None:
        if query["resource"] != "file" or body:
            raise RefusedError(400, "InvalidInput")
        self._make_parents(name)
        self.paths[name] = Path()

    def append(self, name: str, query: dict[str, str], body: bytes) -> None:
        path = self._file(name)
        if int(query["position"]) != len(path.content + path.appended) or not body:
            raise RefusedError(400, "InvalidFlushPosition")
        path.appended += body
        if query.get("flush") == "true":
            path.content, path.appended = path.content + path.appended, b""

    def delete(self, name: str, query: dict[str, str]) -> None:
        path = self._any(name)
        beneath = [other for other in self.paths if other.startswith(f"{name}/")]
        if beneath and query.get("recursive") != "true":
            raise RefusedError(409, "DirectoryNotEmpty")
        for other in beneath:
            del self.paths[other]
        del self.paths[name]
        if self.soft_delete and not path.is_directory:
            self.deleted.append(name)

    def read(self, name: str) -> bytes:
        return self._file(name).content

    def properties(self, name: str) -> Path:
        return self._any(name)

    def authorize(self, query: dict[str, str], call: str) -> None:
        permissions = self.signatures.get(query.get("sig", ""))
        if permissions is None:
            raise RefusedError(403, "AuthenticationFailed")
        if call in _NEEDS and _NEEDS[call] not in permissions:
            raise RefusedError(403, "AuthorizationPermissionMismatch")

    def _make_parents(self, name: str) -> None:
        parts = name.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            self.paths.setdefault("/".join(parts[:depth]), Path(is_directory=True))

    def _any(self, name: str) -> Path:
        if name not in self.paths:
            raise RefusedError(404, "PathNotFound")
        return self.paths[name]

    def _file(self, name: str) -> Path:
        if self._any(name).is_directory:
            raise RefusedError(409, "ResourceTypeMismatch")
        return self.paths[name]


def _listed(name: str, path: Path) -> dict[str, str]:
    kind = {"isDirectory": "true"} if path.is_directory else {}
    return {"name": name, "contentLength": str(len(path.content)), "lastModified": _DATE, "etag": "0x1", **kind}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: DfsServer

    def answer(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            _, account, filesystem, *rest = unquote(parts.path).split("/", 3)
            self._serve(account, filesystem, rest[0] if rest else "", query, body)
        except RefusedError as refused:
            self._refuse(refused)
        except (KeyError, ValueError):
            self.owner.refused.append(f"{self.command} {parts.path} {sorted(query)}")
            self._refuse(RefusedError(400, "InvalidInput"))

    do_GET = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815 - names of http.server

    def _serve(self, account: str, filesystem: str, name: str, query: dict[str, str], body: bytes) -> None:
        call = _call(self.command, name, query)
        self.owner.authorize(query, call)
        if account != "lake":
            raise RefusedError(404, "ResourceNotFound")
        if filesystem != self.owner.filesystem and call != "account":
            raise RefusedError(404, "FilesystemNotFound")
        getattr(self, f"_{call}")(name, query, body)

    def _account(self, *_: object) -> None:
        self._send(200, headers={"x-ms-is-hns-enabled": "true", "x-ms-account-kind": "StorageV2"})

    def _filesystem(self, *_: object) -> None:
        held = {"x-ms-has-immutability-policy": "false", "x-ms-has-legal-hold": "false"}
        self._send(200, headers={"ETag": "0x1", "Last-Modified": _DATE, **held})

    def _deleted(self, _name: str, query: dict[str, str], _body: bytes) -> None:
        blobs = "".join(
            f"<Blob><Name>{name}</Name><Deleted>true</Deleted><DeletionId>1</DeletionId><Properties>"
            f"<DeletedTime>{_DATE}</DeletedTime><RemainingRetentionDays>7</RemainingRetentionDays></Properties></Blob>"
            for name in self.owner.deleted
            if name.startswith(query.get("prefix", ""))
        )
        listed = f'<EnumerationResults ServiceEndpoint="{self.owner.url}"><Blobs>{blobs}</Blobs></EnumerationResults>'
        self._send(200, listed.encode(), {"Content-Type": "application/xml"})

    def _list(self, _name: str, query: dict[str, str], body: bytes) -> None:
        listed = json.dumps(self.owner.list(query, body)).encode()
        self._send(200, listed, {"Content-Type": "application/json"})

    def _create(self, name: str, query: dict[str, str], body: bytes) -> None:
        self.owner.create(name, query, body)
        self._send(201, headers={"ETag": "0x1", "Last-Modified": _DATE})

    def _append(self, name: str, query: dict[str, str], body: bytes) -> None:
        self.owner.append(name, query, body)
        self._send(202)

    def _delete(self, name: str, query: dict[str, str], _body: bytes) -> None:
        self.owner.delete(name, query)
        self._send(200)

    def _read(self, name: str, _query: dict[str, str], _body: bytes) -> None:
        content = self.owner.read(name)
        asked = (self.headers.get("x-ms-range") or self.headers.get("Range") or "bytes=0-").removeprefix("bytes=")
        first, last = asked.split("-")
        part = content[int(first) : int(last) + 1 if last else None]
        where = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        self._send(206, part, {"Content-Range": where, "ETag": "0x1", "Last-Modified": _DATE})

    def _properties(self, name: str, _query: dict[str, str], _body: bytes) -> None:
        path = self.owner.properties(name)
        kind = "directory" if path.is_directory else "file"
        self._send(200, headers={"x-ms-resource-type": kind, "ETag": "0x1", "Last-Modified": _DATE})

    def _refuse(self, refused: RefusedError) -> None:
        told = json.dumps({"error": {"code": refused.code, "message": f"refused: {refused.code}"}}).encode()
        self._send(refused.status, told, {"x-ms-error-code": refused.code, "Content-Type": "application/json"})

    def _send(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def _call(method: str, name: str, query: dict[str, str]) -> str:
    if query.get("restype") == "account":
        return "account"
    if query.get("showonly") == "deleted":
        return "deleted"
    if query.get("restype") == "container" and "comp" not in query:
        return "filesystem"
    if method == "GET" and query.get("resource") == "filesystem":
        return "list"
    if not name:
        raise KeyError(method)
    if method == "PATCH":
        return {"append": "append"}[query["action"]]
    return {"PUT": "create", "GET": "read", "HEAD": "properties", "DELETE": "delete"}[method]
