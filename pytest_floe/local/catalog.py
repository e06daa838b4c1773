"""The Iceberg REST catalog of the embedded platform.

No library serves a small one, so this is PyIceberg's SQL catalog behind Starlette.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io import load_file_io

from pytest_floe.local.catalog_app import CatalogApp
from pytest_floe.local.catalog_operations import Operations
from pytest_floe.local.configs import CatalogConfig
from pytest_floe.local.lifeline import Lifeline


class _Server(uvicorn.Server):
    """Leaves signals alone: the lifeline says when to end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(lifeline: Lifeline) -> None:
    """Serve until the parent ends."""
    config = CatalogConfig.from_json(lifeline.config)
    tables = SqlCatalog(
        config.warehouse, uri=f"sqlite:///{lifeline.folder}/catalog.db", warehouse=config.location, **config.storage
    )
    app = CatalogApp(config, Operations(tables))
    # The plainest protocol and loop: they need no further package, and are imported fastest.
    server = _Server(uvicorn.Config(app.asgi, http="h11", loop="asyncio", ws="none", lifespan="off", access_log=False))
    lifeline.ready()
    # The first table needs its FileIO, which takes long to import: better while nobody waits for it.
    threading.Thread(target=load_file_io, args=(config.storage, config.location), name="storage", daemon=True).start()
    server.run(sockets=[socket.socket(fileno=lifeline.descriptor)])
