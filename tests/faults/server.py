"""A server that misbehaves as its script says.

A script is a list of moves; every connection plays it from the beginning and is closed at its end::

    with FaultyServer(hang) as server: ...                              # accepts and never answers
    with FaultyServer(hear, say(b"H"), hang) as server: ...             # one byte, then it stalls
    with FaultyServer(hear, say(b"HTTP/1.1 200 OK\\r\\n")) as server: ...  # closes in the middle of its answer
    with FaultyServer(hear, reset) as server: ...                       # resets the connection
    with FaultyServer(hear, say(GARBAGE)) as server: ...                # speaks no protocol
    with FaultyServer(tls(certificates.expired), hang) as server: ...   # see tests/faults/certificates.py
    with FaultyServer(http(Answer(200))) as server: server.https_url    # plain text on a TLS port
    with FaultyServer(hear, say(b"S"), tls(certificates.valid)) as server: ...  # PostgreSQL's way into TLS

    not_ready = Answer(503, headers={"Retry-After": "7"})
    with FaultyServer(http(not_ready, Answer(200, {"ok": True}))) as server: ...  # one after the other, the last stays
    with FaultyServer(http(Answer(404), routes={"GET /v1/config": Answer(200, {"defaults": {}})})) as server:
        ask(server.url)
        assert server.requests[0].headers["authorization"] == "Bearer t"

``server.connections`` counts who came; ``server.requests`` lists what HTTP clients asked. Leaving the block cuts every
connection, so a move that waits (``hang``) needs no time of its own.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

GARBAGE = bytes(range(256)) * 4
NEVER = threading.TIMEOUT_MAX
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Request:
    """What an HTTP client asked; the names of ``headers`` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Connection:
    """One client: its socket, and what all connections of the server share."""

    sock: socket.socket
    stopping: threading.Event
    requests: list[Request]


Move = Callable[[Connection], None]


class FaultyServer:
    """Listens on a free port of 127.0.0.1 while its ``with`` block runs."""

    host = "127.0.0.1"

    def __init__(self, *script: Move) -> None:
        self.requests: list[Request] = []
        self._script = script
        self._stopping = threading.Event()
        self._accepted: list[Connection] = []
        self._playing: list[threading.Thread] = []

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def https_url(self) -> str:
        return f"https://{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        return len(self._accepted)

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self.host, 0))
        self._accepting = _start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        _cut(self._listener)
        self._accepting.join()  # only then is it known who must be cut
        for connection in self._accepted:
            _cut(connection.sock)
        for thread in self._playing:
            thread.join()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:  # the listener was cut
                return
            connection = Connection(sock, self._stopping, self.requests)
            self._accepted.append(connection)
            self._playing.append(_start(self._play, connection))

    def _play(self, connection: Connection) -> None:
        # A client that goes away, or that refuses the certificate, is what the test is about.
        with contextlib.suppress(OSError):
            for move in self._script:
                move(connection)
        connection.sock.close()


def _start(target: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


# Moves


def hang(connection: Connection) -> None:
    """Say nothing more, and keep the connection open."""
    connection.stopping.wait()


def hear(connection: Connection) -> None:
    """Wait for the client to say something."""
    connection.sock.recv(65536)


def say(data: bytes) -> Move:
    """Send ``data`` as it is."""
    return lambda connection: connection.sock.sendall(data)


def trickle(connection: Connection) -> None:
    """Begin an HTTP answer and go on byte by byte for ever, so that no time-out between two bytes is ever reached."""
    connection.sock.sendall(b"HTTP/1.1 200 OK\r\nX-Padding: ")
    while not connection.stopping.wait(0.1):
        connection.sock.sendall(b"x")


def reset(connection: Connection) -> None:
    """Close with RST instead of FIN."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.sock.close()


def tls(context: ssl.SSLContext) -> Move:
    """Do the server's side of a TLS handshake; what follows is encrypted."""

    def handshake(connection: Connection) -> None:
        # In two steps, so that the server can cut a handshake that the client never finishes.
        secured = context.wrap_socket(connection.sock, server_side=True, do_handshake_on_connect=False)
        connection.sock = secured
        secured.do_handshake()

    return handshake


@dataclass
class Answer:
    """An HTTP answer; ``body`` is bytes, text, or anything else to be sent as JSON.

    ``after`` holds it back for so many seconds (``NEVER``: until the server stops). ``cut`` closes the connection
    after so many bytes of the body, ``stall`` keeps it open and says nothing more. ``endless`` repeats the body,
    chunked, for as long as the client reads; ``opening`` comes once before that.
    """

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0
    cut: int | None = None
    stall: int | None = None
    endless: bool = False
    opening: bytes = b""

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    @property
    def content_type(self) -> str:
        return "text/html" if isinstance(self.body, bytes | str) else "application/json"


Routes = Mapping[str, Answer | list[Answer]]


def http(*answers: Answer, routes: Routes | None = None) -> Move:
    """Answer HTTP requests, on every connection, for as long as the client keeps it.

    ``routes`` maps ``METHOD /path`` (without the query) to an answer, or to answers in turn; every other request
    gets ``answers`` in turn. The last of a turn stays.
    """
    turns = {path: list(turn) if isinstance(turn, list) else [turn] for path, turn in (routes or {}).items()}
    others = list(answers) or [Answer(404)]
    lock = threading.Lock()

    def choose(request: Request) -> Answer:
        turn = turns.get(f"{request.method} {request.path.partition('?')[0]}", others)
        with lock:
            return turn.pop(0) if len(turn) > 1 else turn[0]

    return answering(choose)


def answering(choose: Callable[[Request], Answer]) -> Move:
    """Answer each HTTP request as ``choose`` says, on every connection, for as long as the client keeps it."""

    def serve(connection: Connection) -> None:
        _Http(connection, choose)

    return serve


class _Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, connection: Connection, choose: Callable[[Request], Answer]) -> None:
        self._connection = connection
        self._choose = choose
        super().__init__(connection.sock, ("127.0.0.1", 0), None)  # type: ignore[arg-type]

    def do_request(self) -> None:
        body = self._read_body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        self._connection.requests.append(request)
        answer = self._choose(request)
        if answer.after:
            self._connection.stopping.wait(answer.after)
        self._send_head(answer)
        if answer.endless:
            self._send_for_ever(answer.opening, answer.content)
        elif self.command != "HEAD":
            self.wfile.write(answer.content[: answer.cut if answer.stall is None else answer.stall])
        if answer.stall is not None:
            self._connection.stopping.wait()
        self.close_connection = self.close_connection or answer.cut is not None

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_request  # noqa: N815 - names set by http.server

    def _read_body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            """Trailers are not looked at."""
        return body

    def _send_head(self, answer: Answer) -> None:
        framing = {"Transfer-Encoding": "chunked"} if answer.endless else {"Content-Length": str(len(answer.content))}
        self.send_response(answer.status)
        given = {name.title(): value for name, value in answer.headers.items()}
        for name, value in {"Content-Type": answer.content_type, **framing, **given}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_for_ever(self, opening: bytes, content: bytes) -> None:
        part = opening or content or b" "  # a chunk of no bytes would be the end
        while not self._connection.stopping.is_set():
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            part = content or b" "

    def log_message(self, *_: object) -> None:
        """Stay silent."""
