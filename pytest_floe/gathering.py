"""What a run knows of its checks: which are expected, what came in, and why the rest is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_floe.collecting import NODE_ID
from pytest_floe.context import Context
from pytest_floe.report.building import Outline
from pytest_floe.report.models import PreflightReport, PreflightResult
from pytest_floe.verdict import Identity


@dataclass
class Gathering:
    """Results by target id as they come in, beside the outline they have to fill."""

    outline: Outline
    context: Context
    results: dict[str, PreflightResult] = field(default_factory=dict)
    broken: list[Identity] = field(default_factory=list)

    def take(self, result: PreflightResult) -> None:
        """Take in the result of a check."""
        self.results[result.details.target] = result

    def crashed(self, node_id: str) -> PreflightResult | None:
        """Return, and take in, what the death of a worker in test ``node_id`` means; None if that was no check."""
        identity = self._by_node_id(node_id)
        known = (self.context.evidence.results() | self.results).get(identity.id) if identity else None
        if identity is None or (known and known.status == "error"):
            return known
        self.take(self._lost(identity))
        return self.results[identity.id]

    def _lost(self, identity: Identity) -> PreflightResult:
        judge, evidence = self.context.judge, self.context.evidence
        left, message = evidence.left_behind().get(identity.id, []), "the worker process that ran it died"
        if step := evidence.hung().get(identity.id):
            return judge.hung(identity, step, left_behind=left)
        return judge.incomplete(identity, "incomplete.worker_crashed", message, left_behind=left)

    def not_collected(self, node_id: str, said: str) -> None:
        """Take in that ``node_id`` could not be collected, so that nobody knows which checks are in it."""
        name = node_id.replace("/", ".").removesuffix(".py") or "session"
        target = f"{self.context.environment}-collection-{name}"
        if target not in self.results:
            self.broken.append(Identity(target, "collection", "pytest", name, node_id))
            message = f"it could not be collected: {said}"
            self.take(self.context.judge.incomplete(self.broken[-1], "incomplete.check_broken", message, node_id))

    def report(self, reason: str) -> PreflightReport:
        """Return the report as of now; ``reason`` says why results are missing."""
        results = self.context.evidence.results() | self.results
        own, left_out = self.context.narrowed(Identity(**fields) for fields in self.context.evidence.own_checks())
        expected = [*self.outline.expected, *own, *self.broken]
        left = self.context.evidence.left_behind()
        results |= {one.id: self._lost(one) for one in expected if left.get(one.id) and one.id not in results}
        scope = self.outline.scope
        missed = [*scope.not_verified, *(identity.id for identity in left_out)]
        outline = self.outline.model_copy(
            update={"expected": expected, "scope": scope.model_copy(update={"not_verified": missed})}
        )
        return outline.report(results, reason, self.context.judge)

    def _by_node_id(self, node_id: str) -> Identity | None:
        own = (Identity(**fields) for fields in self.context.evidence.own_checks())
        node_ids = {f"{NODE_ID}::test_service[{identity.id}]": identity for identity in self.outline.expected}
        node_ids |= {identity.endpoint: identity for identity in own}
        return node_ids.get(node_id) or node_ids.get(node_id.rpartition("@")[0])  # --dist=loadgroup adds @GROUP
