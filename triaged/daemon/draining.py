"""How a role finishes what it is at when it is asked to end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def finishing(finish: Callable[[], None]) -> Iterator[None]:
    """Call `finish` on SIGUSR1; it is called within a signal handler, so it takes no lock."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        finish()

    earlier = signal.signal(signal.SIGUSR1, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, earlier)
