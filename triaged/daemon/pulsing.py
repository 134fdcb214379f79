"""Writes the pulse of this process to the store while it serves, and reads those of all, each in its own thread."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from triaged.daemon.progress import Progress
from triaged.daemon.rooms import Rooms, skip_if_unreachable
from triaged.errors import TryLater
from triaged.store.roles.pulses import Pulses
from triaged.study.pulse import Pulse, Seen, Vitals

_WRITE_S = 2.0
_READ_S = 2.0
_FORGOTTEN_AFTER_S = 3600.0


@contextmanager
def pulsing(rooms: Rooms, name: str, role: str, progress: Progress) -> Iterator[None]:
    """Let everybody who shares the store see that this process gets on, from when it serves until it ends."""
    pulses, ended = Pulses(rooms.database), threading.Event()

    def write() -> None:
        of_this_process, number, beat = secrets.token_hex(4), 0, ""
        while not ended.wait(_WRITE_S if beat else 0.2):
            if progress.is_serving:
                hung = progress.hung() or ""
                number += not hung
                beat = f"{of_this_process}-{number}"
                with skip_if_unreachable():
                    pulses.write(Pulse(name, role, beat, hung or progress.hindrance()))

    thread = threading.Thread(target=write, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_WRITE_S)
        with contextlib.suppress(TryLater):
            pulses.remove(name)


class Watch:
    """What this process sees of all others, by its own monotonic clock."""

    def __init__(self, rooms: Rooms) -> None:
        self._pulses = Pulses(rooms.database)
        self._vitals = Vitals()
        self._lock = threading.Lock()

    def start(self, stop: threading.Event) -> None:
        """Look every few seconds until `stop` is set."""

        def look() -> None:
            while not stop.is_set():
                with contextlib.suppress(TryLater):  # who asks how the daemon is asks the database too
                    self.look()
                stop.wait(_READ_S)

        threading.Thread(target=look, name="vitals", daemon=True).start()

    def look(self) -> None:
        """Read every pulse once; raises `TryLater` where the store is unreachable."""
        found = self._pulses.all()
        with self._lock:
            self._vitals.read(found, time.monotonic())

    def seen(self) -> list[Seen]:
        """Return every process and its silence."""
        with self._lock:
            return self._vitals.seen(time.monotonic())


def forgetting(rooms: Rooms) -> Callable[[], None]:
    """Return the work of forgetting, look by look, processes that ended without a word long ago."""
    pulses, vitals = Pulses(rooms.database), Vitals()

    def look() -> None:
        now = time.monotonic()
        vitals.read(pulses.all(), now)
        for pulse in vitals.silent_for(_FORGOTTEN_AFTER_S, now):
            pulses.forget(pulse)

    return look
