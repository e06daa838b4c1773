"""What a run knows of its checks: which are expected, what came in, and why the rest is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_floe.account import Account, UnusableError
from pytest_floe.collecting import NODE_ID, uncollected
from pytest_floe.context import Context
from pytest_floe.report.building import Outline, now
from pytest_floe.report.models import PreflightReport, PreflightResult
from pytest_floe.verdict import Identity


@dataclass
class Gathering:
    """The record of the run, and the results that came in by pytest's reports, should the disk have failed."""

    outline: Outline
    context: Context
    results: dict[str, PreflightResult] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    reason: str = ""

    def take(self, result: PreflightResult) -> None:
        """Take in the result of a check."""
        self.results[result.details.target] = result

    def reached(self, node_id: str, phase: str) -> None:
        """Take in that a phase of a test was reported: it is over with its teardown, or the death of its process."""
        if phase == "call":
            self.unfinished.add(node_id)
        else:
            self.unfinished.discard(node_id)

    def ended(self, why: str) -> None:
        """Take in that the run is over: a marked test that is still in its teardown is not verified."""
        account = self._account()
        for identity in filter(None, (self._by_node_id(node_id, account) for node_id in self.unfinished)):
            known = account.results.get(identity.id)
            if identity.id in account.own and known and known.status != "error":
                message = f"its teardown did not end: {why}"
                self._found(self.context.judge.incomplete(identity, "incomplete.check_broken", message))

    def crashed(self, node_id: str) -> PreflightResult | None:
        """Return, and take in, what the death of a worker in test ``node_id`` means; None if that was no check."""
        account = self._account()
        identity = self._by_node_id(node_id, account)
        known = account.results.get(identity.id) if identity else None
        if identity is None or (known and known.status == "error"):
            return known
        return self._found(account.lost(identity, self.context.judge))

    def not_collected(self, node_id: str, said: str) -> None:
        """Take in that ``node_id`` could not be collected, so that nobody knows which checks are in it."""
        broken = uncollected(self.context.environment, node_id)
        if broken.id not in self.results:
            self.context.evidence.expect([broken], always=True)
            message = f"it could not be collected: {said}"
            self._found(self.context.judge.incomplete(broken, "incomplete.check_broken", message, node_id))

    def leaked(self, names: list[str]) -> None:
        """Take in that these files held a secret."""
        target, said = f"{self.context.environment}-session-secrets", ", ".join(names)
        found = Identity(target, "session", "pytest", "secrets")
        self.context.evidence.expect([found], always=True)
        message = f"withheld, for a secret stood in it: {said}"
        self._found(self.context.judge.incomplete(found, "leak.secret_written", message, said))

    def report(self, reason: str) -> PreflightReport:
        """Return the report as of now; ``reason`` says why results are missing."""
        self.reason = reason
        return self._account().report(self.context.judge, reason, now())

    def close(self, report: PreflightReport) -> None:
        """End the record of the run with the verdict of ``report``."""
        at, status = report.run.end.isoformat(), report.overall_status
        self.context.evidence.note("ended", at=at, reason=self.reason, overall_status=status, durable=True)
        self.context.evidence.close()

    def _found(self, result: PreflightResult) -> PreflightResult:
        self.context.evidence.finished(result)
        self.take(result)
        return result

    def _account(self) -> Account:
        try:
            account = self.context.evidence.account()
        except (OSError, UnusableError):  # a disk that failed from the start
            account = Account(self.outline, self.outline.run.start)
        for result in self.results.values():
            account.finish(result)
        return account

    def _by_node_id(self, node_id: str, account: Account) -> Identity | None:
        node_ids = {f"{NODE_ID}::test_service[{identity.id}]": identity for identity in self.outline.expected}
        node_ids |= {identity.endpoint: identity for identity in account.own.values()}
        return node_ids.get(node_id) or node_ids.get(node_id.rpartition("@")[0])  # --dist=loadgroup adds @GROUP
