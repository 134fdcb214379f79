"""Studies that wait, and which of them is next.

Must not know classes or times of reading: an order arrives as keys.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from typing import Any, NamedTuple, Protocol

Key = Any
"""What a queue compares; all keys of one queue are of one kind."""


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


class Growing(NamedTuple):
    """A key that depends on the clock.

    Within one `group` the order never changes and is that of `since`; between groups `key_at` a minute decides, the
    least first.
    """

    group: Hashable
    since: Any
    key_at: Callable[[float], Any]


class GrowingQueue:
    """Takes the study whose key is the least at the moment, by looking at the first of every group."""

    def __init__(self) -> None:
        self._heaps: dict[Hashable, list[tuple[Any, int]]] = {}
        self._keys: dict[int, Growing] = {}

    def put(self, study: int, key: Growing) -> None:
        """Let a study wait with this key."""
        self._keys[study] = key
        heappush(self._heaps.setdefault(key.group, []), (key.since, study))

    def take(self, now_min: float) -> int | None:
        """Return the study with the least key now."""
        firsts = [study for group in self._heaps if (study := self._first(group)) is not None]
        if not firsts:
            return None
        study = min(firsts, key=lambda each: self._keys[each].key_at(now_min))
        heappop(self._heaps[self._keys.pop(study).group])
        return study

    def _first(self, group: Hashable) -> int | None:
        heap = self._heaps[group]
        while heap and ((key := self._keys.get(heap[0][1])) is None or key.group != group):
            heappop(heap)
        return heap[0][1] if heap else None

    def __contains__(self, study: int) -> bool:
        return study in self._keys
