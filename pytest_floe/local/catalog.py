"""The Iceberg REST catalog of the embedded platform, as a process: ``python -m pytest_floe.local.catalog``.

No library serves a small one, so this is PyIceberg's SQL catalog behind Starlette.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import uvicorn
from pyiceberg.catalog.sql import SqlCatalog

from pytest_floe.local.catalog_app import CatalogApp
from pytest_floe.local.catalog_operations import Operations
from pytest_floe.local.configs import CatalogConfig
from pytest_floe.local.lifeline import Lifeline


class _Server(uvicorn.Server):
    """Leaves signals alone: the lifeline says when to end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> None:
    """Serve until the parent ends."""
    lifeline = Lifeline()
    lifeline.watch()
    config = CatalogConfig.from_json(lifeline.config)
    tables = SqlCatalog(
        config.warehouse, uri=f"sqlite:///{lifeline.folder}/catalog.db", warehouse=config.location, **config.storage
    )
    app = CatalogApp(config, Operations(tables))
    # The plainest protocol and loop: they need no further package, and are imported fastest.
    server = _Server(uvicorn.Config(app.asgi, http="h11", loop="asyncio", ws="none", lifespan="off", access_log=False))
    lifeline.ready()
    _load_storage_soon(config.storage)
    server.run(sockets=[socket.socket(fileno=lifeline.descriptor)])


def _load_storage_soon(storage: dict[str, str]) -> None:
    """Import the FileIO, which takes long, while nobody waits for it: the first table will need it."""
    module, _, _ = storage.get("py-io-impl", "pyiceberg.io.pyarrow.PyArrowFileIO").rpartition(".")
    threading.Thread(target=import_module, args=(module,), name="storage", daemon=True).start()


if __name__ == "__main__":
    main()
