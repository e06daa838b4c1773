"""PostgreSQL of the embedded platform.

PostgreSQL itself knows nothing of lifelines, so this process holds the lifeline and stops the server at its end. It
has one thread only: then Linux may be asked to stop the server too, should this process be killed.
"""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pytest_floe.local.configs import PostgresConfig
from pytest_floe.local.lifeline import LOOK_EVERY, Lifeline
from pytest_floe.local.postgres_files import account, hand_over, programs

_ATTEMPTS = 5  # another process may take a free port before PostgreSQL does
_POLL = 0.01
_STOP_WITHIN = 5.0
_PR_SET_PDEATHSIG = 1
#: What is written is thrown away with the folder: nothing needs to survive a crash of the machine.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, so that it goes with it
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "log_min_error_statement": "panic",  # statements may hold passwords
}
_Child = subprocess.Popen[bytes]


class Supervisor:
    """Makes a database cluster, runs its server, and stops it when the parent ends."""

    def __init__(self, lifeline: Lifeline, config: PostgresConfig) -> None:
        self._lifeline = lifeline
        self._config = config
        self._folder = lifeline.folder
        hand_over(self._folder)
        self._programs = programs(self._folder)
        self._data = self._folder / "data"
        self._child: _Child | None = None

    def serve(self) -> None:
        """Serve until the parent ends; raises RuntimeError if the server does not start or dies."""
        self._initialize()
        self._create_database()
        port = self._start()
        self._lifeline.ready(port)
        while self._alive():
            self._wait(LOOK_EVERY)
        raise RuntimeError("postgres ended by itself")

    def stop(self) -> None:
        """Stop whatever runs, at once."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.send_signal(signal.SIGQUIT)
        try:
            self._child.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _initialize(self) -> None:
        options = ("--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions")
        self._run("initdb", f"--pgdata={self._data}", f"--username={self._config.admin}", *options)
        hba = self._data / "pg_hba.conf"
        hba.write_text("\n".join(self._config.hba) + "\n")

    def _create_database(self) -> None:
        """Set passwords and make the database in single-user mode: no network before passwords are asked for."""
        config = self._config
        user, database = _quoted(config.user, '"'), _quoted(config.database, '"')
        script = (
            f"CREATE ROLE {user} LOGIN PASSWORD {_literal(config.password)}\n"
            f"CREATE DATABASE {database} OWNER {user}\n"
            f"ALTER ROLE {_quoted(config.admin, chr(34))} PASSWORD {_literal(config.admin_password)}\n"
        )
        options = ("-c", "exit_on_error=on", "-c", "fsync=off", "-c", "log_min_error_statement=panic")
        self._run("postgres", "--single", "-D", str(self._data), *options, "postgres", script=script)

    def _start(self) -> int:
        settings = {**_SETTINGS, **self._config.settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        for _ in range(_ATTEMPTS):
            port = _free_port()
            self._child = self._spawn("postgres", "-D", str(self._data), "-p", str(port), *options)
            while self._alive():
                if _says_ready(self._data):
                    return port
                self._wait(_POLL)
        raise RuntimeError("postgres does not start")

    def _run(self, program: str, *arguments: str, script: str = "") -> None:
        self._child = self._spawn(program, *arguments)
        assert self._child.stdin is not None  # noqa: S101 - a pipe was asked for
        self._child.stdin.write(script.encode())
        self._child.stdin.close()
        while self._alive():
            self._wait(_POLL)
        if self._child.returncode:
            raise RuntimeError(f"{program} failed with status {self._child.returncode}")

    def _spawn(self, program: str, *arguments: str) -> _Child:
        return subprocess.Popen(  # noqa: S603 - a program of the package we depend on
            [str(self._programs / program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            env={"LC_ALL": "C", "TZ": "UTC"},
            preexec_fn=_end_with_supervisor(),  # noqa: PLW1509 - this process has one thread
            **account(),
        )

    def _alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def _wait(self, seconds: float) -> None:
        if self._lifeline.cut(seconds):
            raise SystemExit


def _end_with_supervisor() -> Callable[[], None] | None:
    """Return what makes Linux stop a child when this process is killed; it has to run after the change of user."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _says_ready(data: Path) -> bool:
    """Tell whether the server accepts connections, from the status line of its postmaster.pid, as pg_ctl does."""
    try:
        return "ready" in (data / "postmaster.pid").read_text().split()
    except FileNotFoundError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace(quote, 2 * quote) + quote


def _literal(text: str) -> str:
    """Return ``text`` as an escape string constant on one line; in single-user mode a line ends a statement."""
    return "E" + _quoted(text.replace("\\", "\\\\").replace("\n", "\\n"), "'")


def serve(lifeline: Lifeline) -> None:
    """Serve until the parent ends."""
    supervisor = Supervisor(lifeline, PostgresConfig(**lifeline.config))
    try:
        supervisor.serve()
    finally:
        supervisor.stop()
        lifeline.leave()
