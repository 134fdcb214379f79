"""Accounts of people, their sessions, and the count of sign-ins that failed.

A token is known to its browser alone: what is kept is its hash. Knows no web, no cookies and no clock.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from triaged.store.people import attempts
from triaged.store.people.attempts import Attempt
from triaged.store.people.passwords import SALT_BYTES, Cost, hash_password, is_password
from triaged.store.tables import schema
from triaged.store.tables.database import Database, Ledger
from triaged.store.tables.rows import insert_unless_there
from triaged.study.people import AccessRole, Person, name_key

KNOWN_BROWSER: Final = timedelta(days=90)
"""How long a browser is told from a stranger's after a session in it."""
_TOKEN_BYTES = 32
_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Account:
    """One account as administrators see it; `seen_at` is when it last did something, None where it never signed in."""

    person: Person
    created_at: datetime
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a session lasts: without anybody doing anything, and in all."""

    idle: timedelta = timedelta(hours=1)
    longest: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that succeeded; nobody but the browser gets `token`."""

    token: str
    person: Person


@dataclass(frozen=True, slots=True)
class Wrong:
    """Name or password was wrong; which of them is not said."""


@dataclass(frozen=True, slots=True)
class TooMany:
    """Too many sign-ins failed; `wait` until another is looked at."""

    wait: timedelta


