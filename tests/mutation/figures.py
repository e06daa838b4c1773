"""How many mutants there were, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

from tests.mutation.mutants import Mutant
from tests.mutation.trial import Verdict


@dataclass(frozen=True)
class Figures:
    """``crashed``, ``stillborn`` and ``littering`` are among the ``killed``; see Verdict."""

    made: int = 0
    killed: int = 0
    crashed: int = 0
    stillborn: int = 0
    littering: int = 0
    equivalent: int = 0
    survived: int = 0

    @classmethod
    def of(cls, made: Sequence[Mutant], verdicts: Sequence[Verdict]) -> Self:
        killed = [verdict for verdict in verdicts if verdict.by]
        return cls(
            made=len(made),
            killed=len(killed),
            crashed=sum(verdict.crashed for verdict in killed),
            stillborn=sum(verdict.stillborn for verdict in killed),
            littering=sum(verdict.littering for verdict in killed),
            equivalent=len(made) - len(verdicts),
            survived=len(verdicts) - len(killed),
        )

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    def __add__(self, other: Figures) -> Figures:
        return Figures(**{name: count + asdict(other)[name] for name, count in asdict(self).items()})

    def __str__(self) -> str:
        only = f"{self.littering} only by what they leave, {self.crashed} only by a crash"
        killed = f"{self.killed} killed ({only}, {self.stillborn} that fail without a fault, too)"
        return f"{self.made} made, {killed}, {self.equivalent} equivalent, {self.survived} survived"
