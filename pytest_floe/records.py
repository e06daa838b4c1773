"""The lines of preflight.jsonl: what a run knew at its start, and each thing that happened in it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from pytest_floe.report.building import Outline
from pytest_floe.report.models import Model, PreflightResult
from pytest_floe.verdict import Identity


class Line(Model):
    """What every line says: of which run it is, and when it was written."""

    run: str
    at: datetime


class Begun(Line):
    """The first line: all of the report that is known before any check."""

    event: Literal["begun"] = "begun"
    version: Literal["1.0"] = "1.0"
    outline: Outline


class Expected(Line):
    """Further checks that the report must have, found in collecting: marked tests, and what could not be collected."""

    event: Literal["expected"] = "expected"
    checks: list[Identity]
    always: bool = Field(False, description="Expected whatever --floe-check says.")


class Started(Line):
    """A check began; with --floe-wait it may do so more than once."""

    event: Literal["started"] = "started"
    target: str


class Stepped(Line):
    """A check began a step."""

    event: Literal["stepped"] = "stepped"
    target: str
    step: str


class Waiting(Line):
    """A check stands still until the targets that it needs have ended; it goes on when it needs none any more."""

    event: Literal["waiting"] = "waiting"
    target: str
    needs: list[str]


class NotReady(Line):
    """A check found its service not ready, for another reason than before, and will try again."""

    event: Literal["not_ready"] = "not_ready"
    target: str
    cause: str
    message: str


class Created(Line):
    """A check is about to create something that must not stay."""

    event: Literal["created"] = "created"
    target: str
    name: str


class Removed(Line):
    """Nothing of what a check created under this name is there any more."""

    event: Literal["removed"] = "removed"
    target: str
    name: str


class Hung(Line):
    """A check held the interpreter's lock beyond its deadline, so that its process was killed."""

    event: Literal["hung"] = "hung"
    target: str
    step: str


class Finished(Line):
    """A check came to a result; of several, the worst counts, and of equally bad ones the last."""

    event: Literal["finished"] = "finished"
    result: PreflightResult


class Ended(Line):
    """The last line: the run came to its end, and this was its verdict. Without it, it did not."""

    event: Literal["ended"] = "ended"
    reason: str = Field(description="Why results are missing, if some are.")
    overall_status: Literal["pass", "fail"]


Record = Annotated[
    Begun | Expected | Started | Stepped | Waiting | NotReady | Created | Removed | Hung | Finished | Ended,
    Field(discriminator="event"),
]
RECORD: TypeAdapter[Record] = TypeAdapter(Record)
