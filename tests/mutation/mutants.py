"""The mutants of a kind's check: each step removed, its error swallowed, and each verification taken for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.mutation.sites import Site
from tests.mutation.switch import Change, Spot

REMOVED, SWALLOWED, ASSUMED = "removed", "swallowed", "assumed good"
#: The steps that each walk of pytest_floe takes for its caller.
_WALKED = {
    "reach": (("network", "resolve"), ("network", "connect")),
    "reach_url": tuple(("network", name) for name in ("resolve", "connect", "connect.tunnel", "tls")),
    "driver": (("probe", "driver"),),
}


@dataclass(frozen=True)
class Mutant:
    """One change to the check of ``kind``. ``step`` is where it shows, where that is known; ``id`` says what it is.

    The id holds no line, so that it outlives other edits.
    """

    kind: str
    site: Site
    change: Change
    step: str | None
    where: str

    @property
    def id(self) -> str:
        return f"{self.site.module}.{self.site.function}: {self.where}: {self.change.how}"

    def __str__(self) -> str:
        return f"{self.site.place}: {self.kind}: {self.id}"


def mutants(kind: str, sites: Sequence[Site], spots: Iterable[Spot]) -> Iterator[Mutant]:
    """Yield the mutants of ``kind``.

    A step that has several names in turn has mutants for each of those that a healthy run came by (``spots``); a step
    that pytest_floe walks has mutants for each call of the check that leads there.
    """
    for site in sites:
        if site.what == "walk":
            yield from _walked(kind, site, sites)
        elif site.what == "step" and site.module not in ("network", "probe"):
            names = [site.step] if site.step else sorted({name for there, name, _ in spots if there == site.id})
            for name in names:
                yield from _of_step(kind, site, (site.id, name, ""), f"step {name}")
        elif site.what != "step":
            yield Mutant(kind, site, Change(ASSUMED, site.id), None, site.text)


def _walked(kind: str, walk: Site, sites: Sequence[Site]) -> Iterator[Mutant]:
    for module, name in _WALKED[walk.step or ""]:
        [step] = [site for site in sites if (site.module, site.step) == (module, name)]
        yield from _of_step(kind, step, (step.id, name, walk.id), f"step {name} of {walk.module}: {walk.text}")


def _of_step(kind: str, site: Site, spot: Spot, where: str) -> Iterator[Mutant]:
    for how in (REMOVED, SWALLOWED):
        yield Mutant(kind, site, Change(how, site.id, spot), spot[1], where)
