"""The four regions: their share of customers, clock, and which customers live there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .streams import Ints

REGIONS = ("NA", "EMEA", "APAC", "LATAM")

UTC_OFFSETS = (-6, 1, 8, -3)
"""Hours from UTC to the clock of most of a region: Chicago, Berlin, Singapore, Sao Paulo. No summer time."""

_DEAL = (0, 1, 2, 0, 1, 0, 3, 2, 1, 0, 2, 1, 0, 2, 1, 0, 3, 1, 2, 0)
"""Customers are dealt to regions in rounds of 20: 35 % NA, 30 % EMEA, 25 % APAC, 10 % LATAM."""

ROUND = len(_DEAL)
SHARES = np.bincount(_DEAL)
_REGION_OF_SEAT = np.array(_DEAL, dtype=np.int8)
_SEATS = np.zeros((len(REGIONS), int(SHARES.max())), dtype=np.int64)
for _region, _share in enumerate(SHARES):
    _SEATS[_region, :_share] = np.flatnonzero(_region == _REGION_OF_SEAT)


def region_of(customers: Ints) -> NDArray[np.int8]:
    """The region of each customer, as an index into REGIONS."""
    return _REGION_OF_SEAT[customers % ROUND]


def residents(regions: NDArray[np.int8], customers_known: Ints) -> Ints:
    """How many customers each region has in the complete rounds among those known."""
    return SHARES[regions] * (customers_known // ROUND)


def resident(regions: NDArray[np.int8], rank: Ints) -> Ints:
    """The customer who is number `rank` (from 0) of a region."""
    share = SHARES[regions]
    rounds = rank // share
    return rounds * ROUND + _SEATS[regions, rank - rounds * share]
