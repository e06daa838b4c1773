"""The mutants of a kind's check: each step removed, its error swallowed, and each verification taken for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.mutation.sites import Site
from tests.mutation.switch import Change, Spot

REMOVED, SWALLOWED, ASSUMED = "removed", "swallowed", "assumed good"


@dataclass(frozen=True)
class Mutant:
    """One change to the check of ``kind``. ``step`` is where it shows, as far as that is known."""

    kind: str
    site: Site
    change: Change
    step: str | None

    @property
    def id(self) -> str:
        """What it is called in the table of equivalent mutants; it holds no line, so that it outlives other edits."""
        where = f"step {self.step}{self._by_whom}" if self.site.what == "step" else self.site.text
        return f"{self.kind} {self.site.module}.{self.site.function}: {where}: {self.change.how}"

    @property
    def _by_whom(self) -> str:
        # Of several calls that walk the same steps, which one: a line would not outlive other edits either.
        return f" of call {self.change.spot[2].split(':', 1)[0]}" if self.change.spot and self.change.spot[2] else ""

    def __str__(self) -> str:
        return f"{self.site.place}: {self.id}"


def mutants(kind: str, sites: Iterable[Site], spots: Iterable[Spot]) -> Iterator[Mutant]:
    """Yield the mutants of ``kind``; ``spots`` are where healthy runs came by.

    A step that one function walks for several callers, or under several names, has mutants for each.
    """
    spots = sorted(set(spots))
    for site in sites:
        if site.what == "step":
            seen: list[Spot | None] = [spot for spot in spots if spot[0] == site.id]
            for spot in seen or [None]:
                for how in (REMOVED, SWALLOWED):
                    yield Mutant(kind, site, Change(how, site.id, spot), spot[1] if spot else site.step)
        elif site.what != "walk":
            yield Mutant(kind, site, Change(ASSUMED, site.id), None)
