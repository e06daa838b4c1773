"""How much a preflight run takes beyond its slowest check, and what the plugin costs a run that does not use it.

    python benchmarks/preflight.py

Everything is measured in one run on one machine: whole pytest processes against checks that wait for a real TCP
server to answer after a set time. Ratios are what counts; the targets are printed beside them.
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from pytest_floe import Probe
from pytest_floe.registry import find

KIND = """
from pytest_floe import Plan, Settings, check, setting


class SlowSettings(Settings):
    port: int = setting(description="Where the server listens.")
    seconds: float = setting(description="How long it takes to answer.")


@check("slow", "slow", settings=SlowSettings, plan=lambda s: Plan(f"127.0.0.1:{s.port}"))
def verify(settings, probe):
    import socket

    with probe.step("operate"), socket.create_connection(("127.0.0.1", settings.port)) as connection:
        connection.sendall(f"{settings.seconds}\\n".encode())
        assert connection.recv(2) == b"ok"
"""

ORDINARY = """
import os
import pathlib
import sys


def test_nothing():
    pathlib.Path(os.environ["MODULES"]).write_text(" ".join(sys.modules))
"""

LIBRARIES = (
    "trino", "snowflake", "google", "duckdb", "boto3", "botocore", "azure", "httpx", "psycopg", "pydantic", "jinja2",
    "yaml", "numpy", "pyarrow", "faker", "hypothesis",
)  # fmt: skip

PLUGIN_ROUNDS = 25


class SlowServer:
    """Answers ``ok`` as many seconds after a connection as it is asked for."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._ready.wait()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(float(await reader.readline()))
        writer.write(b"ok")
        await writer.drain()
        writer.close()


def preflight(folder: Path, port: int, count: int, seconds: float) -> float:
    """Return the wall time in seconds of a preflight run over ``count`` targets that take ``seconds`` each."""
    targets = "".join(
        f"      - {{service: slow, kind: slow, name: t{n}, port: {port}, seconds: {seconds}}}\n" for n in range(count)
    )
    (folder / "conftest.py").write_text(KIND)
    (folder / "floe.yaml").write_text(f"environments:\n  bench:\n    targets:\n{targets}")
    command = [sys.executable, "-m", "pytest", "--floe-env=bench", "--floe-slow=60000", "-q", "-p", "no:cacheprovider"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - started
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return taken


def sequentially(port: int, count: int, seconds: float) -> float:
    """Return the wall time in seconds of the same checks one after the other, without pytest."""
    exec(KIND, {"__name__": "bench"})
    kind = find("slow")
    settings = kind.settings.model_validate({"port": port, "seconds": seconds})
    started = time.perf_counter()
    for _ in range(count):
        kind.run(settings, Probe(endpoint="bench"))
    return time.perf_counter() - started


def cost_when_unused(folder: Path) -> tuple[float, float, set[str]]:
    """Return the median wall times in milliseconds of a run without and with the plugin, taken in turns.

    And the libraries, of those that checks and reports need, that only the run with the plugin has loaded.
    """
    (folder / "test_ordinary.py").write_text(ORDINARY)
    # Other plugins of the environment take hundreds of milliseconds, in which ours would be lost.
    others = ("cacheprovider", "hypothesispytest", "faker", "html", "metadata", "xdist", "xdist.looponfail", "anyio")
    blocked = [option for name in others for option in ("-p", f"no:{name}")]
    command = [sys.executable, "-m", "pytest", "-q", "--noconftest", *blocked]
    times: dict[str, list[float]] = {"without": [], "with": []}
    loaded: dict[str, set[str]] = {}
    for _ in range(PLUGIN_ROUNDS):
        for which, options in (("without", ["-p", "no:floe"]), ("with", [])):
            environment = os.environ | {"MODULES": str(folder / which)}
            started = time.perf_counter()
            subprocess.run([*command, *options], cwd=folder, capture_output=True, env=environment, check=True)
            times[which].append((time.perf_counter() - started) * 1000)
            loaded[which] = set((folder / which).read_text().split())
    extra = {name for name in loaded["with"] - loaded["without"] if name in LIBRARIES}
    return statistics.median(times["without"]), statistics.median(times["with"]), extra


def row(what: str, value: str, target: str = "") -> None:
    print(f"{what:<62} {value:>12}  {target}")


def main() -> None:
    server = SlowServer()
    print(f"{platform.platform()}, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        preflight(folder, server.port, 1, 0.0)  # the first run compiles what the others only load
        one, eight = (preflight(folder, server.port, count, 1.0) for count in (1, 8))
        row("1 target of 1 s", f"{one:.2f} s")
        row("8 targets of 1 s each", f"{eight:.2f} s")
        row("  ratio", f"{eight / one:.2f}", "at most 1.5")
        one, many = (preflight(folder, server.port, count, 0.5) for count in (1, 200))
        row("1 target of 0.5 s", f"{one:.2f} s")
        row("200 targets of 0.5 s each", f"{many:.2f} s")
        row("  ratio", f"{many / one:.2f}", "at most 12")
        row("the same 200 in a sequential loop, without pytest", f"{sequentially(server.port, 200, 0.5):.2f} s")
        without, with_plugin, extra = cost_when_unused(folder)
        row("pytest -p no:floe, one empty test", f"{without:.1f} ms")
        row("pytest with the plugin, not used", f"{with_plugin:.1f} ms")
        row("  difference", f"{with_plugin - without:.1f} ms", "at most 15")
        row("  SDKs and libraries loaded by it", ", ".join(sorted(extra)) or "none", "none")


if __name__ == "__main__":
    main()
