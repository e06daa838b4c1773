"""Official images through testcontainers, where an engine runs and the image is there or can be pulled."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from docker.errors import DockerException, ImageNotFound
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient, get_docker_host

from tests.servers.providers import Unavailable

ANSWERS_WITHIN = 5  # seconds; an engine that is there answers at once
READY_WITHIN = 180.0


@contextmanager
def running(image: str, **options: Any) -> Iterator[DockerContainer]:
    """Run ``image`` until the end of the block, with ``options`` of DockerContainer; raises Unavailable."""
    _require(image)
    container = DockerContainer(image, **options)
    try:
        try:
            container.start()
        except DockerException as error:
            raise Unavailable(f"{image} does not start: {error}") from error
        yield container
    finally:
        container.stop()


def address(container: DockerContainer, port: int) -> str:
    """Return host and port behind which ``port`` of the container lies."""
    return f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"


def wait_until(is_ready: Callable[[], bool], container: DockerContainer) -> None:
    """Wait until the condition holds; raises RuntimeError with the end of the container's log."""
    deadline = time.monotonic() + READY_WITHIN
    while not is_ready():
        if time.monotonic() > deadline:
            said = b"".join(container.get_logs()).decode(errors="replace")
            raise RuntimeError(f"{container.image} is not ready: {said[-3000:]}")
        time.sleep(0.1)


def _require(image: str) -> None:
    _require_engine(get_docker_host() or "unix:///var/run/docker.sock")
    try:
        engine = DockerClient(timeout=ANSWERS_WITHIN).client
    except DockerException as error:
        raise Unavailable(f"no container engine answers: {error}") from error
    try:
        engine.images.get(image)
    except ImageNotFound:
        _pull(image)
    finally:
        engine.close()


def _require_engine(where: str) -> None:
    """Look for the engine's socket before docker does, which leaves its end open where nothing listens."""
    scheme, _, path = where.partition("://")
    if scheme == "unix":
        try:
            with socket.socket(socket.AF_UNIX) as engine:
                engine.connect(path)
        except OSError as error:
            raise Unavailable(f"no container engine at {where}: {error.strerror}") from error


def _pull(image: str) -> None:
    engine = DockerClient().client
    try:
        engine.images.pull(image)
    except DockerException as error:
        raise Unavailable(f"the engine can't pull {image}: {error}") from error
    finally:
        engine.close()
