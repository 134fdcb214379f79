"""Keeps what was made last, up to a bound; the one that was not asked for longest goes first.

Knows nothing of what is kept: whoever keeps says how large it is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept")


class Recent(Generic[Key, Kept]):
    """Values that together have a `size` of at most `most`, in bytes or in number; safe to share between threads."""

    def __init__(self, most: int, size: Callable[[Kept], int]) -> None:
        self._most = most
        self._size_of = size
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0

    def get(self, key: Key) -> Kept | None:
        """Return a value that is still kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: Key, value: Kept) -> None:
        """Keep a value, and let others go where there is no room."""
        with self._lock:
            if key in self._kept:
                self.size -= self._size_of(self._kept.pop(key))
            self._kept[key] = value
            self.size += self._size_of(value)
            while self.size > self._most:
                self.size -= self._size_of(self._kept.popitem(last=False)[1])
