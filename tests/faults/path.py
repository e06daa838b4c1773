"""A path between a check and a server, real or emulated, that misbehaves where it is told to.

It is a ``FaultyServer`` (tests/faults/server.py) whose script ends in one of two moves::

    with FaultyServer(forward(port)) as path: ...                       # every byte, both ways: the twin
    with FaultyServer(forward(port, delay=0.3)) as path: ...            # slow but correct
    with FaultyServer(forward(port, stall_after=1)) as path: ...        # one byte of the answer, then nothing
    with FaultyServer(forward(port, close_after=40)) as path: ...       # closes in the middle of the answer
    with FaultyServer(forward(port, stall_at=b"SELECT")) as path: ...   # packets vanish from this statement on
    with FaultyServer(hear, say(b"S"), tls(certificates.expired), forward(port)) as path: ...

    with FaultyServer(relay(url)) as path: ...                          # request by request: the twin
    with FaultyServer(relay(url, Tamper("PUT", "floe-preflight", Answer(403)))) as path: ...
    with FaultyServer(relay(url, Tamper("GET", "/v1/", halved, after=2, times=1))) as path: ...
    with FaultyServer(tls(certificates.valid), relay(url, ca_file=...)) as path: path.https_url

``relay`` passes on the client's own Host header, so that signatures and addresses in answers hold. A ``Tamper`` lets
the first ``after`` requests of its method and path pass, then answers ``times`` of them (all, if not given) with an
answer of its own or with what a function makes of the real one; the server is asked only if such a function asks.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.server import NEVER, Answer, Connection, Move, Request, answering

_CHUNK = 65536
#: Of one connection, and so not passed on.
_HOP_BY_HOP = {"transfer-encoding", "connection", "keep-alive", "server", "date", "expect"}
_PATIENCE = 60.0
_GZIP = b"\x1f\x8b"

#: Makes an answer from a request and what asks the server.
Change = Callable[[Request, Callable[[], Answer]], Answer]


# Byte by byte


def forward(
    port: int,
    *,
    delay: float = 0.0,
    stall_after: int | None = None,
    close_after: int | None = None,
    stall_at: bytes | None = None,
) -> Move:
    """Pass on every byte to ``port`` of this machine and back, its answers ``delay`` seconds late.

    After ``stall_after`` bytes of answer it says nothing more; after ``close_after`` it closes. From what the client
    says with ``stall_at`` in it, nothing arrives.
    """
    allowed = stall_after if stall_after is not None else close_after

    def pass_on(connection: Connection) -> None:
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            asking = threading.Thread(target=_copy, args=(connection.sock, upstream, stall_at), daemon=True)
            asking.start()
            _answer(connection, upstream, allowed, delay)
            if stall_after is not None:
                connection.stopping.wait()
            _shut(upstream)
        _shut(connection.sock)
        asking.join()

    return pass_on


def _answer(connection: Connection, upstream: socket.socket, allowed: int | None, delay: float) -> None:
    told = 0
    with contextlib.suppress(OSError):
        while (data := upstream.recv(_CHUNK)) and not connection.stopping.wait(delay):
            data = data if allowed is None else data[: allowed - told]
            connection.sock.sendall(data)
            told += len(data)
            if told == allowed:
                return


def _copy(source: socket.socket, target: socket.socket, stall_at: bytes | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            if stall_at and stall_at in data:
                while source.recv(_CHUNK):
                    """Nothing of it arrives."""
                break
            target.sendall(data)
    _shut(target)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


# Request by request


@dataclass
class Tamper:
    """Which requests get another answer, and which; ``path`` is a regular expression, sought in path and query.

    An empty ``method`` is any. ``after`` requests pass first; after ``times`` more, requests pass again. ``body`` is
    sought in the request's body.
    """

    method: str
    path: str
    answer: Answer | Change
    after: int = 0
    times: int | None = None
    body: bytes = b""
    _met: int = field(default=0, repr=False)

    def takes(self, request: Request) -> bool:
        """Count ``request`` if it is one of these; tell whether it is to be tampered with."""
        packed = request.body[:2] == _GZIP
        meant = self.method in ("", request.method) and self.body in (
            gzip.decompress(request.body) if packed else request.body
        )
        if not meant or not re.search(self.path, request.path):
            return False
        self._met += 1
        last = self.after + self.times if self.times is not None else self._met
        return self.after < self._met <= last


def relay(url: str, *tampers: Tamper, ca_file: Path | None = None) -> Move:
    """Pass on each request to the server at ``url``, whose path is not added, and its answer back."""
    lock = threading.Lock()
    own = [replace(tamper) for tamper in tampers]

    def choose(request: Request) -> Answer:
        with lock:
            taken = [tamper for tamper in own if tamper.takes(request)]
        if not taken:
            return ask(url, request, ca_file)
        told = taken[0].answer
        return told if isinstance(told, Answer) else told(request, lambda: ask(url, request, ca_file))

    return answering(choose)


def ask(url: str, request: Request, ca_file: Path | None = None) -> Answer:
    """Return what the server at ``url`` answers to ``request``."""
    upstream = _connection(url, ca_file)
    try:
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        upstream.request(request.method, request.path, request.body, headers)
        told = upstream.getresponse()
        kept = {name: value for name, value in told.getheaders() if name.lower() not in _HOP_BY_HOP}
        content = told.read()
        if request.method != "HEAD":
            kept = {name: value for name, value in kept.items() if name.lower() != "content-length"}
        return Answer(told.status, content, kept)
    finally:
        upstream.close()


def _connection(url: str, ca_file: Path | None) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE)
    trust = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    return http.client.HTTPSConnection(parts.netloc, timeout=_PATIENCE, context=trust)


# Changes


def late(seconds: float) -> Change:
    """The real answer, held back."""
    return lambda _, real: replace(real(), after=seconds)


def halved(_: Request, real: Callable[[], Answer]) -> Answer:
    """The real answer, cut in the middle of its body, or before its head if it has none; the server did its part."""
    told = real()
    if not told.content:
        raise ConnectionAbortedError
    return replace(told, cut=len(told.content) // 2)


def lost(_: Request, real: Callable[[], Answer]) -> Answer:
    """The server does what it is asked, and nobody is told."""
    return replace(real(), after=NEVER)


def unheard(_: Request, __: Callable[[], Answer]) -> Answer:
    """The request gets nowhere, and nobody is told."""
    return Answer(after=NEVER)
