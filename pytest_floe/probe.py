"""The probe: what a check walks its steps with, and all it needs to know of the run.

A check climbs the ladder resolve, connect, tls, authenticate, authorize, operate. Each rung, or a named part of
one (``operate.write``), is a step. The step that breaks is the finding.
"""

from __future__ import annotations

import importlib
import math
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from types import ModuleType
from typing import Any, NoReturn

from pytest_floe import canary, network
from pytest_floe.blocking import Needs, roots, why_blocked
from pytest_floe.diagnosis import Finding, Misuse, describe, diagnose, is_of_network, retry_after
from pytest_floe.report.models import PreflightResult
from pytest_floe.secrets import Scrubber

RUNGS = ("resolve", "connect", "tls", "authenticate", "authorize", "operate")
#: Steps that prepare a check, or wait for others; they are timed, but their time is not the service's.
PREPARATION = ("driver", "start", "wait")
CLEAN_UP_SECONDS = 10.0
_IMPORT_LOCK = threading.Lock()  # circular imports inside SDKs break when two threads import them at once
#: After these the service has certainly created nothing.
_REFUSALS = ("config.", "resolve.", "connect.", "tls.", "authenticate.", "authorize.")

Explain = Callable[[Exception], Finding | None]


class Cancelled(BaseException):
    """Ends the thread of an abandoned check at its next step; nothing but the runner may catch it."""


@dataclass
class Step:
    """One timed rung; ``outcome`` is running, ok, failed or abandoned."""

    name: str
    started: float
    ended: float | None = None
    outcome: str = "running"

    @property
    def duration_ms(self) -> int:
        """Time taken so far, in milliseconds."""
        return round(((self.ended or time.monotonic()) - self.started) * 1000)

    @property
    def of_service(self) -> bool:
        """Whether the time is the service's own, and not spent on preparing."""
        return self.name.partition(".")[0] in RUNGS


@dataclass
class Canary:
    """Something the check creates and must remove: ``remove`` is called once, and again at clean-up if it failed.

    ``unanswered`` says that nobody waited for the service to answer the creation.
    """

    name: str
    remove_it: Callable[[], object] = field(repr=False)
    on_removed: Callable[[str], None] = field(repr=False)
    created: bool = False
    removed: bool = False
    unanswered: bool = False

    def made(self) -> None:
        """Say that the service confirmed the creation."""
        self.created = True

    def remove(self) -> None:
        """Remove it now; raises what the driver raises."""
        self.remove_it()
        self.settle()

    def settle(self) -> None:
        """Take it for certain that nothing of it is there."""
        self.removed = True
        self.on_removed(self.name)

    def clear(self) -> str | None:
        """Remove it after the check; return why it may have stayed all the same."""
        in_time = self.created or not self.unanswered  # else the service may create it after its removal
        try:
            self.remove_it()
        except (Exception, Cancelled) as error:  # noqa: BLE001 - whatever a driver raises, the name must be reported
            return error.message if isinstance(error, Finding) else describe(error)
        if not in_time:
            return "may be left: its creation was not answered"
        self.settle()
        return None


