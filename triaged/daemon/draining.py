"""How a role finishes what it is at when it is asked to end, and which receivers do so beside the one that serves.

A receiver that hands over has a name of its own, so that its successor does not take what it is at for left behind.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

DRAINING_VARIABLE: Final = "TRIAGED_DRAINING"
"""Names of receivers that end by themselves, in JSON, in the environment of the one that takes over."""
SUCCESSOR: Final = "."
"""Between `receiver` and the number of one that took over from another."""


class Draining:
    """Receivers that end by themselves, by their names within the daemon."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    @property
    def descriptors(self) -> Sequence[int]:
        """Return that nothing is inherited."""
        return ()

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what tells a receiver of the others."""
        return {DRAINING_VARIABLE: json.dumps(list(self._names))}


def others_draining() -> list[str]:
    """Return the names of receivers that still serve their associations beside this one, as the store knows them."""
    return [f"{name}@{socket.gethostname()}" for name in json.loads(os.environ.get(DRAINING_VARIABLE, "[]"))]


def successors_of(role: str) -> str:
    """Return the SQL pattern of the names of all that took over from another on this machine; nothing else is one.

    It is empty where no supervisor started this process.
    """
    if DRAINING_VARIABLE not in os.environ:
        return ""
    host = socket.gethostname().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"{role}{SUCCESSOR}%@{host}"


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
