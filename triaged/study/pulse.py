"""What a process of the daemon says of itself, and what can be told from that by whoever reads it again and again.

No wall clock is involved: a reader looks by its own clock, which nobody can set, whether anything changes. So neither a
step of a clock nor another machine's clock makes a process look alive or dead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pulse:
    """`name` is unique on a store, as worker-1@host; `beat` changes while it gets on; `hung` says what does not."""

    name: str
    role: str
    beat: str
    hung: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A process, and for how long its beat has not changed; None where it never did while somebody looked."""

    pulse: Pulse
    silent_s: float | None

    def is_fresh(self, within_s: float) -> bool:
        """Tell whether it gets on."""
        return self.silent_s is not None and self.silent_s <= within_s


class Vitals:
    """One reader's memory of who got on when."""

    def __init__(self) -> None:
        self._pulses: dict[str, Pulse] = {}
        self._moved_at: dict[str, float | None] = {}
        self._first_seen_at: dict[str, float] = {}
        self._has_read = False

    def read(self, pulses: Sequence[Pulse], at_s: float) -> None:
        """Take in what was read at `at_s` of a clock that nobody sets."""
        found = {pulse.name: pulse for pulse in pulses}
        for name, pulse in found.items():
            before = self._pulses.get(name)
            if before is None:  # what stood there before the first look may be of a process that is long dead
                self._moved_at[name] = at_s if self._has_read else None
                self._first_seen_at[name] = at_s
            elif before.beat != pulse.beat:
                self._moved_at[name] = at_s
        self._pulses, self._has_read = found, True

    def seen(self, at_s: float) -> list[Seen]:
        """Return every process that has a pulse, with its silence until `at_s`."""
        moved = [(pulse, self._moved_at[name]) for name, pulse in self._pulses.items()]
        return [Seen(pulse, None if moved_at is None else at_s - moved_at) for pulse, moved_at in moved]

    def silent_for(self, seconds: float, at_s: float) -> list[Pulse]:
        """Return who has said nothing for so long, also where nothing was ever seen to change."""
        return [
            pulse
            for name, pulse in self._pulses.items()
            if at_s - (self._moved_at[name] or self._first_seen_at[name]) > seconds
        ]
