"""Which targets need which others: their names resolved, and dependencies put first."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pytest_floe.config.drafts import Draft
from pytest_floe.config.problems import Problem, Problems, nearest
from pytest_floe.config.targets import Target


class Linking:
    """Resolves the words of ``needs`` among all targets of an environment, of which ``drafts`` are the declarations."""

    def __init__(self, drafts: Sequence[Draft], problems: Problems) -> None:
        self.drafts = drafts
        self.problems = problems

    def linked(self, targets: Iterable[tuple[Draft, Target | None]]) -> list[Target]:
        """Return the targets, each with the ids of those it needs; finds unknown words and circles."""
        linked = [
            (draft, replace(target, needs=tuple(self._needed(draft, target)))) for draft, target in targets if target
        ]
        self._find_circle(linked)
        return [target for _, target in linked]

    def _needed(self, draft: Draft, target: Target) -> Iterator[str]:
        given = "needs" in target.settings.model_fields_set
        found = {word: self.meant(word, draft) for word in target.settings.needs}
        for word, needed in found.items():
            if given and not needed:
                known = {name for other in self.drafts if other is not draft for name in (other.service, other.name)}
                said = f"{word[:80]!r} is neither a service nor a target of this environment"
                self.problems.add(Problem(draft.place("needs"), said, nearest(word, known)))
        ids = (f"{target.environment}-{one.service}-{one.name}" for needed in found.values() for one in needed)
        yield from dict.fromkeys(ids)

    def meant(self, word: str, draft: Draft) -> list[Draft]:
        """Return what ``word`` means to ``draft``.

        A service is the target of it that the environment's own fields declare, or all that are listed where they
        declare none. Any other word is the name of a target.
        """
        of_service = [other for other in self.drafts if other.service == word and other is not draft]
        named = [other for other in self.drafts if other.name == word]
        return [other for other in of_service if other.main] or of_service or named

    def _find_circle(self, linked: list[tuple[Draft, Target]]) -> None:
        places = {target.id: draft.place("needs") for draft, target in linked}
        chosen = {target.id for _, target in linked if "needs" in target.settings.model_fields_set}
        try:
            graphlib.TopologicalSorter({target.id: target.needs for _, target in linked}).prepare()
        except graphlib.CycleError as error:
            *circle, _ = reversed(error.args[1])
            first = next((place for place, id_ in enumerate(circle) if id_ in chosen), 0)
            circle = circle[first:] + circle[:first]
            said = f"{' needs '.join([*circle, circle[0]])}: a circle, in which none can come first"
            self.problems.add(Problem(places[circle[0]], said, "take one of them out of needs"))


def dependencies_first(targets: Iterable[Target]) -> tuple[Target, ...]:
    """Return the targets in their order, but each after those it needs; there must be no circle."""
    known = {target.id: target for target in targets}
    placed: dict[str, Target] = {}

    def place(target: Target) -> None:
        for needed in target.needs:
            if needed in known and needed not in placed:
                place(known[needed])
        placed[target.id] = target

    for target in known.values():
        if target.id not in placed:
            place(target)
    return tuple(placed.values())
