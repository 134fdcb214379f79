"""Sessions, begun and ended inside others' transactions; a token is known to its browser alone.

What is kept of a token is its hash. Knows no passwords, no web and no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from triaged.store.tables import schema

KNOWN_BROWSER: Final = timedelta(days=90)
"""How long a browser is told from a stranger's after a session in it."""
_TOKEN_BYTES: Final = 32
_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a session lasts: without anybody doing anything, and in all."""

    idle: timedelta = timedelta(hours=1)
    longest: timedelta = timedelta(hours=12)

    def is_ahead(self, session: Row[Any], now: datetime) -> bool:
        """Tell whether a session is of later than now: the clock was set back, and it would last longer than it may."""
        return bool(max(session.begun_at, session.last_seen_at) > now + _NOTED_EVERY)

    def is_to_be_noted(self, session: Row[Any], now: datetime) -> bool:
        """Tell whether it is worth a write that somebody has done something now."""
        return bool(session.last_seen_at <= now - min(_NOTED_EVERY, self.idle / 10))


def begin(
    connection: Connection, account_id: int, browser: str, *, random: Callable[[int], bytes], now: datetime
) -> str:
    """Begin a session of an account in a browser, and return its token."""
    connection.execute(delete(schema.session).where(schema.session.c.last_seen_at <= now - KNOWN_BROWSER))
    token = random(_TOKEN_BYTES).hex()
    values = {
        "token_hash": digest(token),
        "account_id": account_id,
        "browser_hash": digest(browser),
        "created_at": now,
        "last_seen_at": now,
    }
    connection.execute(insert(schema.session).values(values))
    return token


def end(connection: Connection, which: Any, now: datetime) -> None:
    """End every session of those that has not ended."""
    connection.execute(update(schema.session).where(which, schema.session.c.ended_at.is_(None)).values(ended_at=now))


def is_known(connection: Connection, account_id: int, browser: str, now: datetime) -> bool:
    """Tell whether somebody has had a session in a browser lately."""
    if not browser:
        return False
    query = select(schema.session.c.id).where(
        schema.session.c.account_id == account_id,
        schema.session.c.browser_hash == digest(browser),
        schema.session.c.last_seen_at > now - KNOWN_BROWSER,
    )
    return connection.execute(query.limit(1)).first() is not None


def digest(text: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
