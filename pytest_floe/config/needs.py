"""Which targets join and need which others: their names resolved, and dependencies put first."""

from __future__ import annotations

import graphlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pytest_floe.config.drafts import Draft
from pytest_floe.config.problems import Problem, Problems, nearest
from pytest_floe.config.targets import Target

Declared = tuple[Draft, Target | None]


class Linking:
    """Links the targets of an environment, of which ``drafts`` are the declarations, by the names they say."""

    def __init__(self, drafts: Sequence[Draft], problems: Problems) -> None:
        self.drafts = drafts
        self.problems = problems

    def linked(self, declared: Iterable[Declared]) -> list[Target]:
        """Return the targets, with those they join and need; finds unknown words and circles."""
        by_place = {draft.where: target for draft, target in declared}
        linked = []
        for draft in self.drafts:
            target = by_place.get(draft.where)
            if target:
                joined = self._joined(draft, target)
                found = {service: by_place[other.where] for service, other in joined.items()}
                settings = target.settings.joining({service: other for service, other in found.items() if other})
                needs = tuple(dict.fromkeys(self._needed(draft, target, joined.values())))
                linked.append((draft, replace(target, settings=settings, needs=needs)))
        self._find_circle(linked)
        return [target for _, target in linked]

    def _joined(self, draft: Draft, target: Target) -> dict[str, Draft]:
        found = {}
        for service, kinds in target.settings.joins.items():
            word = getattr(target.settings, service)
            candidates = self._to_join(service, word)
            if len(candidates) == 1 and candidates[0].kind in kinds:
                found[service] = candidates[0]
            else:
                self._add_not_joined(draft, service, word, candidates, kinds)
        return found

    def _to_join(self, service: str, word: str | None) -> list[Draft]:
        of_service = [other for other in self.drafts if other.service == service]
        if word is not None:
            return [other for other in of_service if other.name == word]
        return [other for other in of_service if other.main] or of_service

    def _add_not_joined(
        self, draft: Draft, service: str, word: str | None, found: list[Draft], kinds: Sequence[str]
    ) -> None:
        of_service = [other.name for other in self.drafts if other.service == service]
        if len(found) == 1:
            said = f"{draft.kind} can't join {service} {found[0].name}, which is of kind {found[0].kind}"
            remedy = f"name one of kind {' or '.join(kinds)}"
        elif found:
            said = f"{draft.kind} joins one {service}, and there are {', '.join(of_service)}"
            remedy = f"say which by {service}: NAME"
        elif word is not None:
            said, remedy = f"{word[:80]!r} is the name of no {service} here", nearest(word, of_service)
        else:
            said, remedy = f"{draft.kind} joins a {service}, and none is declared", f"declare a {service}"
        self.problems.add(Problem(draft.place(service), said, remedy))

    def _needed(self, draft: Draft, target: Target, joined: Iterable[Draft]) -> Iterator[str]:
        """Yield the ids of what the target needs: as it says, else by default, and all that it joins."""
        given = "needs" in target.settings.model_fields_set
        found = {word: self._meant(word, draft) for word in target.settings.needs}
        for word, needed in found.items():
            if given and not needed:
                known = {name for other in self.drafts if other is not draft for name in (other.service, other.name)}
                said = f"{word[:80]!r} is neither a service nor a target of this environment"
                self.problems.add(Problem(draft.place("needs"), said, nearest(word, known)))
        for one in [*(() if given else joined), *itertools.chain.from_iterable(found.values())]:
            yield f"{target.environment}-{one.service}-{one.name}"

    def _meant(self, word: str, draft: Draft) -> list[Draft]:
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
