"""Customers: who they are and when they signed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .arrays import choice, instants, joined, numbers, uuids
from .distributions import DAY
from .growth import CUSTOMERS
from .regions import REGIONS, region_of
from .streams import bits, uniform
from .uuids import uuid_text
from .vocabulary import LOCALE_CHOICES, MAIL_DOMAINS, people

if TYPE_CHECKING:
    from .schedules import Schedule, Window
    from .streams import Floats, Ints, Streams

_BEFORE_OPENING = 730 * DAY
"""The customers a shop opens with signed up within the two years before."""


def customer_columns(streams: Streams, schedule: Schedule, window: Window, first: int, end: int) -> dict[str, pa.Array]:
    """The data model's columns for customers `first` to `end - 1`, who joined in this window."""
    rows = np.arange(first, end)
    regions = region_of(rows)
    created, updated = _dates(streams, schedule, window, rows)
    names, emails = _names(streams, rows)
    return {
        "customer_id": uuids(uuid_text(streams["customers.id"].words(first, len(rows), 2))),
        "email": emails,
        "name": names,
        "region": choice(regions, REGIONS).array(encoded=False),
        "created_at": instants(created),
        "updated_at": instants(updated),
    }


def _dates(streams: Streams, schedule: Schedule, window: Window, rows: Ints) -> tuple[Ints, Ints]:
    """Sign-up and last change; newcomers have not changed anything yet."""
    newcomers = rows[rows >= CUSTOMERS.initial]
    joined = schedule.not_after(window, CUSTOMERS.first_order(newcomers), region_of(newcomers))
    earlier = len(rows) - len(newcomers)
    opened = uniform(streams["customers.opened"].words(int(rows[0]) if earlier else 0, earlier))
    changed = uniform(streams["customers.changed"].words(int(rows[0]) if earlier else 0, earlier))
    old = window.begin - _ago(opened)
    return np.concatenate((old, joined)), np.concatenate((window.begin - _ago(opened * changed), joined))


def _ago(fraction: Floats) -> Ints:
    return (fraction * _BEFORE_OPENING).astype(np.int64) + 1


def _names(streams: Streams, rows: Ints) -> tuple[pa.Array, pa.Array]:
    words = streams["customers.name"].words(int(rows[0]) if len(rows) else 0, len(rows))
    regions = region_of(rows)
    locale = bits(words, 0, 16) * LOCALE_CHOICES >> 16
    first, last = people("first"), people("last")
    given = numbers(first.picks[regions, locale, bits(words, 16, 12)])
    family = numbers(last.picks[regions, locale, bits(words, 28, 12)])
    number = numbers(rows).cast(pa.string())
    domain = choice(regions, MAIL_DOMAINS).array(encoded=False)
    names = joined(first.names.take(given), " ", last.names.take(family))
    emails = joined(first.mail_names.take(given), ".", last.mail_names.take(family), ".", number, "@", domain)
    return names, emails