class Accounts(Ledger):
    """Who may sign in, and who has; `random` gives tokens and salts."""

    def __init__(
        self, database: Database, *, cost: Cost | None = None, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        super().__init__(database)
        self._cost = cost or Cost()
        self._random = random

    def add(self, person: Person, password: str, *, now: datetime) -> bool:
        """Add an account; False where somebody has this name already."""
        values = {
            "name": person.name,
            "name_key": name_key(person.name),
            "role": person.role,
            "password_hash": self._hash(password),
            "created_at": now,
        }
        with self._database.begin() as connection:
            return insert_unless_there(connection, schema.account, values, key=["name_key"]) is not None

    def set_password(self, name: str, password: str, *, now: datetime) -> bool:
        """Change a password and end every session of the account; False where there is none."""
        kept = self._hash(password)
        with self._database.begin() as connection:
            found = _account(connection, name)
            if found is None:
                return False
            mine = schema.account.c.id == found.id
            connection.execute(update(schema.account).where(mine).values(password_hash=kept))
            _end(connection, schema.session.c.account_id == found.id, now)
        return True

    def end_sessions(self, name: str, *, now: datetime) -> bool:
        """Sign somebody out everywhere; False where nobody has this name."""
        with self._database.begin() as connection:
            found = _account(connection, name)
            if found is not None:
                _end(connection, schema.session.c.account_id == found.id, now)
        return found is not None

    def remove(self, name: str) -> bool:
        """Remove an account with its sessions; False where there is none."""
        with self._database.begin() as connection:
            found = _account(connection, name)
            if found is None:
                return False
            connection.execute(delete(schema.session).where(schema.session.c.account_id == found.id))
            connection.execute(delete(schema.account).where(schema.account.c.id == found.id))
        return True

    def all(self) -> list[Account]:
        """Return every account, by name."""
        query = (
            select(schema.account, func.max(schema.session.c.last_seen_at).label("seen_at"))
            .outerjoin(schema.session, schema.session.c.account_id == schema.account.c.id)
            .group_by(schema.account.c.id)
            .order_by(schema.account.c.name_key)
        )
        return [Account(_person(row), row.created_at, row.seen_at) for row in self._rows(query)]

    def sign_in(
        self, name: str, password: str, *, address: str, browser: str, now: datetime
    ) -> SignedIn | Wrong | TooMany:
        """Begin a session where name and password are right, and not too many tries were wrong.

        A try is counted before its password is looked at, so that tries made at once are counted too. An unknown name
        takes as long as a wrong password. `browser` is the secret of a browser, which may have signed in before.
        """
        with self._database.begin() as connection:
            found = _account(connection, name)
            known = found is not None and _is_known(connection, found.id, browser, now)
            attempt = Attempt(_digest(name_key(name)), address, _digest(browser) if known else None)
            wait = attempts.begin(connection, attempt, now=now)
        if wait is not None:
            return TooMany(wait)
        if not is_password(password, self._decoy() if found is None else found.password_hash) or found is None:
            return Wrong()
        with self._database.begin() as connection:
            again = _account(connection, name)
            if again is None or again.password_hash != found.password_hash:
                return Wrong()  # it was changed or removed meanwhile
            attempts.forgive(connection, attempt)
            return SignedIn(self._begin_session(connection, again.id, browser, now), _person(again))

    def person(self, token: str, *, lasting: Lasting, now: datetime, attended: bool) -> Person | None:
        """Return whose session a token is, or None where it has ended; `attended` where somebody did something."""
        mine = schema.session.c.token_hash == _digest(token)
        query = (
            select(schema.account, schema.session.c.last_seen_at, schema.session.c.created_at.label("begun_at"))
            .join(schema.session, schema.session.c.account_id == schema.account.c.id)
            .where(
                mine,
                schema.session.c.ended_at.is_(None),
                schema.session.c.last_seen_at > now - lasting.idle,
                schema.session.c.created_at > now - lasting.longest,
            )
        )
        found = self._row(query)
        if found is None:
            return None
        # After a step back of the clock a session counts from now on, or it would last longer than it may.
        is_ahead = max(found.begun_at, found.last_seen_at) > now + _NOTED_EVERY
        if is_ahead or (attended and found.last_seen_at <= now - min(_NOTED_EVERY, lasting.idle / 10)):
            times = {"last_seen_at": now, "created_at": min(found.begun_at, now)}
            with self._database.begin() as connection:
                connection.execute(update(schema.session).where(mine).values(times))
        return _person(found)

    def sign_out(self, token: str, *, now: datetime) -> None:
        """End a session, if it is one."""
        with self._database.begin() as connection:
            _end(connection, schema.session.c.token_hash == _digest(token), now)

    def _begin_session(self, connection: Connection, account_id: int, browser: str, now: datetime) -> str:
        connection.execute(delete(schema.session).where(schema.session.c.last_seen_at <= now - KNOWN_BROWSER))
        token = self._random(_TOKEN_BYTES).hex()
        values = {
            "token_hash": _digest(token),
            "account_id": account_id,
            "browser_hash": _digest(browser),
            "created_at": now,
            "last_seen_at": now,
        }
        connection.execute(insert(schema.session).values(values))
        return token

    def _hash(self, password: str) -> str:
        return hash_password(password, salt=self._random(SALT_BYTES), cost=self._cost)

    def _decoy(self) -> str:
        """Return a hash that no password has, of the same cost, to spend the same time on."""
        return f"$scrypt$ln={self._cost.ln},r={self._cost.r},p={self._cost.p}${'A' * 22}${'A' * 43}"


def _account(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(schema.account).where(schema.account.c.name_key == _sayable(name))).one_or_none()


def _sayable(name: str) -> str:
    """Return the key of a name that anybody may have typed, without what no database can hold."""
    return name_key(name).encode("utf-8", "replace").decode("utf-8").replace("\0", "�")


def _is_known(connection: Connection, account_id: int, browser: str, now: datetime) -> bool:
    if not browser:
        return False
    query = select(schema.session.c.id).where(
        schema.session.c.account_id == account_id,
        schema.session.c.browser_hash == _digest(browser),
        schema.session.c.last_seen_at > now - KNOWN_BROWSER,
    )
    return connection.execute(query.limit(1)).first() is not None


def _end(connection: Connection, which: Any, now: datetime) -> None:
    connection.execute(update(schema.session).where(which, schema.session.c.ended_at.is_(None)).values(ended_at=now))


def _person(row: Row[Any]) -> Person:
    return Person(row.name, AccessRole(row.role))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
