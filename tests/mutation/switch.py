"""The switch that a copy of the checks asks at each site: which mutant it is, and what a healthy run left there.

A thread has a run of its own, or none: what cleans up after a check is never mutated.
"""

from __future__ import annotations

import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_floe import Probe

#: Where a step is: its site, its name, and the call that walks it where that is in pytest_floe.
Spot = tuple[str, str, str]


@dataclass
class Passage:
    """What a step left in a healthy run: what it bound or returned, and what it told the probe."""

    bound: dict[str, Any] = field(default_factory=dict)
    returned: bool = False
    result: Any = None
    told: dict[str, Any] = field(default_factory=dict)


Memory = dict[Spot, list[Passage]]


@dataclass(frozen=True)
class Change:
    """One change to a check: ``how`` is removed, swallowed or assumed good. Without ``spot`` it holds wherever."""

    how: str
    site: str
    spot: Spot | None = None


@dataclass
class Run:
    """One run of a copy: ``memory`` is what a healthy run left, None to remember this one's.

    ``came_by`` are the sites where a mutant would have shown, ``reached`` says whether this run's did.
    """

    probe: Probe
    change: Change | None = None
    memory: Mapping[Spot, list[Passage]] | None = None
    remembered: Memory = field(default_factory=lambda: defaultdict(list))
    came_by: set[str] = field(default_factory=set)
    reached: bool = False
    via: str = ""
    counts: dict[Spot, int] = field(default_factory=lambda: defaultdict(int))
    before: dict[str, Any] = field(default_factory=dict)

    def spot(self, site: str) -> Spot:
        return (site, self.probe.current_step or "", self.via)

    def is_changed(self, how: str, site: str) -> bool:
        """Tell whether the mutant of this run changes the site, here and now."""
        change = self.change
        if change is None or (change.how, change.site) != (how, site):
            return False
        if change.spot is not None and change.spot != self.spot(site):
            return False
        self.reached = True
        return True

    def passage(self, site: str) -> Passage:
        """Return what the healthy run left at this passage, or at its last one."""
        passages = (self.memory or {}).get(self.spot(site)) or [Passage()]
        return passages[min(self.counts[self.spot(site)], len(passages)) - 1]


class Switch(threading.local):
    """What instrumented code calls. Outside a run everything is as written."""

    run: Run | None = None

    # Steps

    def removes(self, site: str) -> bool:
        """Tell whether a step's body is left out; the first thing that is asked in a step."""
        if self.run is None:
            return False
        self.run.counts[self.run.spot(site)] += 1
        self.run.came_by.add(site)
        self.run.before = _state(self.run.probe)
        return self.run.is_changed("removed", site)

    def swallows(self, site: str) -> bool:
        """Tell whether the error of a step is dropped."""
        return self.run is not None and self.run.is_changed("swallowed", site)

    def binds(self, site: str, scope: Mapping[str, Any], names: tuple[str, ...]) -> None:
        """Remember what a step has bound: names of its function, or attributes such as ``self.role``."""
        self._remember(site, Passage(bound=dict(_found(scope, names))))

    def gives(self, site: str, result: Any) -> Any:
        """Remember what a step's function returned out of it."""
        self._remember(site, Passage(returned=True, result=_kept(result)))
        return result

    def _remember(self, site: str, passage: Passage) -> None:
        if self.run is not None:
            told = _state(self.run.probe).items()
            passage.told = {key: value for key, value in told if self.run.before.get(key) != value}
            self.run.remembered[self.run.spot(site)].append(passage)

    # Replaying a healthy run

    def replays(self, site: str) -> None:
        """Tell the probe what a healthy run told it in this step."""
        if self.run is not None:
            _tell(self.run.probe, self.run.passage(site).told)

    def knows(self, site: str, name: str) -> bool:
        return self.run is not None and name in self.run.passage(site).bound

    def value(self, site: str, name: str) -> Any:
        return _alive(self.run.passage(site).bound[name]) if self.run else None

    def returned(self, site: str) -> bool:
        return self.run is not None and self.run.passage(site).returned

    def result(self, site: str) -> Any:
        return _alive(self.run.passage(site).result) if self.run else None

    # Verifications

    def assumes(self, site: str) -> bool:
        """Tell whether what is verified is taken for good."""
        if self.run is None:
            return False
        self.run.came_by.add(site)
        return self.run.is_changed("assumed good", site)

    def unchecked(self, site: str, verify: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Call ``verify``, unless what it verifies is taken for good."""
        if not self.assumes(site):
            return verify(*args, **named)
        return args[0].get(args[1]) if verify.__name__ == "shape" else None

    def walk(self, site: str, walk: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Call what walks steps of its own, which are then told apart by who called."""
        if self.run is None:
            return walk(*args, **named)
        outer, self.run.via = self.run.via, self.run.via or site
        try:
            return walk(*args, **named)
        finally:
            self.run.via = outer


def _state(probe: Probe) -> dict[str, Any]:
    return {
        **{f"fact {name}": value for name, value in probe.facts.items()},
        "who": probe.known_as,
        "reached": probe.reached,
    }


def _tell(probe: Probe, told: Mapping[str, Any]) -> None:
    probe.fact(**{key.removeprefix("fact "): value for key, value in told.items() if key.startswith("fact ")})
    probe.reached = told.get("reached", probe.reached)
    if told.get("who"):
        probe.principal(told["who"])


def _found(scope: Mapping[str, Any], names: tuple[str, ...]) -> list[tuple[str, Any]]:
    found = []
    for name in names:
        owner, *attributes = name.split(".")
        if owner in scope and (not attributes or hasattr(scope[owner], attributes[0])):
            found.append((name, _kept(getattr(scope[owner], attributes[0]) if attributes else scope[owner])))
    return found


@dataclass(frozen=True)
class _Peer:
    address: tuple[str, int]


def _kept(value: Any) -> Any:
    """Return what to keep of ``value``: a socket is closed when it would be needed again."""
    is_open = type(value) is socket.socket and value.fileno() >= 0
    return _Peer(value.getpeername()[:2]) if is_open else value


def _alive(value: Any) -> Any:
    if not isinstance(value, _Peer):
        return value
    try:
        return socket.create_connection(value.address, 1)
    except OSError:
        return socket.socket()
