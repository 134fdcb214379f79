"""Accounts of people, and who signs in to one with its password.

Knows no web, no cookies and no clock.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import Connection, Row, delete, func, select, update

from triaged.store.people import attempts, sessions
from triaged.store.people.attempts import Attempt
from triaged.store.people.passwords import (
    SALT_BYTES,
    SCRYPT,
    decoy,
    decoy_like,
    hash_password,
    is_outdated,
    is_password,
)
from triaged.store.people.sessions import Lasting, digest
from triaged.store.tables import schema
from triaged.store.tables.database import Database, Ledger
from triaged.store.tables.rows import insert_unless_there
from triaged.study.people import AccessRole, Person, name_key


@dataclass(frozen=True, slots=True)
class Account:
    """One account as administrators see it; `seen_at` is when it last did something, None where it never signed in.

    `has_password` is False where single sign-on made it.
    """

    person: Person
    created_at: datetime
    seen_at: datetime | None
    has_password: bool = True


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
    """Who may sign in, and who has; `random` gives tokens and salts, `hasher` says what a new hash costs."""

    def __init__(
        self,
        database: Database,
        *,
        hasher: PasswordHasher | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        super().__init__(database)
        self._hasher = hasher or PasswordHasher()
        self._random = random

    def add(self, person: Person, password: str, *, now: datetime) -> bool:
        """Add an account; False where somebody has this name already."""
        values = {
            "name": person.name,
            "name_key": name_key(person.name),
            "role": person.role,
            "password_hash": self._hash(password),
            "created_at": now,
            "sites": sites_text(person.sites),
        }
        with self._database.begin() as connection:
            return insert_unless_there(connection, schema.account, values, key=["name_key"]) is not None

    def set_password(self, name: str, password: str, *, now: datetime) -> bool:
        """Change a password and end every session of the account; False where there is none that has one."""
        kept = self._hash(password)
        with self._database.begin() as connection:
            found = _account(connection, name)
            if found is None or found.subject_hash is not None:
                return False
            mine = schema.account.c.id == found.id
            connection.execute(update(schema.account).where(mine).values(password_hash=kept))
            sessions.end(connection, schema.session.c.account_id == found.id, now)
        return True

    def set_sites(self, name: str, sites: frozenset[str]) -> bool:
        """Let an account see the studies of these sites alone, or without names all, from its next request on.

        False where there is none that is a reader's: administrators see everything.
        """
        with self._database.begin() as connection:
            found = _account(connection, name)
            if found is None or (sites and found.role != AccessRole.READER):
                return False
            mine = schema.account.c.id == found.id
            connection.execute(update(schema.account).where(mine).values(sites=sites_text(sites)))
        return True

    def end_sessions(self, name: str, *, now: datetime) -> bool:
        """Sign somebody out everywhere; False where nobody has this name."""
        with self._database.begin() as connection:
            found = _account(connection, name)
            if found is not None:
                sessions.end(connection, schema.session.c.account_id == found.id, now)
        return found is not None

    def remove(self, name: str) -> bool:
        """Remove an account with its sessions and preferences; False where there is none."""
        with self._database.begin() as connection:
            found = _account(connection, name)
            if found is None:
                return False
            connection.execute(delete(schema.session).where(schema.session.c.account_id == found.id))
            connection.execute(delete(schema.preference).where(schema.preference.c.person_key == found.name_key))
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
        return [
            Account(_person(row), row.created_at, row.seen_at, has_password=row.subject_hash is None)
            for row in self._rows(query)
        ]

    def sign_in(
        self, name: str, password: str, *, address: str, browser: str, now: datetime
    ) -> SignedIn | Wrong | TooMany:
        """Begin a session where name and password are right, and not too many tries were wrong.

        A try is counted before its password is looked at, so that tries made at once are counted too. An unknown name
        takes as long as a wrong password. `browser` is the secret of a browser, which may have signed in before. A hash
        that this version would not make any more is replaced when its password was right.
        """
        with self._database.begin() as connection:
            found = _account(connection, name)
            if found is not None and found.subject_hash is not None:
                found = None  # it has no password
            known = found is not None and sessions.is_known(connection, found.id, browser, now)
            attempt = Attempt(digest(name_key(name)), address, digest(browser) if known else None)
            wait = attempts.begin(connection, attempt, now=now)
            old = _an_old_hash(connection)
        if wait is not None:
            return TooMany(wait)
        if not self._is_password(password, found, old) or found is None:
            return Wrong()
        renewed = self._hash(password) if is_outdated(found.password_hash, self._hasher) else found.password_hash
        with self._database.begin() as connection:
            again = _account(connection, name)
            if again is not None and again.password_hash == found.password_hash:
                attempts.forgive(connection, attempt)
                if renewed != found.password_hash:
                    mine = schema.account.c.id == again.id
                    connection.execute(update(schema.account).where(mine).values(password_hash=renewed))
                token = sessions.begin(connection, again.id, browser, random=self._random, now=now)
                return SignedIn(token, _person(again))
        if renewed == found.password_hash:
            return Wrong()  # it was changed or removed meanwhile
        return self.sign_in(name, password, address=address, browser=browser, now=now)  # or replaced by a twin of this

    def person(self, token: str, *, lasting: Lasting, now: datetime, attended: bool) -> Person | None:
        """Return whose session a token is, or None where it has ended; `attended` where somebody did something."""
        mine = schema.session.c.token_hash == digest(token)
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
        # After a step back of the clock a session counts from now on.
        if lasting.is_ahead(found, now) or (attended and lasting.is_to_be_noted(found, now)):
            times = {"last_seen_at": now, "created_at": min(found.begun_at, now)}
            with self._database.begin() as connection:
                connection.execute(update(schema.session).where(mine).values(times))
        return _person(found)

    def sign_out(self, token: str, *, now: datetime) -> bool:
        """End a session, if it is one; tell whether it was of an account of single sign-on."""
        mine = schema.session.c.token_hash == digest(token)
        signed_on = (
            select(schema.account.c.id)
            .join(schema.session, schema.session.c.account_id == schema.account.c.id)
            .where(mine, schema.account.c.subject_hash.is_not(None))
        )
        with self._database.begin() as connection:
            sessions.end(connection, mine, now)
            return connection.execute(signed_on).first() is not None

    def _hash(self, password: str) -> str:
        return hash_password(password, salt=self._random(SALT_BYTES), hasher=self._hasher)

    def _is_password(self, password: str, found: Row[Any] | None, old: str | None) -> bool:
        """Tell whether a password is that of an account, with the same work for every account and for none.

        As long as any account has an old hash, a hash of each kind is tried: the account's own, and decoys for others.
        """
        tried = [decoy(self._hasher), *([] if old is None else [decoy_like(old)])]
        if found is not None:
            is_old = found.password_hash.startswith(SCRYPT)
            tried = [found.password_hash, *(each for each in tried if each.startswith(SCRYPT) is not is_old)]
        own, *_ = [is_password(password, each) for each in tried]
        return own and found is not None


def _an_old_hash(connection: Connection) -> str | None:
    """Return a hash that an earlier version made, or None where every account has a new one."""
    query = select(schema.account.c.password_hash).where(schema.account.c.password_hash.startswith(SCRYPT))
    found: str | None = connection.execute(query.limit(1)).scalar()
    return found


def _account(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(schema.account).where(schema.account.c.name_key == _sayable(name))).one_or_none()


def _sayable(name: str) -> str:
    """Return the key of a name that anybody may have typed, without what no database can hold."""
    return name_key(name).encode("utf-8", "replace").decode("utf-8").replace("\0", "�")


def sites_text(sites: frozenset[str]) -> str:
    """Return what is kept of the sites of an account; names have no spaces."""
    return " ".join(sorted(sites))


def _person(row: Row[Any]) -> Person:
    role = AccessRole(row.role)
    return Person(row.name, role, frozenset(row.sites.split()) if role is AccessRole.READER else frozenset())
