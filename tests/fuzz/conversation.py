"""What a service answered to a check once, played back: with today's names of canaries, and at today's address."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.faults.server import Answer, Request

FOLDER = Path(__file__).with_name("recordings")
BASE = "{base}"
_CANARY = re.compile(r"floe-preflight-\d{8}t\d{6}z-[0-9a-f]{8}-[0-9a-f]{8}-([a-z0-9-]+)")
_OF_THE_DAY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b\d{9,}\b")
_SQL = re.compile(r'"(?:sqlText|query)": ?"((?:[^"\\]|\\.)*)"')
_PAGE = re.compile(r"^GET /v1/statement/\w+/(\w+)/")
_NOT_KEPT = {"date", "server", "connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive"}


@dataclass(frozen=True)
class Said:
    """One answer, and ``key``, what it was asked by."""

    key: str
    status: int
    headers: dict[str, str]
    body: str
    is_text: bool = True

    @classmethod
    def of(cls, request: Request, answer: Answer, base: str) -> Said:
        """Return ``answer`` as it is kept; ``base`` is the address that it holds."""
        headers = {name.lower(): value.replace(base, BASE) for name, value in answer.headers.items()}
        content = gzip.decompress(answer.content) if headers.get("content-encoding") == "gzip" else answer.content
        kept = {name: value for name, value in headers.items() if name not in _NOT_KEPT}
        try:
            return cls(key_of(request), answer.status, kept, content.decode().replace(base, BASE))
        except UnicodeDecodeError:
            return cls(key_of(request), answer.status, kept, base64.b64encode(content).decode(), is_text=False)

    @property
    def content(self) -> bytes:
        """The body."""
        return self.body.encode() if self.is_text else base64.b64decode(self.body)


def key_of(request: Request) -> str:
    """Return what tells ``request`` from the others of a conversation, and is the same on every day."""
    text = _text(request)
    sql = _SQL.search(text)
    asked = sql[1] if sql else text if request.path.startswith("/v1/statement") else ""
    key = f"{request.method} {request.path} {asked}".strip()
    return _OF_THE_DAY.sub("<id>", _CANARY.sub(lambda found: f"<{found[1]}>", key))


def load(name: str) -> list[Said]:
    """Return a recording."""
    return [Said(**said) for said in json.loads((FOLDER / f"{name}.json").read_text())]


def names(said: list[Said]) -> list[str]:
    """Return the key of each answer, for a page of Trino's that of its statement, and which of that key it is."""
    met: Counter[str] = Counter()
    statements: dict[str, str] = {}
    found = []
    for one in said:
        page = _PAGE.search(one.key)
        key = statements[page[1]] if page else one.key
        if one.key.startswith("POST /v1/statement"):
            statements[json.loads(one.body)["id"]] = f"page of {one.key.partition(' ')[2]}"
        met[key] += 1
        found.append(f"{key} #{met[key]}")
    return found


def save(name: str, said: Iterable[Said]) -> None:
    """Keep a recording."""
    (FOLDER / f"{name}.json").write_text(json.dumps([asdict(one) for one in said], indent=1) + "\n")


#: Spoils an answer; it is given the index of the answer in the recording.
Spoil = Callable[[int, Answer], Answer]


@dataclass
class Replay:
    """Answers as recorded, each key's answers in turn, the last of them for ever; what was never asked is 404."""

    said: list[Said]
    spoil: Spoil
    base: str = ""
    unknown: list[str] = field(default_factory=list)
    _turns: dict[str, list[int]] = field(default_factory=dict)
    _canaries: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, one in enumerate(self.said):
            self._turns.setdefault(one.key, []).append(index)

    def answer(self, request: Request) -> Answer:
        """Return what is said to ``request``."""
        for found in _CANARY.finditer(request.path + _text(request)):
            self._canaries[found[1]] = found[0]
        turn = self._turns.get(key_of(request))
        if not turn:
            self.unknown.append(key_of(request))
            return Answer(404, b"")
        index = turn.pop(0) if len(turn) > 1 else turn[0]
        said = self.said[index]
        body = self._of_today(said.body).encode() if said.is_text else said.content
        headers = {name: self._of_today(value) for name, value in said.headers.items()}
        return self.spoil(index, Answer(said.status, body, headers))

    def _of_today(self, text: str) -> str:
        text = _CANARY.sub(lambda found: self._canaries.get(found[1], found[0]), text)
        return text.replace(BASE, self.base)


def _text(request: Request) -> str:
    body = request.body
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    return body.decode(errors="replace")
