"""The proxies that the environment sets, as the SDKs understand them, and the way through one (RFC 9110, 9.3.6)."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from pytest_floe.diagnosis import Finding

_USUAL_PORT = 80
_LARGEST_HEAD = 65536
_OK = 200
_UNREACHABLE = ("connect.unreachable", "{where}")
_DENIED = ("authorize.denied", "the way to {where} at the proxy {proxy}, or name its host in no_proxy")
#: What the statuses of a proxy mean that does not lead where it should, and what is to be done about.
_REFUSALS = {
    403: _DENIED,
    405: _DENIED,
    407: ("authenticate.rejected", "{variable}, for the proxy {proxy}"),
    502: _UNREACHABLE,
    503: _UNREACHABLE,
    504: _UNREACHABLE,
}


@dataclass(frozen=True)
class Proxy:
    """A proxy, and the variable that names it; ``speaks_http`` tells whether it is asked in plain HTTP."""

    host: str
    port: int
    variable: str
    login: str | None = None
    speaks_http: bool = True

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def lead(self, plain: socket.socket, where: str) -> None:
        """Have the proxy at the other end of ``plain`` lead to ``where``, host:port.

        Raises Finding if it does not, and OSError.
        """
        login = f"Proxy-Authorization: Basic {self.login}\r\n" if self.login else ""
        plain.sendall(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n{login}\r\n".encode())
        status = _answered(plain)
        if status == _OK:
            return
        said = f"the proxy {self.address} does not lead to {where}: {f'HTTP {status}' if status else 'no HTTP'}"
        cause, subject = _REFUSALS.get(status or 0, ("operate.unexpected_response", "{proxy}"))
        raise Finding(cause, said, subject.format(where=where, proxy=self.address, variable=self.variable))


def proxy_for(scheme: str, host: str) -> Proxy | None:
    """Return the proxy that the environment sets for ``host``, if it does.

    Raises Finding for one that is no URL, without showing it: what hinders is mostly its password.
    """
    proxy = urllib.request.getproxies().get(scheme)
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    variable = f"{scheme}_proxy"
    behind = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    with contextlib.suppress(ValueError):
        if behind.hostname and "@" not in behind.path + behind.query + behind.fragment:
            port = behind.port or _USUAL_PORT
            return Proxy(behind.hostname, port, variable, _basic(behind), speaks_http=behind.scheme == "http")
    said = f"{variable} of the environment is no URL: in user and password, / # ? and @ must be percent-encoded"
    finding = Finding("config.invalid", said, f"{variable}: http://USER:PASSWORD@HOST:PORT")
    finding.step = "resolve"  # there is no name to resolve
    raise finding


@contextlib.contextmanager
def without_proxy(host: str) -> Iterator[None]:
    """Have ``host`` reached directly whatever the environment sets, in this process and in those it starts."""
    before = {name: os.environ.get(name) for name in ("no_proxy", "NO_PROXY")}
    exempt = before["no_proxy"] or before["NO_PROXY"]
    os.environ.update(dict.fromkeys(before, f"{exempt},{host}" if exempt else host))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def passwords() -> set[str]:
    """Return the passwords of the proxies in the environment, as they stand there, decoded, and as they are sent."""
    proxies = urllib.request.getproxies().values()
    logins = [login for proxy in proxies if (login := proxy.split("//", 1)[-1].rpartition("@")[0])]
    found = {form for login in logins for form in (login.partition(":")[2], unquote(login.partition(":")[2]))}
    return found | {_encoded(unquote(login)) for login in logins}


def _basic(behind: Any) -> str | None:
    if behind.username is None:
        return None
    return _encoded(f"{unquote(behind.username)}:{unquote(behind.password or '')}")


def _encoded(login: str) -> str:
    return base64.b64encode(login.encode()).decode()


def _answered(plain: socket.socket) -> int | None:
    """Read the head of an answer, and nothing beyond it; return its status, or None if it is no HTTP."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = plain.recv(1)
        if not byte or len(head) > _LARGEST_HEAD:
            return None
        head += byte
    line = head.split(b"\r\n")[0].split(b" ")
    is_http = line[0].startswith(b"HTTP/1.") and len(line) > 1 and line[1].isdigit()
    return int(line[1]) if is_http else None
