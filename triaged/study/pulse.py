"""What a process of the daemon says of itself, and what can be told from that by whoever reads it again and again.

No wall clock is involved: a reader looks by its own clock, which nobody can set, whether anything changes. So neither a
step of a clock nor another machine's clock makes a process look alive or dead.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pulse:
    """`name` as `study.process` makes it; `beat` changes while it gets on, and `hung` says what does not."""

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


class Silences:
    """One observer's memory of for how long others have given no sign of life: those with a pulse, and any other.

    Silence counts only while the observer sees its own pulse move, and looks often. So nobody is thought dead because
    the store took no pulses, or because it was the observer that was away.
    """

    def __init__(self, observer: str) -> None:
        self._observer = observer
        self._beats: dict[str, str] = {}
        self._silent_s: dict[str, float] = {}
        self._read_at: float | None = None
        self._own_moved_at: float | None = None

    def read(self, pulses: Sequence[Pulse], others: Collection[str], at_s: float) -> None:
        """Take in what was read at `at_s` of a clock that nobody sets; `others` may have no pulse."""
        beats = dict.fromkeys(others, "") | {pulse.name: pulse.beat for pulse in pulses}
        own = beats.get(self._observer, "")
        if own != self._beats.get(self._observer, ""):
            self._own_moved_at = at_s
        passed_s = self._counted_s(at_s)
        self._silent_s = {
            name: self._silent_s[name] + passed_s if self._beats.get(name) == beat else 0.0
            for name, beat in beats.items()
        }
        self._beats, self._read_at = beats, at_s

    def longer_than(self, seconds: float) -> frozenset[str]:
        """Return who has given no sign of life for so long."""
        return frozenset(name for name, silent_s in self._silent_s.items() if silent_s > seconds)

    def _counted_s(self, at_s: float) -> float:
        """Return what of the time since the last look counts."""
        if self._read_at is None or self._own_moved_at is None or at_s - self._own_moved_at > _LONGEST_LOOK_S:
            return 0.0
        passed_s = at_s - self._read_at
        return passed_s if passed_s <= _LONGEST_LOOK_S else 0.0


_LONGEST_LOOK_S = 5.0
