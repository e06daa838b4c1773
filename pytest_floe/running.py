"""Running checks side by side, each under its own deadline, none able to hold up the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from pytest_floe import causes
from pytest_floe.diagnosis import Finding, describe
from pytest_floe.probe import CLEAN_UP_SECONDS, Cancelled, Probe
from pytest_floe.report.models import Details, PreflightResult
from pytest_floe.verdict import Identity, Judge

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
#: What may pass by waiting: the service is not there, or not ready, yet.
_PASSING = (
    "resolve.", "connect.", "timeout", "operate.not_ready", "operate.server_error", "operate.exhausted",
    "operate.unexpected_response",
)  # fmt: skip

Body = Callable[[Probe], None]
MakeProbe = Callable[[float], Probe]


@dataclass(frozen=True)
class Task:
    """A check that is ready to run: ``make_probe`` gives a fresh probe for a time-out in seconds."""

    identity: Identity
    make_probe: MakeProbe
    body: Body
    retries: bool = True


class Journal:
    """Told of everything that happens, as it happens; the base class does nothing."""

    def started(self, target: str, timeout: float) -> None:
        """Say that a check began and must end within ``timeout`` seconds."""

    def stepped(self, target: str, step: str) -> None:
        """Say that a check began a step."""

    def waiting(self, target: str, needed: Sequence[str]) -> None:
        """Say that the time of a check stands still until the ``needed`` targets have ended."""

    def resumed(self, target: str, timeout: float) -> None:
        """Say that a check waits no longer, and must end within ``timeout`` seconds."""

    def not_ready(self, result: PreflightResult) -> None:
        """Say that a check will be tried again, whose cause or step is another than before."""

    def created(self, target: str, name: str) -> None:
        """Say that a check is about to create ``name``, which must not stay."""

    def removed(self, target: str, name: str) -> None:
        """Say that nothing of ``name`` is there any more."""

    def ended(self, result: PreflightResult) -> None:
        """Say how a check ended."""


class Turns:
    """Whose turn it is to run a check; the base class serves a run of one process."""

    def at(self, identity: Identity) -> AbstractContextManager[PreflightResult | None]:  # noqa: ARG002 - for others
        """Wait for this process's turn; enter with what became of the check in another one, None if it is to run."""
        return nullcontext()


class Runner:
    """Runs tasks in daemon threads: a supervisor and a worker each, so that a hung worker is left behind.

    ``turns`` are taken with the other processes of the run, if there are any.
    """

    def __init__(
        self,
        judge: Judge,
        *,
        timeout: float,
        wait: float = 0.0,
        journal: Journal | None = None,
        turns: Turns | None = None,
    ) -> None:
        self.judge = judge
        self.turns = turns or Turns()
        self.timeout = timeout
        self.wait = wait
        self.journal = journal or Journal()
        self._stop = threading.Event()
        self._why = ""
        self._futures: dict[str, Future[PreflightResult]] = {}
        self._run_here: set[str] = set()
        self._lock = threading.RLock()  # a signal may stop what is being stopped
        self._active: set[_Worker] = set()
        self._abandoned: list[_Worker] = []

    def start(self, task: Task) -> Future[PreflightResult]:
        """Start ``task`` unless it was started before, here or in another process; return its future result."""
        with self._lock:
            known = self._futures.get(task.identity.id)
            if known is not None:
                return known
            future: Future[PreflightResult] = Future()
            self._futures[task.identity.id] = future
        threading.Thread(target=self._supervise, args=(task, future), daemon=True).start()
        return future

    def stop(self, why: str) -> None:
        """End all checks that still run, clean up after them, and wait for that, at most CLEAN_UP_SECONDS."""
        self._why = why
        self._stop.set()
        with self._lock:
            for worker in self._active:
                worker.interrupt()
            started, run_here = dict(self._futures), set(self._run_here)
        until = time.monotonic() + CLEAN_UP_SECONDS + 1
        for target, future in started.items():
            if target in run_here:
                _wait(future, until - time.monotonic())

    @property
    def has_hung(self) -> bool:
        """Whether a check was abandoned that still runs."""
        return any(worker.is_alive() for worker in self._abandoned)

    def finished(self) -> Mapping[str, PreflightResult]:
        """Return the results that there are by now, by target id."""
        return {target: future.result() for target, future in self._futures.items() if future.done()}

    def _supervise(self, task: Task, future: Future[PreflightResult]) -> None:
        try:
            with self.turns.at(task.identity) as known:
                result = known or self._run(task)
        except BaseException as error:  # noqa: BLE001 - a defect of ours must show as red, not as a missing result
            result = self._broken(task, error)
        future.set_result(result)

    def _run(self, task: Task) -> PreflightResult:
        with self._lock:
            self._run_here.add(task.identity.id)
        try:
            result = self._until_ready(task)
        except Exception as error:  # noqa: BLE001 - as above
            result = self._broken(task, error)
        self.journal.ended(result)
        return result

    def _broken(self, task: Task, error: BaseException) -> PreflightResult:
        try:
            return self.judge.incomplete(task.identity, "incomplete.check_broken", describe(error))
        except Exception:  # noqa: BLE001 - what made the result fail may make this one fail too
            return _of_nothing_but_its_id(task.identity.id)

    def _until_ready(self, task: Task) -> PreflightResult:
        give_up = time.monotonic() + (self.wait if task.retries else 0)
        pause, probes, state = _FIRST_PAUSE, list[Probe](), None
        if self._stop.is_set():
            return self.judge.incomplete(task.identity, "incomplete.not_run", f"not run: {self._why}")
        while True:
            result = self._attempt(task, probes)
            give_up += probes[-1].waited
            next_try = time.monotonic() + max(pause, probes[-1].retry_after)
            if not _may_pass(result) or next_try > give_up:
                return result
            if state != (state := (result.details.cause, result.details.step)):
                self.journal.not_ready(result)
            if self._stop.wait(next_try - time.monotonic()):
                return result
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _attempt(self, task: Task, earlier: list[Probe]) -> PreflightResult:
        """Run the check once, clean up after ``earlier`` attempts too, and add this one to them."""
        probe = task.make_probe(self.timeout)
        probe.swept += earlier[-1].swept if earlier else []
        earlier.append(probe)
        self.journal.started(task.identity.id, self.timeout)
        worker = _Worker(task.body, probe)
        with self._lock:
            self._active.add(worker)
        if self._stop.is_set():
            worker.interrupt()
        worker.start()
        finding = worker.wait()
        with self._lock:
            self._active.discard(worker)
            self._abandoned.append(worker)
        if worker.was_stopped and finding:
            finding = Finding("incomplete.not_run", f"{self._why}, in step {finding.step}")
        duration_ms = round((time.monotonic() - probe.began - probe.waited) * 1000)
        left = _clean_up(earlier, finding)
        probe.retry_after = finding.retry_after if finding else 0.0
        return self.judge.of_probe(
            task.identity,
            probe,
            finding,
            left=left,
            attempts=len(earlier),
            waited_ms=_waited_ms(earlier),
            duration_ms=duration_ms,
        )