class Probe:
    """Handed to every check. All durations are seconds unless the name says otherwise.

    ``write`` says whether this target allows writing; ``run_id`` is eight hexadecimal digits. ``address`` is host:port
    of what is asked, which faults of the network are about: what was reached for last, unless a check sets it.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        run_id: str = "00000000",
        timeout: float = 30.0,
        write: bool = False,
        scrubber: Scrubber | None = None,
        on_step: Callable[[str], None] | None = None,
        on_canary: Callable[[str], None] | None = None,
        on_removed: Callable[[str], None] | None = None,
        needs: Needs | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.run_id = run_id
        self.write = write
        self.changed = threading.Condition()  # told when the deadline moves, and when the check ends
        self.restart(timeout)
        self.message = ""
        self.facts: dict[str, Any] = {}
        self.steps: list[Step] = []
        self.warnings: list[Finding] = []
        self.canaries: list[Canary] = []
        self.swept: list[str] = []
        self.not_swept: dict[str, str] = {}
        self.reached = False
        self.address: str | None = None
        self.blocked_by: list[str] = []
        self.waited = 0.0
        self.retry_after = 0.0
        self._needs = needs or Needs()
        self._who: str | None = None
        self._cancelled = threading.Event()
        self._scrubber = scrubber or Scrubber()
        self._on_step = on_step or (lambda _name: None)
        self._on_canary = on_canary or (lambda _name: None)
        self._on_removed = on_removed or (lambda _name: None)

    # Walking the ladder

    @contextmanager
    def step(self, name: str, explain: Explain | None = None, *, subject: str | None = None) -> Iterator[None]:
        """Time a step. An exception inside becomes the finding that ``explain`` returns, or the general diagnosis.

        ``name`` is a rung, a part of one (``authorize.list``), ``driver``, ``start`` or ``wait``. ``subject`` is what
        the general diagnosis is about, if not the endpoint.
        """
        if name.partition(".")[0] not in (*RUNGS, *PREPARATION):
            raise Misuse(f"step {name!r} is on no rung: begin with one of {', '.join(RUNGS)}")
        self._stop_if_cancelled()
        step = Step(name, time.monotonic())
        self.steps.append(step)
        self._on_step(name)
        step.outcome = "failed"
        try:
            yield
        except Finding as finding:
            finding.step = finding.step or name
            finding.subject = finding.subject or (self.address if is_of_network(finding.cause) else None)
            raise
        except Exception as error:
            meant = self._explained(error, explain)
            meant.step, meant.subject = name, meant.subject or subject
            meant.retry_after = meant.retry_after or retry_after(error)
            raise meant from error
        else:
            self._stop_if_cancelled()
            step.outcome = "ok"
        finally:
            step.ended = time.monotonic()

    def reach(self, host: str, port: int, *, tls: bool = False, ca_file: Path | None = None) -> None:
        """Walk resolve, connect and, with ``tls``, tls to ``host``: plain sockets, so that each fault has its name."""
        network.reach(self, host, port, tls=tls, ca_file=ca_file)

    def reach_url(self, url: str, ca_file: Path | None = None) -> None:
        """Walk resolve, connect and, for https, tls to the host of ``url``, or to the proxy in front of it."""
        network.reach_url(self, url, ca_file=ca_file)

    def note_certificate(self, secured: ssl.SSLSocket, where: str) -> None:
        """Note TLS version and end of the certificate of a connection that the check itself has secured."""
        network.note_expiry(self, secured, where)

    def driver(self, module: str, extra: str) -> ModuleType:
        """Import a client library as a step of its own; if it is missing, the finding names the pip command."""
        with self.step("driver"), _IMPORT_LOCK:  # the wait for others is part of the step
            try:
                return importlib.import_module(module)
            except ImportError as error:
                command = f"pip install 'pytest-floe[{extra}]'"
                message = f"{module.partition('.')[0]} is not installed ({describe(error)})"
                raise Finding("config.missing_driver", message, command) from error

    def remaining(self) -> float:
        """Seconds left until this check's deadline, never under 0.05: what to give a driver as its time-out."""
        return max(0.05, self.deadline - time.monotonic())

    def await_needs(self) -> None:
        """Wait until all targets that this one needs have ended; end the check as ``blocked`` if one has failed.

        Call it just before the steps that need them, so that the ones before show every fault of their own. The time
        of the check begins anew when it had to wait.
        """
        if not self._needs:
            return
        with self.step("wait"):
            outcomes = self._needs.start()
            if not _all_done(outcomes):
                with self._clock_stopped():
                    self._wait_for(outcomes)
            failed = [outcome.result() for outcome in outcomes if outcome.result().status == "error"]
            if failed:
                self.blocked_by = roots(failed)
                self.fail("blocked", why_blocked(failed), ", ".join(self.blocked_by))

    @contextmanager
    def _clock_stopped(self) -> Iterator[None]:
        began, timeout = time.monotonic(), self.timeout
        self._needs.waiting()
        self._set_deadline(math.inf)
        try:
            yield
        finally:
            self.waited += time.monotonic() - began
            self._set_deadline(time.monotonic() + timeout)
            if not self._cancelled.is_set():  # else the end of the check has been told already
                self._needs.resumed(timeout)

    def _wait_for(self, outcomes: Sequence[Future[PreflightResult]]) -> None:
        for outcome in outcomes:
            outcome.add_done_callback(lambda _: self._tell())
        with self.changed:
            self.changed.wait_for(lambda: self._cancelled.is_set() or _all_done(outcomes))
        self._stop_if_cancelled()

    def _tell(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def _set_deadline(self, deadline: float) -> None:
        self.deadline = deadline
        self._tell()

    # Saying what was found

    def ok(self, message: str) -> None:
        """Say in one line what was verified."""
        self.message = message

    def fact(self, **facts: Any) -> None:
        """Add plain values (text, numbers, lists, dicts) to the details of the result."""
        self.facts.update(facts)

    def principal(self, who: str) -> None:
        """Say as whom the service knows this check; never a secret."""
        self._who = who

    @property
    def known_as(self) -> str | None:
        """The principal the service confirmed, if it did."""
        return self._who

    def secret(self, value: str) -> str:
        """Register a secret that came up during the run, such as a token, and return it."""
        self._scrubber.add(value)
        return value

    def warn(self, cause: str, message: str, subject: str | None = None) -> None:
        """Add a finding that does not end the check."""
        self.warnings.append(Finding(cause, message, subject))

    def fail(self, cause: str, message: str, subject: str | None = None) -> NoReturn:
        """End the check with a finding."""
        raise Finding(cause, message, subject)

    # What is created must go

    def canary_name(self, purpose: str) -> str:
        """Return a name for something this check creates, which no other check of the run gets."""
        return canary.name(self.run_id, f"{token_hex(4)}-{purpose}")

    @property
    def signature(self) -> str:
        """The text that everything this check creates carries."""
        return canary.signature(self.run_id)

    def canary(self, name: str, remove: Callable[[], object]) -> Canary:
        """Register what is about to be created; call before creating, so that nothing can slip through.

        ``remove`` must succeed if there is nothing to remove. Call ``made()`` on the result when the service
        confirmed the creation, and ``remove()`` in the step that verifies deleting.
        """
        self._stop_if_cancelled()
        planned = Canary(name, remove, self._on_removed)
        self.canaries.append(planned)
        self._on_canary(name)
        return planned

    def sweep(
        self,
        name: str,
        body: str,
        remove: Callable[[], object],
        explain: Explain | None = None,
        *,
        address: str | None = None,
    ) -> None:
        """Remove ``name`` if it is the old leftover of a crashed run, by name, signature ``body`` and age.

        What can't be removed does not end the check: it becomes a warning, which says where it is by ``address``, or
        else by ``name``. ``explain`` is as for a step; what it calls ``operate.not_found``, another run has removed.
        """
        if not canary.is_stale(name, body):
            return
        try:
            remove()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            found = error if isinstance(error, Finding) else self._explained(error, explain)
            if found.cause != "operate.not_found":
                self.not_swept[address or name] = found.message
        else:
            self.swept.append(name)

    def clean_up(self, finding: Finding | None) -> list[str]:
        """Remove what the check left, after it ended with ``finding`` or None; return names that may have stayed."""
        abandoned, cause = self._cancelled.is_set(), finding.cause if finding else ""
        for planned in self.leftovers:
            if abandoned or cause == "timeout":
                planned.unanswered = not planned.created
            elif cause.startswith(_REFUSALS) and not planned.created:
                planned.settle()
        return self.clear()

    def clear(self) -> list[str]:
        """Remove what is not removed yet, in a time of its own; return names that may have stayed, and why."""
        self.deadline = time.monotonic() + CLEAN_UP_SECONDS
        tried = [(planned.name, planned.clear()) for planned in reversed(self.leftovers)]
        return [f"{name} ({why})" for name, why in tried if why]

    @property
    def leftovers(self) -> list[Canary]:
        """What the check may have created, and is not known to be removed."""
        return [planned for planned in self.canaries if not planned.removed]

    def restart(self, timeout: float) -> None:
        """Begin the time of the check, and its deadline, anew: ``timeout`` seconds from now."""
        self.began = time.monotonic()
        self.timeout = timeout
        self.deadline = self.began + timeout

    # Being abandoned

    def cancel(self) -> None:
        """Make the check's thread end at its next step."""
        self._cancelled.set()
        self._tell()

    @property
    def current_step(self) -> str | None:
        """Name of the step that runs now, or that ran last."""
        return self.steps[-1].name if self.steps else None

    def abandoned(self) -> Finding:
        """Return the finding for a check that did not end by its deadline."""
        step = self.current_step or "driver"
        if self.steps:
            self.steps[-1].outcome = "abandoned"
        cause = "timeout" if self._was_reached else "connect.timeout"
        finding = Finding(cause, f"no answer in step {step} by the deadline; the check was abandoned", self.address)
        finding.step = step
        return finding

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled

    def _explained(self, error: Exception, explain: Explain | None) -> Finding:
        known = explain(error) if explain else None
        return known or diagnose(error, reached=self._was_reached, address=self.address)

    @property
    def _was_reached(self) -> bool:
        """Whether TCP had connected; a check that walks no ``connect`` of its own had to, past that rung."""
        rungs = [step.name.partition(".")[0] for step in self.steps]
        return self.reached or ("connect" not in rungs and rungs[-1:] != ["resolve"])


def _all_done(outcomes: Sequence[Future[PreflightResult]]) -> bool:
    return all(outcome.done() for outcome in outcomes)
