"""What really happened in a run, as the injector knows it: the record that the run's report is judged by."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.chaos.draw import Draw, Fault
from tests.chaos.path import Exchange

_CANARY = rb"[^ ?]*floe-preflight-[^ ?]*"
#: What must have passed untouched for a service to be green: the request, and the status or text of its answer.
_PROOFS: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "storage": (
        (rb"PUT /" + _CANARY, rb"HTTP/1.1 200"),
        (rb"GET /" + _CANARY, rb"HTTP/1.1 200"),
        (rb"DELETE /" + _CANARY, rb"HTTP/1.1 204"),
    ),
    "catalog": (
        (rb"POST /v1/oauth/tokens", rb"HTTP/1.1 200"),
        (rb"GET /v1/config", rb"HTTP/1.1 200"),
        (rb"POST /v1/floe/namespaces ", rb"HTTP/1.1 200"),
        (rb"POST /v1/floe/namespaces/" + _CANARY + rb"/tables ", rb"HTTP/1.1 200"),
        (rb"GET /v1/floe/namespaces/" + _CANARY + rb"/tables/" + _CANARY, rb"HTTP/1.1 200"),
        (rb"DELETE /v1/floe/namespaces/" + _CANARY + rb"/tables/" + _CANARY, rb"HTTP/1.1 204"),
        (rb"DELETE /v1/floe/namespaces/" + _CANARY + rb" ", rb"HTTP/1.1 204"),
    ),
    "postgres": (
        (rb"(?s).*CREATE TABLE", rb"(?s).*CREATE TABLE\0"),
        (rb"(?s).*INSERT INTO", rb"(?s).*INSERT 0 1\0"),
        (rb"(?s).*SELECT id, note", rb"(?s).*SELECT 1\0"),
        (rb"(?s).*ROLLBACK", rb"(?s).*ROLLBACK\0"),
    ),
}
_FILES_THAT_FAIL = ("locked", "corrupt", "no directory", "a directory")


@dataclass
class Truth:
    """The record of one run: the exchanges of all paths, the faults that acted, and who was killed."""

    draw: Draw
    exchanges: dict[str, list[Exchange]] = field(default_factory=dict)
    acted: list[Fault] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)

    def proves(self, service: str) -> bool:
        """Tell whether all that a green ``service`` claims passed over its path, untouched."""
        if service == "compute":
            return not any(fault.what in _FILES_THAT_FAIL for fault in self.draw.of("compute"))
        untouched = [one for one in self.exchanges[service] if one.tampered in ("", "slow")]
        return all(_passed(request, answer, untouched) for request, answer in _PROOFS[service])

    def excuses(self, service: str) -> list[str]:
        """Return what acted on ``service`` and may have made it red; empty where it had to be green."""
        acted = [f"{fault.service} {fault.kind} {fault.what}" for fault in self.acted if _touches(fault, service)]
        touched = {one.tampered for one in self.exchanges.get(service, []) if one.tampered}
        return [*acted, *sorted(touched)]

    @property
    def interrupted(self) -> bool:
        """Whether a process that runs checks, or tells of them, was killed or told to end."""
        return any(not victim.startswith("watchdog") for victim in self.killed)

    @property
    def issued(self) -> set[str]:
        """The tokens that the catalog gave out."""
        answers = [bytes(one.answer) for one in self.exchanges.get("catalog", ()) if b"/oauth/tokens" in one.request]
        return {json.loads(found[0]) for answer in answers if (found := re.search(rb'"[\w-]{43}"', answer))}


def _touches(fault: Fault, service: str) -> bool:
    server = fault.service == "storage" and fault.kind in ("suspended", "killed")
    return fault.service == service or (server and service == "catalog")


def _passed(request: bytes, answer: bytes, exchanges: Iterable[Exchange]) -> bool:
    return any(
        re.match(request, one.request)
        and re.match(answer, re.sub(rb"(HTTP/1\.1 1\d\d [^\r]*\r\n\r\n)+", b"", bytes(one.answer)))
        for one in exchanges
    )
