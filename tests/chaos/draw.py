"""What happens in a run: drawn at random, and the same for the same seed and number."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

from tests.chaos.path import Misbehaviour
from tests.chaos.platform import SERVICES, WRONG

#: About as many exchanges as a run without faults has, on one path and on all.
ON_ONE_PATH, ON_ALL_PATHS = 12, 34
SECONDS = 15.0
PATIENCE = 30.0  # where a run has its drivers yet to import, beside others that do the same


def _answer(status: bytes, body: bytes = b"") -> bytes:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: text/html\r\nRetry-After: 1\r\nConnection: close\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


_HTTP = {
    "403": _answer(b"403 Forbidden", b"denied"),
    "500": _answer(b"500 Internal Server Error"),
    "503": _answer(b"503 Service Unavailable"),
    "login page": _answer(b"200 OK", b"<html>Log in!</html>"),
}


def _error(state: bytes, text: bytes) -> bytes:
    """Return PostgreSQL's ErrorResponse, after which it hangs up."""
    fields = b"SFATAL\0VFATAL\0C" + state + b"\0M" + text + b"\0\0"
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


_POSTGRES = {
    "too many clients": _error(b"53300", b"sorry, too many clients already"),
    "shutting down": _error(b"57P01", b"terminating connection due to administrator command"),
    "starting up": _error(b"57P03", b"the database system is starting up"),
}
_ANSWERS = {"storage": _HTTP, "catalog": _HTTP, "postgres": _POSTGRES}

#: Faults of grants and states, each as what is done to the platform; see Trial.
_REVOKED = {
    "storage": ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:"),
    "catalog": ("reader", "keeper", "nobody"),
    "postgres": (
        "REVOKE CONNECT ON DATABASE floe FROM loader",
        "REVOKE USAGE ON SCHEMA public FROM loader",
        "REVOKE CREATE ON SCHEMA public FROM loader",
        "ALTER ROLE loader NOLOGIN",
        "ALTER ROLE loader CONNECTION LIMIT 0",
        "ALTER ROLE loader VALID UNTIL 'yesterday'",
        "ALTER ROLE loader SET default_transaction_read_only = on",
    ),
}
_FILES = ("locked", "corrupt", "no directory", "a directory", "no database")
_CREDENTIALS = dict(zip(SERVICES, ("FLOE_S3", "FLOE_CATALOG", "FLOE_PG"), strict=True))


@dataclass(frozen=True)
class Fault:
    """One fault of a service. ``kind`` is its class, ``what`` the exact thing.

    ``at`` is the exchange on the service's own path before which it begins (0: from the start).
    """

    service: str
    kind: Literal["path", "grant", "credentials", "suspended", "killed", "file"]
    what: str
    at: int = 0
    misbehaviour: Misbehaviour | None = None


@dataclass(frozen=True)
class Kill:
    """A signal to ``victims`` before exchange ``at`` of all paths; with ``again`` another, some exchanges later."""

    victims: tuple[str, ...]
    signal: Literal["KILL", "TERM", "INT"]
    at: int
    again: bool = False


@dataclass(frozen=True)
class Draw:
    """All that is particular to one run."""

    number: int
    faults: tuple[Fault, ...]
    kill: Kill | None
    options: tuple[str, ...]
    fresh: bool
    has_database: bool
    wait: float
    strict: bool = False
    deadline: int = 0
    workers: int = 0
    stops_early: bool = False
    only: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def bound(self) -> float:
        """Seconds after which the run must have ended, however loaded the machine is."""
        return 90 + self.wait + 2 * PATIENCE

    def of(self, service: str) -> list[Fault]:
        """Return the faults of ``service`` itself."""
        return [fault for fault in self.faults if fault.service == service]

    def __str__(self) -> str:
        faults = [f"{fault.service}: {fault.kind} {fault.what} at {fault.at}" for fault in self.faults]
        kill = [f"{self.kill.signal} to {' and '.join(self.kill.victims)} at {self.kill.at}"] if self.kill else []
        return f"{self.number}: {'; '.join([*faults, *kill]) or 'no fault'}; {' '.join(self.options)}"


