"""Studies that wait, and which of them is next.

Must not know classes or times of reading: an order arrives as keys.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any, Final, NamedTuple, Protocol

Key = Any
"""What a queue compares; all keys of one queue are of one kind."""
AT_ONCE: Final = float("inf")
"""The rate of a study that is always first."""


class Move(NamedTuple):
    """A study comes onto the list, or gets another place on it.

    `tier` says who may interrupt whom: a lower one is more urgent, and 0 is an emergency.
    """

    at_min: float
    study: int
    key: Key
    tier: int


class Queue(Protocol):
    """Studies that wait."""

    def put(self, study: int, key: Key) -> None:
        """Let a study wait with this key; one that waits already gets the key instead of the one it has."""
        ...

    def take(self, now_min: float) -> int | None:
        """Return the next study, which no longer waits; None where nobody waits."""
        ...

    def __contains__(self, study: int) -> bool: ...


class KeyQueue:
    """Takes the least key first."""

    def __init__(self) -> None:
        self._heap: list[tuple[Key, int]] = []
        self._keys: dict[int, Key] = {}

    def put(self, study: int, key: Key) -> None:
        """Let a study wait with this key."""
        self._keys[study] = key
        heappush(self._heap, (key, study))

    def take(self, now_min: float) -> int | None:
        """Return the study with the least key."""
        del now_min
        heap, keys = self._heap, self._keys
        while heap:
            key, study = heappop(heap)
            if keys.get(study) is key:
                del keys[study]
                return study
        return None

    def __contains__(self, study: int) -> bool:
        return study in self._keys


class AccumulatingQueue:
    """Takes the study whose priority, its rate by the time since it came, is highest (Stanford et al. 2014).

    Keys are (rate, minute of arrival). With the rate `AT_ONCE` a study is before all others, the first come first.
    """

    def __init__(self) -> None:
        self._heaps: dict[float, list[tuple[float, int]]] = {}
        self._rates: dict[int, float] = {}

    def put(self, study: int, key: tuple[float, float]) -> None:
        """Let a study wait with this rate since its arrival."""
        rate, arrived_min = key
        self._rates[study] = rate
        heappush(self._heaps.setdefault(rate, []), (arrived_min, study))

    def take(self, now_min: float) -> int | None:
        """Return the study with the highest priority now."""
        best: tuple[float, float] | None = None
        for rate, heap in self._heaps.items():
            while heap and self._rates.get(heap[0][1]) != rate:
                heappop(heap)
            if heap:
                priority = AT_ONCE if rate == AT_ONCE else rate * (now_min - heap[0][0])
                best = max(best or (priority, rate), (priority, rate))
        if best is None:
            return None
        _, study = heappop(self._heaps[best[1]])
        del self._rates[study]
        return study

    def __contains__(self, study: int) -> bool:
        return study in self._rates
