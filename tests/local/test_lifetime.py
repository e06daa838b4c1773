"""The embedded platform ends with the process that started it, whichever way that ends, and never before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pytest_floe.local import state
from pytest_floe.local.platform import LocalPlatform
from pytest_floe.local.state import StateFolder
from tests.local.waiting import eventually

GONE_WITHIN = 15.0
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, or needs Linux's PR_SET_PDEATHSIG")
#: Starts the platform, says what it started, and at Ctrl-C asks every server for an answer.
OWNER = """
import json, signal, httpx, psycopg
from pytest_floe.local.platform import LocalPlatform

with LocalPlatform() as platform:
    said = platform.environment()
    try:
        print(json.dumps(said["duckdb"]["path"]), flush=True)
        signal.pause()
    except KeyboardInterrupt:
        assert httpx.get(said["catalog_uri"]).status_code == 404
        assert httpx.get(said["s3"]["endpoint"]).status_code == 403
        psycopg.connect(
            host=said["postgres_host"], port=said["postgres_port"], dbname=said["postgres_database"],
            user=said["postgres"]["user"], password=said["postgres"]["password"].get_secret_value(),
        ).close()
        print("all of them answer", flush=True)
"""


class Owner:
    """Another process that runs the platform."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout
        self.folder = Path(json.loads(self.process.stdout.readline())).parents[1]
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def all_gone(self) -> bool:
        _, alive = psutil.wait_procs(self.children, timeout=GONE_WITHIN)
        return not alive and eventually(lambda: not self.folder.exists())

    def end(self) -> None:
        for process in (self.process, *self.children):
            if process.poll() is None if isinstance(process, subprocess.Popen) else process.is_running():
                process.kill()
        self.process.communicate()


@pytest.fixture
def owner() -> Iterator[Owner]:
    running = Owner()
    yield running
    running.end()


def test_killed_without_warning_it_leaves_no_process_and_no_folder(owner: Owner) -> None:
    assert {"postgres"} <= {child.name() for child in owner.children}
    owner.process.kill()
    assert owner.all_gone()


@needs_linux
@pytest.mark.parametrize(
    "far", ["serve\0s3", "serve\0catalog", "initdb", "--single"], ids=["s3", "catalog", "initdb", "single-user"]
)
def test_killed_while_it_starts_it_leaves_nothing_either(far: str) -> None:
    """``far`` is in the command line of the process at whose sight the owner is killed."""
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o711)
        process = subprocess.Popen([sys.executable, "-c", OWNER], env={**os.environ, "TMPDIR": temporary})
        assert eventually(lambda: any(far in command for command in _commands(temporary)))
        process.kill()
        process.wait()
        assert eventually(lambda: not _commands(temporary))
        assert list(Path(temporary).iterdir()) == []


@needs_linux
def test_a_process_that_it_forked_does_not_keep_its_servers_alive(owner: Owner) -> None:
    """Such a process holds the other end of every pipe."""
    pipe_ends = [fd for fd in Path(f"/proc/{owner.process.pid}/fd").iterdir() if _is_pipe(fd)]
    held = [os.open(end, os.O_WRONLY) for end in pipe_ends if _writable(owner.process.pid, end.name)]
    assert held
    try:
        owner.process.kill()
        assert owner.all_gone()
    finally:
        for descriptor in held:
            os.close(descriptor)


@needs_linux
def test_a_killed_supervisor_takes_its_postgres_along(owner: Owner) -> None:
    postgres = [child for child in owner.children if child.name() == "postgres"]
    supervisors = {child.ppid() for child in postgres} - {child.pid for child in postgres}
    for pid in supervisors:
        os.kill(pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(postgres, timeout=GONE_WITHIN)
    assert not alive


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(owner: Owner) -> None:
    os.killpg(owner.process.pid, signal.SIGINT)
    said, _ = owner.process.communicate(timeout=GONE_WITHIN)
    assert said.strip() == "all of them answer"
    assert owner.all_gone()


def test_a_signal_to_every_process_of_the_job_leaves_the_servers_to_the_clean_up(owner: Owner) -> None:
    python = [child for child in owner.children if child.name() != "postgres"]
    for child in python:
        child.send_signal(signal.SIGTERM)
    owner.process.send_signal(signal.SIGINT)
    said, _ = owner.process.communicate(timeout=GONE_WITHIN)
    assert said.strip() == "all of them answer"
    assert owner.all_gone()


def test_a_start_removes_what_a_crashed_run_left_and_nothing_of_a_live_one(platform: LocalPlatform) -> None:
    live = Path(platform.environment()["duckdb"]["path"]).parents[1]
    crashed = Path(tempfile.mkdtemp(prefix=state.PREFIX))
    (crashed / "postgres").mkdir()
    (crashed / "postgres" / "data").write_text("left")
    StateFolder.create().leave()
    assert not crashed.exists()
    assert live.is_dir()


def test_a_folder_stays_until_the_last_process_of_its_run_leaves(tmp_path: Path) -> None:
    path = tmp_path / f"{state.PREFIX}run"
    path.mkdir()
    first, second = StateFolder(path), StateFolder(path)
    first.leave()
    assert path.is_dir()
    assert state.sweep(tmp_path) == []
    second.leave()
    assert not path.exists()


def test_a_sweep_follows_no_links_and_looks_at_its_own_folders_only(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / f"{state.PREFIX}link").symlink_to(precious)
    (tmp_path / f"{state.PREFIX}file").write_text("not a folder")
    assert state.sweep(tmp_path) == []
    assert precious.is_dir()


def _commands(temporary: str) -> list[str]:
    """Command lines of a run that keeps its state in this folder, whoever the parent of its processes is by now."""
    seen = [_seen(Path("/proc") / str(pid)) for pid in psutil.pids()]
    return [command for command, belongs_to in seen if temporary in belongs_to]


def _seen(process: Path) -> tuple[str, str]:
    try:
        return (process / "cmdline").read_text(), f"{(process / 'environ').read_text()} {(process / 'cwd').readlink()}"
    except OSError:  # it ended meanwhile, or is another user's
        return "", ""


def _is_pipe(descriptor: Path) -> bool:
    return str(descriptor.readlink()).startswith("pipe:")


def _writable(pid: int, descriptor: str) -> bool:
    flags = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().split("flags:")[1].split()[0]
    return bool(int(flags, 8) & os.O_WRONLY)
