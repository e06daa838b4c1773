"""What a target was made with: a batch is recognised by its number only among batches made with the same settings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from .errors import TargetError
from .quality import rate_names
from .streams import MAPPING_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .quality import DataQuality

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Provenance:
    """All that decides a batch's bytes besides its number: settings by name, ascending, as text."""

    settings: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Self:
        """From settings in any order."""
        return cls(tuple(sorted(settings.items())))

    @classmethod
    def of_plan(cls, seed: int, quality: DataQuality, start: int, division: Mapping[str, str]) -> Self:
        """Of batches divided in some way; `start` in microseconds since 1970.

        Settings that change nothing are left out: rates of 0, and how late things are where nothing is.
        """
        rates = {name: rate for name in rate_names() if (rate := getattr(quality, name))}
        if quality.late_arrival_rate:
            rates["max_late_days"] = quality.max_late_days
        return cls.of(
            {
                "mapping_version": str(MAPPING_VERSION),
                "seed": str(seed),
                "start": (_EPOCH + timedelta(microseconds=start)).isoformat(),
                **{name: number(rate) for name, rate in rates.items()},
                **division,
            }
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """From what `text` gave; from what nobody here has written, settings that equal none."""
        try:
            settings = json.loads(text)
        except ValueError:
            settings = None
        if not isinstance(settings, dict):
            settings = {"settings": text}
        return cls.of({str(name): str(value) for name, value in settings.items()})

    @property
    def text(self) -> str:
        """As a JSON object."""
        return json.dumps(dict(self.settings))

    def require(self, there: Provenance, target: str) -> None:
        """Raise TargetError, which names every difference, unless `target` was made with the same."""
        if there == self:
            return
        theirs, ours = dict(there.settings), dict(self.settings)
        different = ", ".join(
            f"{name} is {_said(name, theirs)} there and {_said(name, ours)} here"
            for name in sorted(theirs.keys() | ours.keys())
            if theirs.get(name) != ours.get(name)
        )
        raise TargetError(
            f"{target} was made with other settings: {different}. Nothing is added to it: give the settings it was "
            "made with, name another place, or remove it first"
        )


def unknown(target: str) -> TargetError:
    """The error of a target that holds rows and does not say what they were made with."""
    return TargetError(
        f"{target} holds rows but does not say what they were made with: an earlier version wrote them, or something "
        "else did. Nothing is added to it: name another place, or remove it first"
    )


def number(value: float) -> str:
    """A number as text, the same for a whole one of either type."""
    return repr(float(value)).removesuffix(".0")


def _said(name: str, settings: Mapping[str, str]) -> str:
    return settings.get(name, "0" if name in rate_names() else "not set")
