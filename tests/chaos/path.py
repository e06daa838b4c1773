"""The way from a run to one of its services: it hands bytes on, misbehaves as told, and records the truth.

An *exchange* is what a client says and what it is answered, as far as this can be told from outside: it begins with
the first bytes of the client after an answer. A misbehaviour acts on the exchanges from ``at`` on, or on that one
alone.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

HOST = "127.0.0.1"
GARBAGE = bytes(range(256)) * 4
_KEPT = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_INTERIM = re.compile(rb"(HTTP/1\.1 1\d\d [^\r]*\r\n\r\n)+")


@dataclass(frozen=True)
class Misbehaviour:
    """What a path does to the exchange number ``at`` (from 1), and with ``sticky`` to all that follow.

    ``kind`` is refuse, hang, drop, garbage, cut, slow or answer; ``after`` is the bytes that cut lets through,
    ``seconds`` what slow adds to each piece of an answer, ``answer`` what is said in place of the service.
    """

    kind: str
    at: int = 1
    sticky: bool = True
    after: int = 0
    seconds: float = 0.0
    answer: bytes = b""

    def acts_on(self, index: int) -> bool:
        return index == self.at or (self.sticky and index > self.at)


@dataclass
class Exchange:
    """One exchange on a path; ``tampered`` says what was done to it, ``closed`` that it is over."""

    service: str
    index: int
    request: bytearray = field(default_factory=bytearray)
    answer: bytearray = field(default_factory=bytearray)
    tampered: str = ""

    @property
    def answered(self) -> bool:
        """Whether the service has begun to say more than that it goes on listening."""
        return len(_INTERIM.sub(b"", bytes(self.answer))) > 0

    @property
    def status(self) -> int:
        """The HTTP status that the service itself answered with; 0 if it did not."""
        final = _INTERIM.sub(b"", bytes(self.answer[:2048]))
        found = re.match(rb"HTTP/1\.[01] (\d{3})", final)
        return int(found[1]) if found else 0


class Path:
    """Listens on a port of its own, and leads to ``upstream``, another port of this machine."""

    def __init__(self, service: str, upstream: int) -> None:
        self.service = service
        self.upstream = upstream
        self.exchanges: list[Exchange] = []
        self.refused = False
        self._misbehaviour: Misbehaviour | None = None
        self._on_exchange: Callable[[Exchange], None] = lambda _exchange: None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._accept()

    def begin(self, misbehaviour: Misbehaviour | None, on_exchange: Callable[[Exchange], None]) -> None:
        """Begin a record; ``on_exchange`` is called for each exchange, before anything of it is handed on."""
        with self._lock:
            self.exchanges = []
            self._misbehaviour, self._on_exchange = misbehaviour, on_exchange
        if misbehaviour and misbehaviour.kind == "refuse":
            self._refuse()

    def end(self, within: float) -> list[Exchange]:
        """End the record when the last connection has ended, which is forced after ``within`` seconds."""
        for thread in self._threads:
            thread.join(within)
        for sock in list(self._open):
            _cut(sock)
        for thread in self._threads:
            thread.join()
        with self._lock:
            self._threads = []
            self._misbehaviour, self._on_exchange = None, lambda _exchange: None
        if self.refused:
            self.refused = False
            self._listener.listen(128)
            self._accept()
        return self.exchanges

    def close(self) -> None:
        """Listen no more."""
        self.end(0)
        _cut(self._listener)
        self._accepting.join()

    def _refuse(self) -> None:
        """Keep the port without listening on it: whoever connects is refused."""
        _cut(self._listener)
        self._accepting.join()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((HOST, self.port))
        self.refused = True

    def _accept(self) -> None:
        listener = self._listener

        def accept() -> None:
            with contextlib.suppress(OSError):  # it was cut
                while True:
                    client, _ = listener.accept()
                    thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                    with self._lock:
                        self._threads.append(thread)
                        self._open.add(client)
                    thread.start()

        self._accepting = threading.Thread(target=accept, daemon=True)
        self._accepting.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection((HOST, self.upstream)) as server:
            self._open.add(server)
            try:
                _Conversation(self, client, server).carry()
            finally:
                self._open.discard(server)
        self._open.discard(client)

    def next_exchange(self) -> tuple[Exchange, Misbehaviour | None]:
        """Note that a client says something new; return what is to be done about it, if anything."""
        with self._lock:
            exchange = Exchange(self.service, len(self.exchanges) + 1)
            self.exchanges.append(exchange)
            told = self._misbehaviour
        self._on_exchange(exchange)
        return exchange, told if told and told.acts_on(exchange.index) else None


class _Conversation:
    """One connection of a client, and the one to the service that it is answered from."""

    def __init__(self, path: Path, client: socket.socket, server: socket.socket) -> None:
        self._path = path
        self._client = client
        self._server = server
        self._exchange: Exchange | None = None
        self._told: Misbehaviour | None = None
        self._passed = 0

    def carry(self) -> None:
        """Hand on until one side, or the misbehaviour, ends it."""
        sources = [self._client, self._server]
        while sources:
            readable, _, _ = select.select(sources, [], [])
            for source in readable:
                data = source.recv(65536)
                ended = not self._take(data, source) if data else self._half_close(source)
                if ended and not data:
                    sources.remove(source)
                elif ended:
                    return

    def _half_close(self, source: socket.socket) -> bool:
        with contextlib.suppress(OSError):
            (self._server if source is self._client else self._client).shutdown(socket.SHUT_WR)
        return True

    def _take(self, data: bytes, source: socket.socket) -> bool:
        return self._ask(data) if source is self._client else self._answer(data)

    def _ask(self, data: bytes) -> bool:
        if self._exchange is None or self._exchange.answered:
            self._exchange, self._told = self._path.next_exchange()
            self._passed = 0
        self._exchange.request += data[: _KEPT - len(self._exchange.request)]
        if self._told and self._told.kind in ("hang", "drop", "garbage", "answer"):
            self._exchange.tampered = self._told.kind
            self._instead(self._told, self._exchange)
            return False
        self._server.sendall(data)
        return True

    def _instead(self, told: Misbehaviour, exchange: Exchange) -> None:
        """Do what ``told`` says in place of asking the service."""
        if told.kind == "hang":
            while self._client.recv(65536):
                pass
        elif told.kind == "drop":
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        else:
            self._hear_out(exchange)
            self._client.sendall(told.answer if told.kind == "answer" else GARBAGE)
            self._client.shutdown(socket.SHUT_WR)
            self._client.settimeout(1)  # a client that is not done would take a reset for the answer
            with contextlib.suppress(OSError):
                while self._client.recv(65536):
                    pass

    def _hear_out(self, exchange: Exchange) -> None:
        head, end, body = bytes(exchange.request).partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        missing = int(length[1]) - len(body) if end and length else 0
        if b"100-continue" in head.lower():
            missing = 0
        while missing > 0 and (data := self._client.recv(65536)):
            missing -= len(data)

    def _answer(self, data: bytes) -> bool:
        exchange, told = self._exchange, self._told
        if exchange is None:
            self._client.sendall(data)
            return True
        exchange.answer += data[: _KEPT - len(exchange.answer)]
        if told and told.kind == "slow":
            exchange.tampered = "slow"
            threading.Event().wait(told.seconds)
        if told and told.kind == "cut" and self._passed + len(data) > told.after:
            exchange.tampered = "cut"
            self._client.sendall(data[: max(0, told.after - self._passed)])
            return False
        self._passed += len(data)
        self._client.sendall(data)
        return True


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
