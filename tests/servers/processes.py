"""Server processes: started behind a guard, ready when a condition holds, gone when the block or the session ends."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil

from tests.servers import guard

READY_WITHIN = 60.0


class Process:
    """A server's process and what it said."""

    def __init__(self, command: list[str], guarded: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self._command = command
        self._guarded = guarded
        self._log = log

    def wait_until(self, is_ready: Callable[[], bool], within: float = READY_WITHIN) -> None:
        """Wait until the condition holds; raises RuntimeError with the end of the log if it ends or takes too long."""
        deadline = time.monotonic() + within
        while not is_ready():
            if self._guarded.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._command[0]} did not come up: {self.said()[-3000:]}")
            time.sleep(0.05)

    def said(self) -> str:
        """Return all that it wrote."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def servers(self) -> list[int]:
        """Return the ids of the processes behind the guard."""
        return [child.pid for child in psutil.Process(self._guarded.pid).children()]

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        if self._guarded.stdin:
            self._guarded.stdin.close()
        self._guarded.wait(2 * guard.STOP_WITHIN)


@contextmanager
def started(command: list[str | Path], env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Start a server, and stop it at the end of the block; it need not be ready yet."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as log:
        guarded = subprocess.Popen(
            [sys.executable, "-S", guard.__file__, *words],
            env=env,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        process = Process(words, guarded, log)
        try:
            yield process
        finally:
            process.stop()


@contextmanager
def running(command: list[str | Path], ready: str, env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run a server until the end of the block, from when it answers at the URL ``ready``, whatever it answers."""
    with started(command, env) as process:
        process.wait_until(lambda: answers(ready))
        yield process


def answers(url: str) -> bool:
    """Tell whether a web server answers at ``url``, whatever it answers."""
    return _status(url) is not None


def healthy(url: str) -> bool:
    """Tell whether a web server answers at ``url`` that all is well."""
    return _status(url) == HTTPStatus.OK


def _status(url: str) -> int | None:
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # a bad certificate may be what a test is about
    try:
        with urlopen(url, timeout=5, context=trust) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return None


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
