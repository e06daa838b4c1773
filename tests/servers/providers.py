"""Where a server comes from: an endpoint that was given, a container, or an installation of our own.

A fixture names its providers and takes the first that serves; the test never knows which it got. What serves is
limited by FLOE_TEST_SERVERS, a comma-separated list of ``endpoint``, ``container`` and ``native``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

T = TypeVar("T")
Provider = Callable[[], AbstractContextManager[T]]
ORDER = ("endpoint", "container", "native")


class Unavailable(Exception):  # noqa: N818 - not an error: the next provider is asked
    """A provider can't serve on this machine, and says what it looked for."""


@contextmanager
def first_that_serves(server: str, **providers: Provider[T]) -> Iterator[T]:
    """Yield what the first of ``providers`` yields (in the order of ``ORDER``), or skip, saying what was tried."""
    wanted = os.environ.get("FLOE_TEST_SERVERS", ",".join(ORDER)).split(",")
    tried = []
    with ExitStack() as stack:
        for way in sorted(providers, key=ORDER.index):
            if way not in wanted:
                tried.append(f"{way}: not in FLOE_TEST_SERVERS")
                continue
            try:
                served = stack.enter_context(providers[way]())
            except Unavailable as reason:
                tried.append(f"{way}: {reason}")
            else:
                yield served
                return
    pytest.skip(f"no {server}; tried {'; '.join(tried)}")


@dataclass(frozen=True)
class Given:
    """An endpoint that an environment variable names: ``scheme://user:password@host:port/path?option=value``."""

    url: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    options: dict[str, str] = field(default_factory=dict)

    @property
    def ca_file(self) -> Path | None:
        """The authorities to trust, from the option ``ca_file``."""
        return Path(self.options["ca_file"]) if "ca_file" in self.options else None


def given(variable: str) -> Given:
    """Return the endpoint that ``variable`` names; raises Unavailable where it is not set."""
    value = os.environ.get(variable)
    if not value:
        raise Unavailable(f"{variable} is not set")
    parts = urlsplit(value)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    host = parts.hostname or ""
    return Given(
        url=f"{parts.scheme}://{host}:{port}{parts.path}",
        host=host,
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        options=dict(parse_qsl(parts.query)),
    )
