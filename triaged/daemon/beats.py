"""How a role tells its supervisor every second that it lives and gets on: lines in a pipe.

A process that is stopped, or whose interpreter hangs, writes nothing. Knows no work and decides nothing.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import Final

from triaged.daemon.progress import Progress

BEAT_VARIABLE: Final = "TRIAGED_BEAT_FD"
"""The end of the pipe that a role writes to, in the environment of a role that a supervisor started."""
BEAT_S: Final = 1.0
_STARTING, _SERVING, _STUCK = "starting", "serving", "hung "
_MOST_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Beat:
    """What a role said last; `hung` names the thread that makes no progress, or is empty."""

    serves: bool
    hung: str


def begin_beats(progress: Progress) -> None:
    """Write a line every second from now on, where a supervisor started this process."""
    said = os.environ.get(BEAT_VARIABLE)
    if said is None:
        return
    pipe = int(said)
    os.set_inheritable(pipe, False)
    threading.Thread(target=_write, args=(pipe, progress), name="beat", daemon=True).start()


def _write(pipe: int, progress: Progress) -> None:
    while True:
        hung = progress.hung()
        line = (_SERVING if progress.is_serving else _STARTING) if hung is None else _STUCK + hung
        try:
            os.write(pipe, f"{line}\n".encode())
        except BlockingIOError:
            pass  # the supervisor is stopped, and the pipe full
        except OSError:
            return  # it is gone: `supervisor-watch` ends the role
        time.sleep(BEAT_S)


class BeatPipe:
    """The supervisor's end of one role's pipe."""

    def __init__(self) -> None:
        self._read, self.write_end = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self.write_end, False)

    def started(self) -> None:
        """Give up the end that the role has now."""
        os.close(self.write_end)

    def last(self) -> Beat | None:
        """Return the last line that came since this was asked before, or None where none did."""
        try:
            lines = os.read(self._read, _MOST_BYTES).decode("utf-8", "replace").split("\n")
        except BlockingIOError:
            return None
        if len(lines) < 2:
            return None
        line = lines[-2]  # the last whole one: writes of less than a page are not torn
        return Beat(line == _SERVING, line.removeprefix(_STUCK) if line.startswith(_STUCK) else "")

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read)
