"""One file system of an account with a hierarchical namespace, through azure-storage-file-datalake.

Protocol: https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any

from pytest_floe import Finding

from .adls_bucket import Container, refusal_of, soft_deleted
from .object_storage import Entry, Kept

_DELETED_UNKNOWN = "whether soft delete keeps the canary: soft-deleted paths may not be listed"


def require_listing(response: Any) -> None:
    """Raise Finding if the answer to a listing is none; the SDK takes any JSON object for an empty one."""
    request, answer = response.http_request, response.http_response
    if "resource=filesystem" not in request.url or answer.status_code != HTTPStatus.OK:
        return
    if '"paths"' not in answer.text():
        raise Finding(
            "operate.unexpected_response", "the answer to a listing is no list of paths", request.url.partition("?")[0]
        )


class Filesystem(Container):
    """The container as the DFS endpoint shows it: with real directories, which are removed again if they are ours."""

    def __init__(self, client: Any, **named: Any) -> None:
        super().__init__(client, **named)
        self._directories: list[str] = []

    def objects(self, prefix: str) -> list[Entry]:
        """Return the first page of the directory that ``prefix`` lies in; none if there is no such directory."""
        directory = prefix.rpartition("/")[0]
        paths = self.unless_missing(lambda: self._page(directory)) or []
        found = [path for path in paths if not path.is_directory and path.name.startswith(prefix)]
        return [Entry(path.name, path.content_length or 0) for path in found]

    def exists(self, key: str) -> bool:
        """Ask for the path itself: a listing of its directory may have many pages."""
        return self.unless_missing(lambda: self._file(key).get_file_properties()) is not None

    def retention(self) -> str | None:
        """Look at immutability policy and legal hold, if the principal may know them."""
        return self.retention_of(self.look(self._client.get_file_system_properties))

    def write(self, key: str, body: bytes, made: Callable[[], None]) -> None:
        """Create the file, append to it and flush; directories on the way come into being by themselves."""
        parents = [str(parent) for parent in reversed(PurePosixPath(key).parents) if str(parent) != "."]
        self._directories = [parent for parent in parents if not self.exists(parent)]
        self._file(key).create_file()
        made()
        self._file(key).append_data(body, offset=0, length=len(body), flush=True)

    def read(self, key: str) -> bytes:
        """Download the file."""
        body: bytes = self._file(key).download_file().readall()
        return body

    def read_byte(self, key: str) -> None:
        """Download the first byte."""
        self._file(key).download_file(offset=0, length=1).readall()

    def delete(self, key: str) -> None:
        """Delete the file."""
        self.unless_missing(self._file(key).delete_file)

    def purge(self, key: str) -> list[Kept]:
        """Remove the directories that came with the file; return those that stay, and what soft delete keeps."""
        stuck = [directory for directory in reversed(self._directories) if not self._remove_empty(directory)]
        kept = [Kept(f"directory {directory}") for directory in stuck]
        deleted = self.look(lambda: list(self._client.list_deleted_paths(path_prefix=key)), _DELETED_UNKNOWN) or []
        self._directories = []
        return kept + [soft_deleted(path) for path in deleted]

    def _remove_empty(self, directory: str) -> bool:
        try:
            # Unlike delete_directory this is not recursive: what others wrote meanwhile is safe.
            self.unless_missing(self._file(directory).delete_file)
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None or not refusal.declines:
                raise
            return refusal.status == HTTPStatus.CONFLICT
        return True

    def _file(self, key: str) -> Any:
        return self._client.get_file_client(key)

    def _page(self, directory: str) -> list[Any]:
        return list(next(self._client.get_paths(path=directory or None, recursive=False).by_page()))
