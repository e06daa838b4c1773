"""Starting and stopping the embedded servers, each in a process of its own; seen from the pytest process."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from pytest_floe.local.configs import ServerConfig
from pytest_floe.local.state import StateFolder

HOST = "127.0.0.1"
START_WITHIN = 60.0
_STOP_WITHIN = 10.0
_CORRECT = "correct what it says, or declare an environment 'local' of your own in floe.yaml"
_TAIL_LINES = 5
#: Lines of a traceback that only its author needs.
_FRAME = ("  ", "Traceback ", "The above exception ", "During handling ")
#: The user's own settings of AWS, PostgreSQL, PyIceberg or proxies must not reach the servers, nor their secrets.
_INHERITED = (
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONDONTWRITEBYTECODE",
)


class StartError(Exception):
    """An embedded service did not start: ``service``, what it ``said``, and the ``remedy``."""

    def __init__(self, service: str, said: str, remedy: str) -> None:
        super().__init__(service, said, remedy)
        self.service = service
        self.said = said
        self.remedy = remedy

    def __str__(self) -> str:
        return f"the embedded {self.service} did not start: {self.said}; remedy: {self.remedy}"


class Server:
    """A server's process. It lives in a session of its own, so that Ctrl-C in the terminal does not reach it."""

    def __init__(self, config: ServerConfig, state: StateFolder) -> None:
        self.name = config.module
        self._folder = state.path / self.name
        self._folder.mkdir(mode=0o700)
        self._log = state.path / f"{self.name}.log"
        listener = socket.create_server((HOST, 0), backlog=128) if config.shares_socket else None
        self._port: int | None = listener.getsockname()[1] if listener else None
        try:
            self._process = self._spawn(listener)
            self._order(config, listener)
        finally:
            if listener:
                listener.close()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1; known at once for a shared socket, otherwise after ``wait_ready``."""
        if self._port is None:
            raise RuntimeError(f"{self.name} has not said its port yet")
        return self._port

    @property
    def pid(self) -> int:
        """The process that serves, or that watches over the one that does."""
        return self._process.pid

    def wait_ready(self, deadline: float) -> None:
        """Wait until it serves; raises StartError if it ends, or if ``deadline`` (monotonic clock) passes."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise StartError(
                self.name, f"not ready in time; {self._tail()}", "give this machine more time or less load"
            )
        line = self._process.stdout.readline()
        if not line:
            raise self._death()
        self._port = json.loads(line)["port"] or self._port

    def ask_to_stop(self) -> None:
        """Cut its lifeline."""
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def wait_stopped(self, deadline: float) -> None:
        """Wait until it has ended; after ``deadline`` (monotonic clock) end it by force."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _spawn(self, listener: socket.socket | None) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with os.fdopen(os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own module
                # -P: a moto.py in the user's working directory is not ours
                [sys.executable, "-P", "-m", "pytest_floe.local.serve", self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                pass_fds=[listener.fileno()] if listener else [],
                start_new_session=True,
            )

    def _order(self, config: ServerConfig, listener: socket.socket | None) -> None:
        order = {
            "config": asdict(config),
            "folder": str(self._folder),
            "descriptor": listener.fileno() if listener else None,
        }
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        with suppress(BrokenPipeError):  # it died already; wait_ready says why
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def _death(self) -> StartError:
        said = self._tail()
        if "ModuleNotFoundError" in said:
            return StartError(self.name, said.splitlines()[-1], "run: pip install 'pytest-floe[local]'")
        return StartError(self.name, said, _CORRECT)

    def _tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        said = [line for line in lines if line.strip() and not line.startswith(_FRAME)]
        return "\n".join(said[-_TAIL_LINES:]) or "it said nothing"


def stop(servers: list[Server]) -> None:
    """Stop all of them at once; returns when the last has ended."""
    deadline = time.monotonic() + _STOP_WITHIN
    for server in servers:
        server.ask_to_stop()
    for server in servers:
        server.wait_stopped(deadline)


@contextmanager
def running(config: ServerConfig) -> Iterator[Server]:
    """Run one server by itself, ready on entry, in a state folder of its own; raises StartError."""
    state = StateFolder.create()
    try:
        server = Server(config, state)
        try:
            server.wait_ready(time.monotonic() + START_WITHIN)
            yield server
        finally:
            stop([server])
    finally:
        state.leave()
