"""Names and signatures of what a write probe creates.

Whatever a check leaves for a moment in a production system carries ``floe-preflight-<time>-<run id>-…`` as its
name and a signature as its body, comment or property. Only what has both, and is older than an hour, may be
swept by a later run.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

PREFIX = "floe-preflight-"
SIGNATURE = "pytest-floe canary; safe to delete; run "
SWEEP_AGE = timedelta(hours=1)

_NAME = re.compile(r"^floe-preflight-(\d{8}t\d{6}z)-([0-9a-f]{8})-[a-z0-9-]+$")
_TIME = "%Y%m%dt%H%M%Sz"


def name(run_id: str, purpose: str, now: datetime | None = None) -> str:
    """Return a canary's name: lower case, digits and hyphens, at most 63 characters."""
    stamp = (now or datetime.now(UTC)).strftime(_TIME)
    return f"{PREFIX}{stamp}-{run_id}-{purpose}"[:63]


def signature(run_id: str) -> str:
    """Return the text that a canary of this run carries as body, comment or property."""
    return f"{SIGNATURE}{run_id}"


def is_stale(candidate: str, body: str, now: datetime | None = None) -> bool:
    """Tell whether ``candidate`` with ``body`` is the leftover of a crashed run, old enough to be removed."""
    found = _NAME.match(candidate)
    if not found or body != signature(found[2]):
        return False
    created = datetime.strptime(found[1], _TIME).replace(tzinfo=UTC)
    return (now or datetime.now(UTC)) - created > SWEEP_AGE
