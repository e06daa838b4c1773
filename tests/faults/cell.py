"""The fault matrix: what a cell is, and how to add one.

A **cell** is one fault of one kind of service, with what the check must say of it. A cell is data::

    def as_user(user: str) -> Arrange: ...      # cells/trino.py, the shortest example

    TWIN = Twin(kind="trino", name="password over TLS", server="Trino", arrange=as_user("writer"))
    CELLS = [
        Cell(
            kind="trino", fault="write-denied", source="real", server="Trino", twin=TWIN,
            arrange=as_user("reader"),
            cause="authorize.write_denied", step="operate.create",
            remedy='grant create tables of "memory"."shop" to user reader',
        ),
    ]

**Where.** ``tests/faults/cells/*.py`` are found by themselves; each may define ``CELLS``, ``GAPS`` and
``NOT_APPLICABLE``. Protocol faults that all HTTP kinds share are generated in ``cells/protocol.py``; what a real
server refuses goes into a module of its own (``cells/trino.py``, ``cells/postgres.py``). ``catalogue.py`` has the
slugs of the faults and the steps of each kind: a fault that is not there yet gets a row among the further ones.

**Arranging.** ``arrange(lab)`` is a context that puts the fault in place and yields a ``Scene``: the settings of the
kind, and ``leftovers``, which asks the server itself (not through the fault) for what is there and should not be.
Make a bucket, schema or role of your own if what the cell leaves behind would be in the way of another cell. ``Lab``
has the servers (``lab.server("trino_server")``), certificates, ``tmp_path`` and ``monkeypatch``. Nothing of the
machine's own logins is visible to a cell: the lab hides them. To put a fault between the check and a server, see
``path.py``.

**Remedy.** ``remedy`` is a part of the remedy that the result must have: its subject, the exact grant, address or
key. ``{address}`` stands for host:port of what is checked, ``{key}`` for the setting of that name, further
``{names}`` for those of the scene.

**Twins.** Each cell names its ``Twin``: the same server by the same way, without the fault, which must be ``ok``.
Cells share twins; each twin is run once.

**Running.** ``verdicts.run_cell(cell, lab)`` runs the check as the product does, by Runner and Judge;
``verdicts.problems(cell, outcome)`` lists what is not as the cell says. ``run_cell(cell, lab, check=mutant)`` runs
another function in the place of the registered one. ``pytest tests/faults -k trino-write`` runs a cell by its id;
``FLOE_WRITE_DOCS=1 pytest tests/faults`` brings docs/faults.md up to date with what was run.

**What can not be.** ``Gap(kind, fault, reason)`` is a cell that should be and can not be produced here;
``NotApplicable(kind, fault, reason)`` has no meaning for that kind. Every required fault of every kind is one of the
three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from pytest_floe.causes import CAUSES
from tests.faults.catalogue import FAULTS, KINDS
from tests.faults.lab import Lab

#: ``real``: the real server itself produces the fault. ``emulator``: an emulator does. ``path``: a real server or an
#: emulator behind a path that misbehaves. ``scripted``: a server that only plays a script.
Source = Literal["real", "emulator", "path", "scripted"]

#: More than a loaded machine needs; a hanging cell has a short one of its own.
PATIENCE = 30.0


@dataclass
class Scene:
    """A fault in place, or none: the ``settings`` of the kind as a configuration gives them, secrets in clear.

    ``leftovers`` returns names of what is on the server and should not be. ``names`` fill placeholders of the remedy,
    ``secrets`` are values beside those of the settings that must not be shown.
    """

    settings: dict[str, object]
    leftovers: Callable[[], Iterable[str]] = tuple
    names: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


Arrange = Callable[[Lab], AbstractContextManager[Scene]]


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A server without any fault, on which the check is ``ok``. ``deadline`` is in seconds."""

    kind: str
    name: str
    server: str
    arrange: Arrange = field(repr=False)
    deadline: float = PATIENCE

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.name.replace(' ', '-')}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One fault of one kind, and what the check must say of it.

    ``at`` tells cells of the same fault apart, such as by the step it is put at. ``says`` is a part of the message.
    ``deadline`` is in seconds, and the cell must end within a second of it; ``slow`` is the threshold of --floe-slow in
    milliseconds. ``stays`` says that the check can't but leave its canary behind: then it must name it, and the
    arrangement must remove it.
    """

    kind: str
    fault: str
    source: Source
    server: str
    twin: Twin
    arrange: Arrange = field(repr=False)
    cause: str | None
    step: str | None
    remedy: str
    at: str = ""
    status: Literal["error", "warning", "ok"] = "error"
    says: str = ""
    deadline: float = PATIENCE
    slow: float = 1000 * PATIENCE
    stays: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.fault not in FAULTS or (self.cause or "timeout") not in CAUSES:
            raise ValueError(f"{self.id} names a kind, fault or cause that catalogue.py or causes.py does not have")

    @property
    def id(self) -> str:
        return "-".join(part.replace(" ", "-") for part in (self.kind, self.fault, self.at) if part)


@dataclass(frozen=True)
class Gap:
    """A cell that should be, and can't be produced here, with the reason."""

    kind: str
    fault: str
    reason: str


@dataclass(frozen=True)
class NotApplicable:
    """A fault that can't befall a kind, with the reason."""

    kind: str
    fault: str
    reason: str
