"""Gives a sign of life for a role that cannot: it computes, and a library lets none of its other threads run.

Its supervisor sees that it is at work, on the same machine; others would see a pulse that stands still.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection
from contextlib import closing, suppress

from triaged.errors import TriagedError
from triaged.store.roles.pulses import Pulses
from triaged.store.tables.database import open_database

_EVERY_S = 2.0


class Voucher:
    """Moves the pulses of those roles, in a thread of its own: the supervisor never waits for the database."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._names: Collection[str] = ()
        self._wanted = threading.Event()
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="vouching", daemon=True).start()

    def vouch(self, names: Collection[str]) -> None:
        """Give signs of life for these processes, and no others, from now on."""
        self._names = names
        if names:
            self._wanted.set()
        else:
            self._wanted.clear()

    def close(self) -> None:
        """End."""
        self._ended.set()
        self._wanted.set()

    def _run(self) -> None:
        while self._wanted.wait() and not self._ended.is_set():
            with suppress(TriagedError), closing(open_database(self._url)) as database:
                for name in self._names:
                    Pulses(database).move(name, f"vouched-{secrets.token_hex(4)}")
            self._ended.wait(_EVERY_S)
