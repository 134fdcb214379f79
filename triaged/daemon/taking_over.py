"""Takes back what processes held that are gone: a role at its start from those before it, the clock from any other.

Who is gone is told by the supervisor that saw it end, or by its silence. What a process holds that was only away is
taken back too: it finds its claims stale, and changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from triaged.daemon.rooms import Rooms, clock, skip_if_unreachable
from triaged.store.couriers.holders import Holders
from triaged.store.roles.pulses import Pulses
from triaged.study.pulse import Silences

log = structlog.get_logger()

LOOK_S = 2.0
DEAD_AFTER_S = 12.0
"""How long a process may give no sign of life: pulses are written every 2 s."""


def take_over(rooms: Rooms, predecessors: Sequence[str]) -> None:
    """Take over from processes that are known to have ended; the clock does it where the store is away now."""
    for name in predecessors:
        with skip_if_unreachable():
            _release(rooms, name, "has ended")
            Pulses(rooms.database).remove(name)


def from_the_silent(rooms: Rooms, name: str) -> Callable[[], None]:
    """Return the work of taking back, look by look, what silent processes hold, as the one of this `name` sees them."""
    pulses, holders, silences = Pulses(rooms.database), Holders(rooms.database), Silences(name)

    def look() -> None:
        holding = holders.names()
        silences.read(pulses.all(), holding, time.monotonic())
        for silent in holding.intersection(silences.longer_than(DEAD_AFTER_S)):
            _release(rooms, silent, f"gave no sign of life for {DEAD_AFTER_S:.0f} s")

    return look


def _release(rooms: Rooms, name: str, why: str) -> None:
    found = Holders(rooms.database).release(name, why=why, now=clock()).found()
    if found:
        log.warning("taken over from a process that is gone", process=name, why=why, **found)
