"""Keeps in the store what became of each configuration, in a thread of its own: nobody waits for the database."""

from __future__ import annotations

import queue
import threading
from contextlib import closing

import structlog

from triaged.daemon.repeated import AWAY_S, Repeated, cause
from triaged.errors import TriagedError
from triaged.store.roles.configurations import Configurations, Reading
from triaged.store.tables.database import open_database

log = structlog.get_logger()

_AGAIN_S = 2.0
_LAST_MOMENT_S = 3.0


class Recorder:
    """What is to be kept, in its order; what cannot be while the store is away is kept when it is back."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._waiting: queue.Queue[tuple[Reading, bool] | None] = queue.Queue()
        self._ended = threading.Event()
        self._away = Repeated(1, AWAY_S)
        self._thread = threading.Thread(target=self._run, name="configuration-record", daemon=True)
        self._thread.start()

    def add(self, reading: Reading, *, unless_in_force: bool = False) -> None:
        """Keep this; `unless_in_force` not where the store says already that it is in force."""
        self._waiting.put((reading, unless_in_force))

    def close(self) -> None:
        """Keep what can be kept within a moment, and end."""
        self._waiting.put(None)
        self._thread.join(_LAST_MOMENT_S)
        self._ended.set()

    def _run(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            while not self._ended.is_set() and not self._written(*waiting):
                self._ended.wait(_AGAIN_S)

    def _written(self, reading: Reading, unless_in_force: bool) -> bool:
        try:
            with closing(open_database(self._url)) as database:
                ledger = Configurations(database)
                last = ledger.in_force() if unless_in_force else None
                if last is None or last.reading.sha256 != reading.sha256:
                    ledger.add(reading)
            return True
        except TriagedError as error:
            left_out = self._away.left_out(cause(str(error)))
            if left_out is not None:
                log.warning("configuration not recorded, will try again", why=str(error), left_out=left_out)
            return False
