"""Fetches and builds all programs of the servers, as the fixtures would: ``python -m tests.servers.prepare``.

Needs ``pytest`` and ``platformdirs`` and none of the project's requirements, so that a new machine can do this while
it installs those. What can't be had is said; whether that matters, the tests decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.servers import programs
from tests.servers.providers import Unavailable

#: What computes, and what mostly waits for the network: one of each at a time.
QUEUES: tuple[tuple[Callable[[], Path], ...], ...] = (
    (programs.minio, programs.fake_gcs_server),
    (programs.trino, programs.keycloak, programs.nessie, programs.azurite, programs.bqemulator, programs.fakesnow),
)


def main() -> None:
    """Work through the queues at once, and say how long each program took."""
    with ThreadPoolExecutor(len(QUEUES)) as pool:
        for done in [pool.submit(_work_through, queue) for queue in QUEUES]:
            done.result()


def _work_through(queue: tuple[Callable[[], Path], ...]) -> None:
    for program in queue:
        begin = time.monotonic()
        try:
            said = str(program())
        except Unavailable as reason:
            said = f"not to be had: {reason}"
        print(f"{program.__name__:16} {time.monotonic() - begin:4.0f} s  {said}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
