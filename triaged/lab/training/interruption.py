"""Turns Ctrl-C into a wish that a long computation may fulfil at its next safe moment.

Must not know what is computed.
"""

import signal
from types import FrameType, TracebackType
from typing import Any, Self


class Interruption:
    """Hears the first Ctrl-C or SIGTERM as a wish to stop after this step; a second one ends at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._restore()

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