def _of_nothing_but_its_id(target: str) -> PreflightResult:
    """Return the result of a check of which nothing else can be told."""
    said = "no result could be made of what the check, or its plan, says"
    return PreflightResult(
        service="unknown",
        status="error",
        message=said,
        duration_ms=0,
        remediation=causes.remedy("incomplete.check_broken", target),
        details=Details(target=target, kind="unknown", name=target, cause="incomplete.check_broken"),
    )


def _may_pass(result: PreflightResult) -> bool:
    return result.status == "error" and (result.details.cause or "").startswith(_PASSING)


def _waited_ms(probes: list[Probe]) -> int:
    """Return the time from the first attempt until now, but for waiting for other targets; 0 for a single attempt."""
    seconds = time.monotonic() - probes[0].began - sum(probe.waited for probe in probes)
    return round(seconds * 1000) if len(probes) > 1 else 0


class _Worker(threading.Thread):
    """Runs a check's body; ``wait`` returns its finding, whether the body ended or not."""

    def __init__(self, body: Body, probe: Probe) -> None:
        super().__init__(daemon=True, name=f"preflight {probe.endpoint}")
        self.body = body
        self.probe = probe
        self.finding: Finding | None = Finding("incomplete.check_broken", "it did not come to an end of its own")
        self.was_stopped = False
        self._ended = False

    def run(self) -> None:
        try:
            self.body(self.probe)
        except Finding as finding:
            self.finding = finding
        except Cancelled:
            pass  # nobody waits any more
        except BaseException as error:  # noqa: BLE001 - SystemExit of a driver must not look like success
            self.finding = Finding("incomplete.check_broken", describe(error))
        else:
            self.finding = None
        finally:
            with self.probe.changed:
                self._ended = True
                self.probe.changed.notify_all()

    def interrupt(self) -> None:
        with self.probe.changed:
            self.was_stopped = not self._ended
            self.probe.changed.notify_all()

    def wait(self) -> Finding | None:
        with self.probe.changed:
            while not (self._ended or self.was_stopped) and (left := self.probe.deadline - time.monotonic()) > 0:
                self.probe.changed.wait(min(left, threading.TIMEOUT_MAX))
        if self._ended and not self.was_stopped:
            return self.finding
        self.probe.cancel()
        return self.probe.abandoned()


def _clean_up(probes: list[Probe], finding: Finding | None) -> list[str]:
    """Remove what all attempts left, of which the last ended with ``finding``; return what may have stayed.

    It is done in a thread of its own, since the service may hang in this too.
    """
    if not any(probe.leftovers for probe in probes):
        return []
    *earlier, last = probes
    done: Future[list[str]] = Future()

    def work() -> None:
        left = last.clean_up(finding)
        done.set_result(left + [name for probe in earlier for name in probe.clear()])

    threading.Thread(target=work, daemon=True).start()
    if _wait(done, CLEAN_UP_SECONDS):
        return done.result()
    return [f"{canary.name} (may be left: no answer)" for probe in probes for canary in probe.leftovers]


def _wait(future: Future[object] | Future[list[str]] | Future[PreflightResult], seconds: float) -> bool:
    """Wait for ``future``; tell whether it is done."""
    try:
        future.result(max(0.0, seconds))
    except TimeoutError:
        return False
    return True