def draw(seed: int, number: int) -> Draw:
    """Return run ``number`` of ``seed``."""
    dice = random.Random(f"{seed}:{number}")
    hit = dice.sample([*SERVICES, "compute"], dice.choices((0, 1, 2, 3), (3, 5, 3, 1))[0])
    faults = tuple(_fault(dice, service) for service in hit)
    workers = 2 if dice.random() < 0.05 else 0
    fresh = dice.random() < 0.02
    seconds = PATIENCE if workers or fresh else SECONDS
    kill = _kill(dice, workers) if dice.random() < 0.4 else None
    wait = dice.choice((2.0, 4.0)) if dice.random() < 0.15 else 0.0
    deadline = dice.choice((1, 1, 2, 3)) if dice.random() < 0.08 else 0
    strict, stops_early = dice.random() < 0.15, dice.random() < 0.15
    only = dice.choice(SERVICES) if dice.random() < 0.05 else ""
    options = [
        "--floe-env=chaos", f"--floe-timeout={seconds:.0f}", "--floe-slow=60000",
        *(["-n", str(workers)] if workers else []),
        *([f"--floe-wait={wait:.0f}"] if wait else []),
        *(["--floe-strict"] if strict else []),
        *(["-x"] if stops_early else []),
        *([f"--floe-check={only}"] if only else []),
        *([f"--floe-deadline={deadline}"] if deadline else []),
        *(["--floe-termination-log=termination.log"] if dice.random() < 0.3 else []),
        *(["--junitxml=junit.xml"] if dice.random() < 0.3 else []),
        *(["--html=report.html", "--self-contained-html"] if dice.random() < 0.2 else []),
        *(["-rA", "-l", "--tb=long", "-o", "log_cli=true", "-o", "log_cli_level=DEBUG"] if dice.random() < 0.2 else []),
    ]  # fmt: skip
    wrong = {
        _CREDENTIALS[fault.service]: WRONG[_CREDENTIALS[fault.service]]
        for fault in faults
        if fault.kind == "credentials"
    }
    return Draw(
        number, faults, kill, tuple(options), fresh, dice.random() < 0.5, wait,
        strict, deadline, workers, stops_early, only, wrong,
    )  # fmt: skip


def _fault(dice: random.Random, service: str) -> Fault:
    if service == "compute":
        return Fault("compute", "file", dice.choice(_FILES))
    kind = dice.choices(("path", "grant", "credentials", "suspended", "killed"), (12, 4, 1.5, 1.5, 0.6))[0]
    at = 0 if dice.random() < 0.3 else dice.randint(1, ON_ONE_PATH)
    if kind == "path":
        return _on_path(dice, service)
    if kind == "grant":
        return Fault(service, kind, dice.choice(_REVOKED[service]), 0 if service == "catalog" else at)
    if kind == "credentials":
        return Fault(service, kind, "wrong")
    return Fault(service, kind, "the server", at)


def _on_path(dice: random.Random, service: str) -> Fault:
    kind = dice.choice(("refuse", "hang", "drop", "garbage", "cut", "slow", "answer", "answer", "answer"))
    what, answer = dice.choice(sorted(_ANSWERS[service].items()))
    at = 1 if kind == "refuse" else dice.randint(1, ON_ONE_PATH)
    told = Misbehaviour(
        kind, at, sticky=dice.random() < 0.6, after=dice.choice((0, 1, 20, 200)), seconds=dice.choice((0.01, 0.1, 0.4)),
        answer=answer if kind == "answer" else b"",
    )  # fmt: skip
    return Fault(service, "path", f"{kind} {what}" if kind == "answer" else kind, at, told)


def _kill(dice: random.Random, workers: int) -> Kill:
    at = dice.randint(1, ON_ALL_PATHS)
    victims: tuple[tuple[str, ...], ...] = (("controller",), ("controller",), ("watchdog",), ("controller", "watchdog"))
    chosen = dice.choice((*victims, *((("worker",),) * 3 if workers else ())))
    if chosen == ("watchdog",) or len(chosen) > 1:
        return Kill(chosen, "KILL", at)
    signal = dice.choice(("KILL", "TERM", "INT")) if chosen == ("controller",) else dice.choice(("KILL", "TERM"))
    return Kill(chosen, signal, at, again=signal == "INT" and dice.random() < 0.4)
