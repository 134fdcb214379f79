"""How many sign-ins may fail before the next one has to wait. Knows no passwords.

Guesses from strange browsers are counted by account and by address. A browser in which the person had signed in before
is counted by itself alone, so that nobody can keep a doctor out by guessing (the idea is OWASP's device cookie).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, text, update

from triaged.store.tables import schema

WINDOW: Final = timedelta(minutes=15)
MOST_OF_A_BROWSER: Final = 10
MOST_OF_AN_ACCOUNT: Final = 10
MOST_OF_AN_ADDRESS: Final = 30
"""More than of an account: a whole department may have one address."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that is tried; `browser_hash` only of a browser in which this person had signed in before."""

    name_hash: str
    address: str
    browser_hash: str | None


def begin(connection: Connection, attempt: Attempt, *, now: datetime) -> timedelta | None:
    """Count an attempt as failed until it is forgiven; return how long to wait instead where there were too many."""
    rows = schema.sign_in_attempt
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.execute(text("LOCK TABLE sign_in_attempt IN SHARE ROW EXCLUSIVE MODE"))
    connection.execute(delete(rows).where(rows.c.at <= now - WINDOW))
    # Counted by a clock that was set back since: nobody waits longer than the window for it.
    connection.execute(update(rows).where(rows.c.at > now).values(at=now))
    waits = [wait for which, most in _limits(attempt) if (wait := _wait(connection, which, most, now)) is not None]
    if waits:
        return max(waits)
    connection.execute(insert(rows).values({"at": now, **asdict(attempt)}))
    return None


def forgive(connection: Connection, attempt: Attempt) -> None:
    """Forget what the same person got wrong in the same place: the sign-in has succeeded.

    Guesses from elsewhere, and at other accounts, stay counted.
    """
    rows = schema.sign_in_attempt
    same = rows.c.address == attempt.address
    if attempt.browser_hash is not None:
        same = rows.c.browser_hash == attempt.browser_hash
    connection.execute(delete(rows).where(rows.c.name_hash == attempt.name_hash, same))


def _limits(attempt: Attempt) -> list[tuple[ColumnElement[bool], int]]:
    rows = schema.sign_in_attempt
    if attempt.browser_hash is not None:
        mine = and_(rows.c.name_hash == attempt.name_hash, rows.c.browser_hash == attempt.browser_hash)
        return [(mine, MOST_OF_A_BROWSER)]
    strange = rows.c.browser_hash.is_(None)
    return [
        (and_(strange, rows.c.name_hash == attempt.name_hash), MOST_OF_AN_ACCOUNT),
        (and_(strange, rows.c.address == attempt.address), MOST_OF_AN_ADDRESS),
    ]


def _wait(connection: Connection, which: ColumnElement[bool], most: int, now: datetime) -> timedelta | None:
    """Return when the oldest of the last `most` attempts leaves the window, or None where there were fewer."""
    at = schema.sign_in_attempt.c.at
    oldest = connection.execute(select(at).where(which).order_by(at.desc()).offset(most - 1).limit(1)).scalar()
    return None if oldest is None else oldest + WINDOW - now
