"""What every SDK that speaks through ``requests`` is held to: no redirects, and answers bounded in time and size.

Left alone, SDKs follow a login page, credentials and all, and read an answer without end until memory is full.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from pytest_floe import Finding

from .rest import bounded, elsewhere


def adapter(
    requests: ModuleType,
    remaining: Callable[[], float],
    ca_file: Path | None = None,
    timeout: Callable[[Any], float] | None = None,
) -> Any:
    """Return an adapter to mount on a session; no answer takes longer to read than ``remaining`` seconds.

    It trusts only the authorities in ``ca_file``, if given; ``timeout`` gives each request its time-out in seconds, if
    the SDK's own will not do. Raises Finding for what no service answers.
    """

    class Guarded(requests.adapters.HTTPAdapter):  # type: ignore[misc, name-defined]
        def send(self, request: Any, **options: Any) -> Any:
            if ca_file:  # on the session it would be overruled by the variable REQUESTS_CA_BUNDLE
                options["verify"] = str(ca_file)
            if timeout:
                options["timeout"] = timeout(request)
            until = time.monotonic() + remaining()
            answer = super().send(request, **options)
            if answer.is_redirect:
                answer.close()
                raise elsewhere(answer.status_code, answer.headers["location"], origin(request.url))
            bound(answer.raw, origin(request.url), until)
            return answer

    return Guarded()


def session(requests: ModuleType, guard: Any) -> Any:
    """Return a session that sends everything through ``guard``."""
    made = requests.Session()
    mount(made, guard)
    return made


def mount(session: Any, guard: Any) -> None:
    """Send everything that ``session`` asks through ``guard``."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, guard)


def bound(raw: Any, where: str, until: float) -> None:
    """Bound what is read of ``raw``, an answer of urllib3, in size and by the monotonic time ``until``."""
    stream = raw.stream

    def limited(*given: Any, **named: Any) -> Iterator[bytes]:
        try:
            yield from bounded(stream(*given, **named), where, until)
        except (Finding, TimeoutError):
            raw.close()
            raise

    raw.stream = limited


def origin(url: str) -> str:
    """Return scheme, host and port of ``url``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
