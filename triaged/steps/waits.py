"""Whether something still has to wait, by a wall clock that somebody may have set meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta


def still_waits(until: datetime | None, *, longest_s: float, now: datetime) -> bool:
    """Tell whether `until` is to come; further ahead than anything ever waits, it is from a clock that was wrong."""
    return until is not None and now < until <= now + timedelta(seconds=longest_s)
