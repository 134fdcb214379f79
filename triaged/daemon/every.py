"""What is to be done now and then by a loop that has more to do; by a clock that nobody sets."""

from __future__ import annotations

import time
from collections.abc import Callable


class Every:
    """Is due once in `every_s`, for the first time so long after it was made."""

    def __init__(self, every_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._monotonic = monotonic
        self._last = monotonic()

    def is_due(self) -> bool:
        """Tell whether it is to be done now, which counts as done."""
        now = self._monotonic()
        if now - self._last < self._every_s:
            return False
        self._last = now
        return True
