"""What an administrator has stopped for a while, and since when, by whom and why. Knows no sockets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select

from triaged.store.tables.database import Ledger
from triaged.store.tables.housekeeping import pause
from triaged.store.tables.rows import insert_or_replace


class Pausable(StrEnum):
    """What can be stopped."""

    RECEIVING = "receiving"
    SENDING = "sending"


@dataclass(frozen=True, slots=True)
class Pause:
    """A stop; an empty `target` is every destination and subscriber."""

    what: Pausable
    target: str
    person: str
    reason: str
    since: datetime

    @property
    def words(self) -> str:
        """Return what is stopped, by whom and why."""
        to = f" to {self.target}" if self.target else ""
        return f"{self.what}{to} is paused by {self.person}: {self.reason}"


class Pauses(Ledger):
    """What is stopped at this moment."""

    def all(self) -> list[Pause]:
        """Return every stop, the oldest first."""
        rows = self._rows(select(pause).order_by(pause.c.since, pause.c.what, pause.c.target))
        return [Pause(Pausable(row.what), row.target, row.person, row.reason, row.since) for row in rows]

    def begin(self, stop: Pause) -> None:
        """Stop something; what is stopped already gets the newer reason."""
        values = {
            "what": stop.what,
            "target": stop.target,
            "person": stop.person,
            "reason": stop.reason,
            "since": stop.since,
        }
        with self._database.begin() as connection:
            insert_or_replace(connection, pause, values, key=["what", "target"])

    def end(self, what: Pausable, target: str) -> bool:
        """Let something go on; False where it was not stopped."""
        with self._database.begin() as connection:
            gone = delete(pause).where(pause.c.what == what, pause.c.target == target)
            return bool(connection.execute(gone).rowcount)
