"""Where log lines go: a stream that neither fails nor waits, whatever has become of who reads it.

A full disk, a reader that ended and one that has stopped cost lines, not images. Once lines can be written again, the
first one says how many are missing.
"""

from __future__ import annotations

import io
import os
import select
import threading

_PATIENCE_S = 0.5
"""How long a line waits for a slow reader, until one was lost."""
_ROOM = select.PIPE_BUF
"""So much can be written to a pipe that is ready without waiting (poll(2), pipe(7))."""


class LogStream(io.TextIOBase):
    """Text to a descriptor, whole lines at a time; safe to use from several threads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begun = ""
        self._lost = 0
        self._lock = threading.Lock()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return how text becomes bytes."""
        return "utf-8"

    def writable(self) -> bool:
        """Say that this can be written to."""
        return True

    def isatty(self) -> bool:
        """Tell whether somebody sits in front of it."""
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def write(self, text: str) -> int:
        """Take text; lines are written as soon as they are whole, or lost."""
        with self._lock:
            lines, newline, self._begun = (self._begun + text).rpartition("\n")
            if newline:
                self._emit(lines + newline)
        return len(text)

    def _emit(self, lines: str) -> None:
        said = f"{self._lost} log lines could not be written before this one\n" if self._lost else ""
        if self._written((said + lines).encode("utf-8", "backslashreplace")):
            self._lost = 0
        else:
            self._lost += lines.count("\n")

    def _written(self, content: bytes) -> bool:
        ready = select.poll()
        ready.register(self._descriptor, select.POLLOUT)
        try:
            while content:
                if not ready.poll(0 if self._lost else _PATIENCE_S * 1000):
                    return False
                content = content[os.write(self._descriptor, content[:_ROOM]) :]
        except OSError:
            return False
        return True
